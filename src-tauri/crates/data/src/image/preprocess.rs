//! Which square of pixels does the vision network see, and as which numbers?
//!
//! Pure functions of a picture and a configuration; no files, no tensors, no threads.

use super::config::ImageProcessorConfig;
use super::picture::Picture;
use super::resample::{Frame, Window, resize};

/// How a picture that is not square becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SquareMode {
    /// Pad to a square with the mean colour; nothing is lost (fine-tuning and chat).
    Pad,
    /// Cut the centre square; the long ends are lost (pre-training).
    CentreCrop,
}

/// Prepares pictures the way [`ImageProcessorConfig`] says.
#[derive(Clone, Debug)]
pub struct ImageProcessor {
    config: ImageProcessorConfig,
    /// `int(mean * 255)` per channel, the padding colour.
    fill: [u8; 3],
    /// Network input for each byte, per channel.
    normalised: [[f32; 256]; 3],
}

impl ImageProcessor {
    pub(super) fn new(config: ImageProcessorConfig) -> Self {
        let fill = config.mean.map(|mean| (mean * 255.0) as u8);
        let mut normalised = [[0.0; 256]; 3];
        for (channel, table) in normalised.iter_mut().enumerate() {
            let (mean, std) = (config.mean[channel] as f32, config.std[channel] as f32);
            for (byte, value) in table.iter_mut().enumerate() {
                // As the reference: rescale in f64, round to f32, then normalise in f32.
                let rescaled = (byte as f64 * config.rescale_factor) as f32;
                *value = (rescaled - mean) / std;
            }
        }
        Self { config, fill, normalised }
    }

    /// Side of the square, in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.config.side
    }

    /// Network input for one picture.
    ///
    /// # Shapes
    /// - output: `[3, side, side]`, normalised, channels red, green, blue
    #[must_use]
    pub fn preprocess(&self, picture: &Picture, mode: SquareMode) -> Vec<f32> {
        let rgb = self.square(picture, mode);
        let (pixels, _) = rgb.as_chunks::<3>();
        let mut output = Vec::with_capacity(rgb.len());
        for (channel, table) in self.normalised.iter().enumerate() {
            output.extend(pixels.iter().map(|pixel| table[usize::from(pixel[channel])]));
        }
        output
    }

    /// The picture the network sees, before normalising: `side` x `side`.
    #[must_use]
    pub fn preview(&self, picture: &Picture, mode: SquareMode) -> Picture {
        let rgb = self.square(picture, mode);
        Picture { width: self.side(), height: self.side(), rgb, ..*picture }
    }

    /// `[side, side, 3]` bytes.
    fn square(&self, picture: &Picture, mode: SquareMode) -> Vec<u8> {
        let mut frame = Frame::bare(picture);
        if mode == SquareMode::Pad {
            let side = picture.width.max(picture.height);
            frame.left = (side - picture.width) / 2;
            frame.top = (side - picture.height) / 2;
            (frame.width, frame.height, frame.fill) = (side, side, self.fill);
        }
        let edge = u64::from(self.config.shortest_edge);
        let (width, height) = (u64::from(frame.width), u64::from(frame.height));
        // The long edge is truncated, not rounded.
        let scaled =
            if width <= height { (edge, edge * height / width) } else { (edge * width / height, edge) };
        let side = self.side();
        let window = Window {
            left: (scaled.0 - u64::from(side)) / 2,
            top: (scaled.1 - u64::from(side)) / 2,
            width: side,
            height: side,
        };
        resize(&frame, scaled, &window, self.config.resample)
    }
}
