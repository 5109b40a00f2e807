//! How is a picture scaled so that every byte equals Pillow's?
//!
//! Pillow (`src/libImaging/Resample.c`) convolves rows first and columns second, rounds to bytes in between,
//! and uses integer weights with 22 fractional bits. Integer sums do not depend on their order, so two things
//! can be left out here without changing a byte: pixels nobody asked for (a [`Window`] of the result is
//! computed, not all of it) and the border of a padded picture (a [`Frame`] knows its colour instead of
//! storing it). Without them a 1x10000 picture would need hundreds of megabytes.

use super::config::Resample;
use super::picture::Picture;

/// Fractional bits of a weight: 32 less 8 for the pixel, less 2 for sign and overshoot.
const FRACTION_BITS: u32 = 32 - 8 - 2;
const HALF: i32 = 1 << (FRACTION_BITS - 1);

/// A picture lying on a larger sheet of one colour.
pub(super) struct Frame<'a> {
    pub(super) picture: &'a Picture,
    /// Sides of the sheet.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Where the picture's top left corner lies.
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) fill: [u8; 3],
}

impl<'a> Frame<'a> {
    /// The picture without a border.
    pub(super) fn bare(picture: &'a Picture) -> Self {
        Self { picture, width: picture.width, height: picture.height, left: 0, top: 0, fill: [0; 3] }
    }
}

/// The part of the scaled picture that is wanted.
pub(super) struct Window {
    pub(super) left: u64,
    pub(super) top: u64,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Scales `frame` to `scaled` (width, height) and returns `window` of it, `[height, width, 3]`.
pub(super) fn resize(frame: &Frame<'_>, scaled: (u64, u64), window: &Window, filter: Resample) -> Vec<u8> {
    let picture = frame.picture;
    let across = axis_taps(frame.width, scaled.0, (window.left, window.width), filter);
    let across: Vec<Taps> = across.into_iter().map(|taps| taps.within(frame.left, picture.width)).collect();
    let down = axis_taps(frame.height, scaled.1, (window.top, window.height), filter);
    let down: Vec<Taps> = down.into_iter().map(|taps| taps.within(frame.top, picture.height)).collect();

    // Rows of the picture that any wanted row looks at.
    let inside = || down.iter().filter(|taps| !taps.weights.is_empty());
    let first = inside().map(|taps| taps.start).min().unwrap_or(0);
    let end = inside().map(|taps| taps.start + taps.weights.len()).max().unwrap_or(first);

    let out_row = window.width as usize * 3;
    let mut middle = vec![0_u8; (end - first) * out_row];
    let source = picture.rgb.chunks_exact(picture.width as usize * 3).skip(first);
    for (row, out) in source.zip(middle.chunks_exact_mut(out_row)) {
        scale_row(row, &across, frame.fill, out);
    }
    // A border row after the first pass: the weights do not add up to exactly one.
    let mut border = vec![0_u8; out_row];
    for (taps, out) in across.iter().zip(border.as_chunks_mut::<3>().0) {
        let whole = taps.outside + taps.weights.iter().sum::<i32>();
        *out = frame.fill.map(|fill| to_byte(HALF + i32::from(fill) * whole));
    }

    let mut result = vec![0_u8; window.height as usize * out_row];
    let mut sums = vec![0_i32; out_row];
    for (taps, out) in down.iter().zip(result.chunks_exact_mut(out_row)) {
        for (sum, &byte) in sums.iter_mut().zip(&border) {
            *sum = HALF + i32::from(byte) * taps.outside;
        }
        let rows = middle.chunks_exact(out_row).skip(taps.start.saturating_sub(first));
        for (&weight, row) in taps.weights.iter().zip(rows) {
            for (sum, &byte) in sums.iter_mut().zip(row) {
                *sum += i32::from(byte) * weight;
            }
        }
        for (byte, &sum) in out.iter_mut().zip(&sums) {
            *byte = to_byte(sum);
        }
    }
    result
}

fn scale_row(row: &[u8], across: &[Taps], fill: [u8; 3], out: &mut [u8]) {
    let pixels = row.as_chunks::<3>().0;
    for (taps, out) in across.iter().zip(out.as_chunks_mut::<3>().0) {
        let mut sums = fill.map(|fill| HALF + i32::from(fill) * taps.outside);
        let seen = pixels.get(taps.start..taps.start + taps.weights.len()).unwrap_or_default();
        for (pixel, &weight) in seen.iter().zip(&taps.weights) {
            sums[0] += i32::from(pixel[0]) * weight;
            sums[1] += i32::from(pixel[1]) * weight;
            sums[2] += i32::from(pixel[2]) * weight;
        }
        *out = sums.map(to_byte);
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}

/// The weights of one output position along one axis.
struct Taps {
    /// First position that is looked at.
    start: usize,
    weights: Vec<i32>,
    /// Sum of the weights that fall on the border.
    outside: i32,
}

impl Taps {
    /// Turns positions on the sheet into positions in the picture; what misses it counts as border.
    fn within(self, offset: u32, length: u32) -> Self {
        let (offset, length) = (offset as usize, length as usize);
        let count = self.weights.len();
        let before = offset.saturating_sub(self.start).min(count);
        let after = (self.start + count).saturating_sub(offset + length).min(count - before);
        let outside = self.weights[..before].iter().chain(&self.weights[count - after..]).sum();
        let start = (self.start + before).saturating_sub(offset);
        Self { start, weights: self.weights[before..count - after].to_vec(), outside }
    }
}

/// Weights for the positions `window.0 .. window.0 + window.1` of an axis scaled from `from` to `to`.
fn axis_taps(from: u32, to: u64, window: (u64, u32), filter: Resample) -> Vec<Taps> {
    let scale = f64::from(from) / to as f64;
    // The filter widens when shrinking (antialiasing) and keeps its width when enlarging.
    let widen = scale.max(1.0);
    let support = filter.support() * widen;
    let taps_at = |position: u64| {
        let centre = (position as f64 + 0.5) * scale;
        // Float to integer casts truncate and saturate at 0.
        let start = (centre - support + 0.5) as usize;
        let end = ((centre + support + 0.5) as usize).min(from as usize);
        let raw = (start..end).map(|x| filter.weight((x as f64 - centre + 0.5) / widen));
        let mut weights: Vec<f64> = raw.collect();
        let sum: f64 = weights.iter().sum();
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        let one = f64::from(1_u32 << FRACTION_BITS);
        // `round` takes halves away from zero, as Pillow does.
        let weights = weights.into_iter().map(|weight| (weight * one).round() as i32).collect();
        Taps { start, weights, outside: 0 }
    };
    (window.0..window.0 + u64::from(window.1)).map(taps_at).collect()
}

impl Resample {
    /// Half width of the filter, in source pixels at scale 1.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// The filter at distance `x`: the triangle, or Keys' cubic with a = -0.5.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bicubic => 0.0,
        }
    }
}
