//! How are 256 numbers packed with scales that are packed themselves?
//!
//! Reference: ggml's `ggml-quants.c` (`quantize_row_q4_K_ref`, `quantize_row_q6_K_ref`), compared in
//! tests/interop with what llama.cpp's library packs.

use half::f16;

/// Numbers of a block.
pub(super) const LONG_BLOCK: usize = 256;
/// Bytes of a block of Q4_K: two scales, 8 × (6 + 6) bits, 256 × 4 bits.
pub(super) const Q4_K_BYTES: usize = 144;
/// Bytes of a block of Q6_K: 256 × 6 bits, 16 × 8 bits, a scale.
pub(super) const Q6_K_BYTES: usize = 210;

/// Groups of 32, each `scale · code - minimum` with codes of 4 bits; scales and minima have 6 bits.
pub(super) fn pack_q4_k(block: &[f32], out: &mut Vec<u8>) {
    let (mut scales, mut minima) = ([0f32; 8], [0f32; 8]);
    for ((group, scale), minimum) in block.as_chunks().0.iter().zip(&mut scales).zip(&mut minima) {
        (*scale, *minimum) = scale_and_minimum(group);
    }
    let most = |values: &[f32; 8]| values.iter().fold(0f32, |most, value| most.max(*value));
    let (most_scale, most_minimum) = (most(&scales), most(&minima));
    let six_bits = |values: &[f32; 8], most: f32| {
        let inverse = if most > 0.0 { 63.0 / most } else { 0.0 };
        values.map(|value| nearest(inverse * value).clamp(0, 63) as u8)
    };
    let (scales, minima) = (six_bits(&scales, most_scale), six_bits(&minima, most_minimum));
    let (step, floor) = (f16::from_f32(most_scale / 63.0), f16::from_f32(most_minimum / 63.0));

    // The codes are chosen once more, for the scales as they are stored.
    let mut codes = [0u8; LONG_BLOCK];
    for (index, (group, codes)) in block.chunks_exact(32).zip(codes.chunks_exact_mut(32)).enumerate() {
        let scale = step.to_f32() * f32::from(scales[index]);
        let minimum = floor.to_f32() * f32::from(minima[index]);
        if scale != 0.0 {
            for (value, code) in group.iter().zip(codes) {
                *code = nearest((value + minimum) / scale).clamp(0, 15) as u8;
            }
        }
    }
    out.extend(step.to_le_bytes());
    out.extend(floor.to_le_bytes());
    // Four groups fill six bits of a byte each; the other four's low bits follow, their high bits fill those bytes up.
    out.extend((0..4).map(|index| scales[index] | scales[index + 4] >> 4 << 6));
    out.extend((0..4).map(|index| minima[index] | minima[index + 4] >> 4 << 6));
    out.extend((4..8).map(|index| scales[index] & 15 | (minima[index] & 15) << 4));
    for pair in codes.chunks_exact(64) {
        let (low, high) = pair.split_at(32);
        out.extend(low.iter().zip(high).map(|(low, high)| low | high << 4));
    }
}

/// Groups of 16, each `scale · code` with signed codes of 6 bits; scales have 8 bits.
pub(super) fn pack_q6_k(block: &[f32], out: &mut Vec<u8>) {
    let mut scales = [0f32; 16];
    for (group, scale) in block.chunks_exact(16).zip(&mut scales) {
        *scale = symmetric_scale(group);
    }
    let far = scales.iter().fold(0f32, |far, scale| if scale.abs() > far.abs() { *scale } else { far });
    if far.abs() < SMALLEST {
        out.extend([0; Q6_K_BYTES]);
        return;
    }
    let inverse = -128.0 / far;
    let step = f16::from_f32(1.0 / inverse);
    let scales = scales.map(|scale| nearest(inverse * scale).clamp(-128, 127) as i8);
    let mut codes = [0u8; LONG_BLOCK];
    for (index, (group, codes)) in block.chunks_exact(16).zip(codes.chunks_exact_mut(16)).enumerate() {
        let scale = step.to_f32() * f32::from(scales[index]);
        if scale != 0.0 {
            for (value, code) in group.iter().zip(codes) {
                *code = (nearest(value / scale).clamp(-32, 31) + 32) as u8;
            }
        }
    }
    // A byte holds the low four bits of two numbers that are 64 apart; another one the high two bits of four.
    for half in codes.chunks_exact(128) {
        out.extend((0..64).map(|index| half[index] & 15 | (half[index + 64] & 15) << 4));
    }
    for half in codes.chunks_exact(128) {
        let high = |index: usize, place: usize| half[index + 32 * place] >> 4 << (2 * place);
        out.extend((0..32).map(|index| (0..4).fold(0, |byte, place| byte | high(index, place))));
    }
    out.extend(scales.map(|scale| scale as u8));
    out.extend(step.to_le_bytes());
}

/// Below this all numbers of a group count as zero.
const SMALLEST: f32 = 1e-15;

/// Ties go to the even number, as the reference's do.
fn nearest(value: f32) -> i32 {
    value.round_ties_even() as i32
}

/// The scale and the minimum (its sign turned) that lose least of 32 numbers, larger ones mattering more.
///
/// For 22 spacings of 16 codes over the range, the scale and minimum that fit the codes best in the sense of weighted
/// least squares; the best of all is taken.
fn scale_and_minimum(values: &[f32; 32]) -> (f32, f32) {
    const CODES: f32 = 15.0;
    let square: f32 = values.iter().map(|value| value * value).sum();
    let mean = (square / values.len() as f32).sqrt();
    let weights = values.map(|value| mean + value.abs());
    let weighted = || values.iter().zip(&weights);
    let low = values.iter().fold(f32::INFINITY, |low, value| low.min(*value)).min(0.0);
    let high = values.iter().fold(f32::NEG_INFINITY, |high, value| high.max(*value));
    if high <= low {
        return (0.0, -low);
    }
    let codes = |per_step: f32, from: f32| {
        values.map(|value| nearest(per_step * (value - from)).clamp(0, CODES as i32) as f32)
    };
    let loss = |codes: &[f32; 32], scale: f32, minimum: f32| -> f32 {
        let off = |(code, (value, weight)): (&f32, (&f32, &f32))| {
            let off = scale * code + minimum - value;
            weight * (off * off)
        };
        codes.iter().zip(weighted()).map(off).sum()
    };
    let sum_w: f32 = weights.iter().sum();
    let sum_x: f32 = weighted().map(|(value, weight)| weight * value).sum();
    let plain = CODES / (high - low);
    let (mut best, mut scale, mut minimum) = (loss(&codes(plain, low), 1.0 / plain, low), 1.0 / plain, low);
    for step in 0..=20 {
        // As in the reference, a better minimum is where the next tries begin.
        let codes = codes((-1.0 + 0.1 * step as f32 + CODES) / (high - minimum), minimum);
        let (mut sum_l, mut sum_l2, mut sum_xl) = (0f32, 0f32, 0f32);
        for (code, (value, weight)) in codes.iter().zip(weighted()) {
            sum_l += weight * code;
            sum_l2 += weight * code * code;
            sum_xl += weight * code * value;
        }
        let determinant = sum_w * sum_l2 - sum_l * sum_l;
        if determinant <= 0.0 {
            continue;
        }
        let mut this_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
        let mut this_minimum = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
        if this_minimum > 0.0 {
            (this_minimum, this_scale) = (0.0, sum_xl / sum_l2);
        }
        let this = loss(&codes, this_scale, this_minimum);
        if this < best {
            (best, scale, minimum) = (this, this_scale, this_minimum);
        }
    }
    (scale, -minimum)
}

/// The scale that loses least of 16 numbers with codes from -32 to 31, their squares being their weights.
fn symmetric_scale(values: &[f32]) -> f32 {
    const CODES: f32 = 32.0;
    let far = values.iter().fold(0f32, |far, value| if value.abs() > far.abs() { *value } else { far });
    if far.abs() < SMALLEST {
        return 0.0;
    }
    let sums = |per_step: f32| {
        values.iter().fold((0f32, 0f32), |(sum_xl, sum_l2), value| {
            let code = nearest(per_step * value).clamp(-32, 31) as f32;
            let weight = value * value;
            (sum_xl + weight * value * code, sum_l2 + weight * code * code)
        })
    };
    let (sum_xl, sum_l2) = sums(-CODES / far);
    let mut scale = if sum_l2 > 0.0 { sum_xl / sum_l2 } else { 0.0 };
    let mut best = scale * sum_xl;
    for step in (-9..=9).filter(|step| *step != 0) {
        let (sum_xl, sum_l2) = sums(-(CODES + 0.1 * step as f32) / far);
        if sum_l2 > 0.0 && sum_xl * sum_xl > best * sum_l2 {
            scale = sum_xl / sum_l2;
            best = scale * sum_xl;
        }
    }
    scale
}
