//! How do untrusted bytes become RGB pixels without taking the program down?
//!
//! Order matters: size of the file, kind of the content, sides in the header, memory, and only then the
//! decoder. Knows nothing about the network that will look at the picture.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::image::codecs::{
    bmp::BmpDecoder, jpeg::JpegDecoder, png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder,
};
use ::image::error::{ImageError as CodecError, LimitErrorKind};
use ::image::metadata::Orientation;
use ::image::{ColorType, DynamicImage, ImageDecoder, Limits, RgbImage};

use super::error::{ImageError, ImageFault};
use super::format::{PictureFormat, sniff};
use super::picture::Picture;
use super::{gif, jpeg};

/// How much a picture from a stranger may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Width times height.
    pub max_pixels: u64,
    /// Width, and height.
    pub max_side: u32,
    /// Bytes the decoder may allocate, as far as the decoder counts them.
    pub max_alloc: u64,
}

impl Default for DecodeLimits {
    /// 256 MiB, 100 megapixels, 32768 a side, 1 GiB.
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_pixels: 100_000_000, max_side: 32_768, max_alloc: 1 << 30 }
    }
}

impl DecodeLimits {
    pub(super) fn check_sides(&self, width: u32, height: u32) -> Result<(), ImageFault> {
        if width == 0 || height == 0 {
            return Err(ImageFault::NoPixels { width, height });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels || width.max(height) > self.max_side {
            let (max_pixels, max_side) = (self.max_pixels, self.max_side);
            return Err(ImageFault::TooManyPixels { width, height, max_pixels, max_side });
        }
        Ok(())
    }

    fn check_bytes(&self, found: u64) -> Result<(), ImageFault> {
        let allowed = self.max_bytes;
        if found > allowed { Err(ImageFault::TooManyBytes { found, allowed }) } else { Ok(()) }
    }

    fn for_codecs(&self) -> Limits {
        let mut limits = Limits::no_limits();
        limits.max_image_width = Some(self.max_side);
        limits.max_image_height = Some(self.max_side);
        limits.max_alloc = Some(self.max_alloc);
        limits
    }
}

/// What a decoder leaves behind, before the orientation is applied.
pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgb: Vec<u8>,
    pub(super) orientation: Orientation,
}

/// Reads a picture file. The content decides about the format, never the extension.
///
/// # Errors
/// [`ImageError`] with the path, for anything that is not a complete picture within `limits`.
pub fn open(path: &Path, limits: &DecodeLimits) -> Result<Picture, ImageError> {
    let bytes = read(path, limits).map_err(|fault| ImageError::in_file(path, fault))?;
    decode_bytes(&bytes, limits).map_err(|fault| ImageError::in_file(path, fault))
}

/// Decodes the bytes of a picture file.
///
/// # Errors
/// [`ImageError`] without a path, for anything that is not a complete picture within `limits`.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, ImageError> {
    Ok(decode_bytes(bytes, limits)?)
}

fn read(path: &Path, limits: &DecodeLimits) -> Result<Vec<u8>, ImageFault> {
    // Asked by name before opening: opening a named pipe would block until somebody writes to it.
    let kind = std::fs::metadata(path).map_err(ImageFault::Read)?;
    if !kind.is_file() {
        let found = if kind.is_dir() { "a folder" } else { "a device or pipe" };
        return Err(ImageFault::NotAFile { found });
    }
    let file = File::open(path).map_err(ImageFault::Read)?;
    let size = file.metadata().map_err(ImageFault::Read)?.len();
    limits.check_bytes(size)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // The file may grow while it is read, so the reader is bounded as well.
    file.take(limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(ImageFault::Read)?;
    Ok(bytes)
}

fn decode_bytes(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, ImageFault> {
    limits.check_bytes(bytes.len() as u64)?;
    let format = sniff(bytes)?;
    // The decoders are safe Rust and some of them panic on hostile input, as their authors say. A panic must
    // cost one picture, not the run. Nothing outlives the closure, so no broken state can be observed.
    let canvas = catch_unwind(AssertUnwindSafe(|| decode_as(format, bytes, limits)))
        .unwrap_or(Err(ImageFault::DecoderPanic { format }))?;
    orient(canvas, format)
}

fn decode_as(format: PictureFormat, bytes: &[u8], limits: &DecodeLimits) -> Result<Canvas, ImageFault> {
    let reader = Cursor::new(bytes);
    let fault = |error| codec_fault(error, format, limits);
    if let Some((width, height)) = announced_sides(format, bytes) {
        limits.check_sides(width, height)?;
    }
    match format {
        PictureFormat::Gif => gif::decode_first_frame(bytes, limits),
        PictureFormat::Jpeg if !jpeg::is_complete(bytes) => Err(ImageFault::Truncated { format }),
        PictureFormat::Jpeg => read_pixels(JpegDecoder::new(reader).map_err(fault)?, format, limits),
        PictureFormat::Png => {
            let decoder = PngDecoder::with_limits(reader, png_limits(limits)).map_err(fault)?;
            read_pixels(decoder, format, limits)
        }
        PictureFormat::WebP if !webp_is_complete(bytes) => Err(ImageFault::Truncated { format }),
        PictureFormat::WebP => read_pixels(WebPDecoder::new(reader).map_err(fault)?, format, limits),
        PictureFormat::Bmp => read_pixels(BmpDecoder::new(reader).map_err(fault)?, format, limits),
        PictureFormat::Tiff => read_pixels(TiffDecoder::new(reader).map_err(fault)?, format, limits),
    }
}

/// Sides at a fixed place of the header, where the decoder's own complaint would not name them.
fn announced_sides(format: PictureFormat, bytes: &[u8]) -> Option<(u32, u32)> {
    let four = |at: usize| -> Option<[u8; 4]> { bytes.get(at..at + 4)?.try_into().ok() };
    match format {
        PictureFormat::Png if four(12)? == *b"IHDR" => {
            Some((u32::from_be_bytes(four(16)?), u32::from_be_bytes(four(20)?)))
        }
        // 12 bytes of header have 16-bit sides; all later ones have signed 32-bit sides, negative for top-down.
        PictureFormat::Bmp if u32::from_le_bytes(four(14)?) >= 40 => {
            Some((i32::from_le_bytes(four(18)?).unsigned_abs(), i32::from_le_bytes(four(22)?).unsigned_abs()))
        }
        _ => None,
    }
}

/// The container says how long it is. Without this check a file cut behind its pixels would lose its
/// orientation and still be accepted.
fn webp_is_complete(bytes: &[u8]) -> bool {
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
    length.is_some_and(|length| u64::from(length) + 8 <= bytes.len() as u64)
}

/// The PNG decoder wants its memory limit at once; sides are left to our own check, which names them.
fn png_limits(limits: &DecodeLimits) -> Limits {
    let mut png = Limits::no_limits();
    png.max_alloc = Some(limits.max_alloc);
    png
}

fn read_pixels<D: ImageDecoder>(
    mut decoder: D,
    format: PictureFormat,
    limits: &DecodeLimits,
) -> Result<Canvas, ImageFault> {
    let fault = |error| codec_fault(error, format, limits);
    let (width, height) = decoder.dimensions();
    limits.check_sides(width, height)?;
    decoder.set_limits(limits.for_codecs()).map_err(fault)?;
    let colour = decoder.color_type();
    if !matches!(
        colour,
        ColorType::L8
            | ColorType::La8
            | ColorType::Rgb8
            | ColorType::Rgba8
            | ColorType::L16
            | ColorType::La16
            | ColorType::Rgb16
            | ColorType::Rgba16
    ) {
        return Err(ImageFault::Variety { format, detail: format!("pixels of type {colour:?}") });
    }
    // Damaged metadata does not spoil the pixels: the picture is then taken as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut samples = reserve(decoder.total_bytes(), format, limits)?;
    decoder.read_image(&mut samples).map_err(fault)?;
    Ok(Canvas { width, height, rgb: to_rgb8(samples, colour), orientation })
}

/// A zeroed buffer, or the fault that says it would be too large.
pub(super) fn reserve(
    bytes: u64,
    format: PictureFormat,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, ImageFault> {
    let too_much = || ImageFault::TooMuchMemory { format, allowed: limits.max_alloc };
    let length = usize::try_from(bytes).map_err(|_| too_much())?;
    if bytes > limits.max_alloc {
        return Err(too_much());
    }
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| too_much())?;
    buffer.resize(length, 0);
    Ok(buffer)
}

/// Alpha is dropped, grey is repeated, 16 bits keep their high byte (Pillow's rule for all but grey).
fn to_rgb8(samples: Vec<u8>, colour: ColorType) -> Vec<u8> {
    let channels = usize::from(colour.channel_count());
    let wide = colour.bytes_per_pixel() as usize == channels * 2;
    let bytes = if wide {
        // The decoders deliver 16-bit samples in the machine's own byte order.
        samples.as_chunks::<2>().0.iter().map(|&pair| (u16::from_ne_bytes(pair) >> 8) as u8).collect()
    } else {
        samples
    };
    match channels {
        1 => bytes.iter().flat_map(|&grey| [grey; 3]).collect(),
        2 => bytes.as_chunks::<2>().0.iter().flat_map(|&[grey, _]| [grey; 3]).collect(),
        4 => bytes.as_chunks::<4>().0.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect(),
        _ => bytes,
    }
}

fn orient(canvas: Canvas, format: PictureFormat) -> Result<Picture, ImageFault> {
    let Canvas { width, height, rgb, orientation } = canvas;
    let turned = orientation != Orientation::NoTransforms;
    if !turned {
        return Picture::new(width, height, rgb, Some(format), false);
    }
    let (expected, found) = (u64::from(width) * u64::from(height) * 3, rgb.len());
    let upright = RgbImage::from_raw(width, height, rgb).ok_or(ImageFault::SizeMismatch {
        width,
        height,
        expected,
        found,
    })?;
    let mut upright = DynamicImage::ImageRgb8(upright);
    upright.apply_orientation(orientation);
    let upright = upright.into_rgb8();
    Picture::new(upright.width(), upright.height(), upright.into_raw(), Some(format), turned)
}

fn codec_fault(error: CodecError, format: PictureFormat, limits: &DecodeLimits) -> ImageFault {
    match error {
        CodecError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::InsufficientMemory) => {
            ImageFault::TooMuchMemory { format, allowed: limits.max_alloc }
        }
        CodecError::Unsupported(variety) => ImageFault::Variety { format, detail: variety.to_string() },
        CodecError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => ImageFault::Truncated { format },
        other => ImageFault::Damaged { format, source: Box::new(other) },
    }
}
