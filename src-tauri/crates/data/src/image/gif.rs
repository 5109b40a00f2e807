//! What does the first frame of a GIF look like on its screen?
//!
//! Read by palette index, because Pillow's rule for the screen around a smaller frame (the transparent
//! index, else index 0) cannot be told from RGBA pixels. Later frames are never touched.

use std::num::NonZeroU64;

use ::gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::decode::{Canvas, DecodeLimits, reserve};
use super::error::ImageFault;
use super::format::PictureFormat;

/// Decodes the first frame, placed on the logical screen.
pub(super) fn decode_first_frame(bytes: &[u8], limits: &DecodeLimits) -> Result<Canvas, ImageFault> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    if let Some(limit) = NonZeroU64::new(limits.max_alloc) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(bytes).map_err(|error| fault(error, limits))?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    limits.check_sides(width, height)?;
    let frame = match decoder.next_frame_info().map_err(|error| fault(error, limits))? {
        Some(frame) => frame.clone(),
        None => return Err(ImageFault::Truncated { format: PictureFormat::Gif }),
    };
    limits.check_sides(u32::from(frame.width), u32::from(frame.height))?;
    let mut indices = reserve(decoder.buffer_size() as u64, PictureFormat::Gif, limits)?;
    decoder.read_into_buffer(&mut indices).map_err(|error| fault(error, limits))?;
    let palette = decoder.palette().map_err(|error| fault(error, limits))?;
    let colour = |index: u8| -> [u8; 3] {
        let at = usize::from(index) * 3;
        palette.get(at..at + 3).and_then(|rgb| rgb.try_into().ok()).unwrap_or([0; 3])
    };

    let mut rgb = reserve(u64::from(width) * u64::from(height) * 3, PictureFormat::Gif, limits)?;
    let around = colour(frame.transparent.unwrap_or(0));
    rgb.as_chunks_mut::<3>().0.fill(around);
    let screen_row = width as usize * 3;
    let rows = indices.chunks_exact(usize::from(frame.width).max(1));
    for (row, screen) in rows.zip(rgb.chunks_exact_mut(screen_row).skip(usize::from(frame.top))) {
        let pixels = screen.as_chunks_mut::<3>().0.iter_mut().skip(usize::from(frame.left));
        for (&index, pixel) in row.iter().zip(pixels) {
            *pixel = colour(index);
        }
    }
    Ok(Canvas { width, height, rgb, orientation: image::metadata::Orientation::NoTransforms })
}

fn fault(error: DecodingError, limits: &DecodeLimits) -> ImageFault {
    let format = PictureFormat::Gif;
    match error {
        DecodingError::UnexpectedEof => ImageFault::Truncated { format },
        DecodingError::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageFault::Truncated { format }
        }
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => {
            ImageFault::TooMuchMemory { format, allowed: limits.max_alloc }
        }
        other => ImageFault::Damaged { format, source: Box::new(other) },
    }
}
