//! A decoded picture: upright 8-bit RGB, nothing else. It does not know where it came from on disk.

use ::image::codecs::{jpeg::JpegEncoder, png::PngEncoder};
use ::image::{ExtendedColorType, ImageEncoder};

use super::config::Resample;
use super::error::{ImageError, ImageFault};
use super::format::PictureFormat;
use super::resample::{Frame, Window, resize};

/// 8-bit RGB pixels, row by row from the top left, already turned upright.
///
/// Made by [`super::decode`], [`super::open`] or [`Picture::from_rgb`], which keep
/// `rgb.len() == width * height * 3` and both sides at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
    /// The file format it was decoded from; `None` for a computed picture.
    pub format: Option<PictureFormat>,
    /// True when the file asked to be turned or mirrored (EXIF or TIFF orientation) and it was.
    pub orientation_applied: bool,
}

impl Picture {
    /// A picture from raw pixels, `[height, width, 3]`.
    ///
    /// # Errors
    /// When a side is 0 or the number of bytes does not fit the sides.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, ImageError> {
        Ok(Self::new(width, height, rgb, None, false)?)
    }

    pub(super) fn new(
        width: u32,
        height: u32,
        rgb: Vec<u8>,
        format: Option<PictureFormat>,
        orientation_applied: bool,
    ) -> Result<Self, ImageFault> {
        if width == 0 || height == 0 {
            return Err(ImageFault::NoPixels { width, height });
        }
        let (expected, found) = ((u128::from(width) * u128::from(height) * 3) as u64, rgb.len());
        if expected != found as u64 {
            return Err(ImageFault::SizeMismatch { width, height, expected, found });
        }
        Ok(Self { width, height, rgb, format, orientation_applied })
    }

    /// The same picture within `side` x `side`, keeping its proportions; a smaller picture stays as it is.
    #[must_use]
    pub fn thumbnail(&self, side: u32) -> Self {
        let (side, long) = (u64::from(side.max(1)), u64::from(self.width.max(self.height)));
        if long <= side {
            return self.clone();
        }
        let shrink = |length: u32| (((u64::from(length) * side + long / 2) / long).max(1)) as u32;
        let (width, height) = (shrink(self.width), shrink(self.height));
        let window = Window { left: 0, top: 0, width, height };
        let rgb =
            resize(&Frame::bare(self), (u64::from(width), u64::from(height)), &window, Resample::Bicubic);
        Self { width, height, rgb, ..*self }
    }

    /// The picture as a PNG file.
    ///
    /// # Errors
    /// [`ImageFault::Encode`] when the sides do not fit the format.
    pub fn encode_png(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| ImageFault::Encode { format: PictureFormat::Png, source: Box::new(error) })?;
        Ok(bytes)
    }

    /// The picture as a JPEG file; `quality` is 1 (smallest) to 100 (best).
    ///
    /// # Errors
    /// [`ImageFault::Encode`] when a side exceeds 65535.
    pub fn encode_jpeg(&self, quality: u8) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| ImageFault::Encode { format: PictureFormat::Jpeg, source: Box::new(error) })?;
        Ok(bytes)
    }
}
