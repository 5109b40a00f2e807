//! How do the block scales themselves fit into 8 bits (QLoRA's double quantisation)?
//!
//! Their mean is taken off, and what is left is quantised in blocks of 256 against a table whose steps grow
//! with the magnitude ("dynamic" 8-bit type, Dettmers 2016).

use super::nf4::{inverse, largest};

/// Scales that share a second scale.
pub(super) const BLOCK: usize = 256;

/// Scales in 8 bits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DoubleScales {
    /// One per scale.
    pub(super) codes: Vec<u8>,
    /// The largest magnitude of each block.
    pub(super) absmax: Vec<f32>,
    /// The mean of all scales.
    pub(super) offset: f32,
}

pub(super) fn quantise(scales: &[f32]) -> DoubleScales {
    // PyTorch's order of addition depends on the machine; the exact sum, rounded once, is what all of them aim at.
    let mean = scales.iter().map(|scale| f64::from(*scale)).sum::<f64>() / scales.len().max(1) as f64;
    let offset = mean as f32;
    let table = table();
    let bounds: Vec<f32> = table.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
    let centred: Vec<f32> = scales.iter().map(|scale| scale - offset).collect();
    let mut codes = Vec::with_capacity(scales.len());
    let mut absmax = Vec::with_capacity(scales.len().div_ceil(BLOCK));
    for block in centred.chunks(BLOCK) {
        let largest = largest(block);
        let inverse = inverse(largest);
        absmax.push(largest);
        codes.extend(block.iter().map(|value| {
            let scaled = (value * inverse).clamp(-1.0, 1.0);
            bounds.partition_point(|bound| *bound < scaled) as u8
        }));
    }
    DoubleScales { codes, absmax, offset }
}

/// The 256 numbers that the codes stand for, ascending: per power of ten from 1e-6 to 1, twice as many equal
/// steps as for the one before, on both sides of 0; and 0 and 1.
pub fn table() -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut end = 0;
    for exponent in 0..7 {
        let steps = 1 << exponent;
        let power = 10_f64.powi(exponent - 6) as f32;
        for step in 0..steps {
            let mean = (boundary(step, steps) + boundary(step + 1, steps)) / 2.0;
            table[end] = power * mean;
            table[end + 1] = -power * mean;
            end += 2;
        }
    }
    table[255] = 1.0;
    table.sort_by(f32::total_cmp);
    table
}

/// Number `step` of `steps + 1` from 0.1 to 1, rounded as `torch.linspace` does: from the nearer end, and once.
fn boundary(step: i32, steps: i32) -> f32 {
    let width = (1.0_f32 - 0.1) / steps as f32;
    let (end, from_end) = if step < (steps + 1) / 2 { (0.1, step) } else { (1.0, step - steps) };
    width.mul_add(from_end as f32, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ascends_and_holds_its_ends() {
        let table = table();
        assert!(table.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((table[127], table[255]), (0.0, 1.0));
        assert_eq!(table[128], 5.500_000_4e-7);
    }

    #[test]
    fn equal_scales_are_kept_exactly() {
        let double = quantise(&[0.75; 300]);
        assert_eq!((double.offset, double.absmax.as_slice()), (0.75, &[0.0, 0.0][..]));
        assert!(double.codes.iter().all(|code| *code == 127));
    }
}
