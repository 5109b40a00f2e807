//! Which 4-bit code stands for a number of a block?

use rayon::prelude::*;

/// Numbers that share a scale.
pub(super) const BLOCK: usize = 64;

/// What the codes stand for: quantiles of the normal distribution, 0 and ±1 among them (QLoRA, appendix E).
pub(super) const CODEBOOK: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// The code of 0, with which the last block is filled up.
pub(super) const ZERO: u8 = 7;

/// Codes of `values`, two to a byte with the first in the high half, and the largest magnitude of each block.
/// The last byte and the last block may be incomplete; missing codes are [`ZERO`].
pub(super) fn quantise(values: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let bounds: [f32; 15] = std::array::from_fn(|code| (CODEBOOK[code] + CODEBOOK[code + 1]) / 2.0);
    let mut packed = vec![ZERO << 4 | ZERO; values.len().div_ceil(BLOCK) * (BLOCK / 2)];
    let mut absmax = vec![0.0; values.len().div_ceil(BLOCK)];
    let blocks = values.par_chunks(BLOCK).zip(packed.par_chunks_mut(BLOCK / 2)).zip(absmax.par_iter_mut());
    blocks.for_each(|((block, packed), absmax)| {
        *absmax = largest(block);
        let inverse = inverse(*absmax);
        let code = |value: f32| {
            let scaled = (value * inverse).clamp(-1.0, 1.0);
            bounds.iter().map(|bound| u8::from(scaled > *bound)).sum::<u8>()
        };
        for (pair, byte) in block.chunks(2).zip(packed) {
            let second = pair.get(1).map_or(ZERO, |value| code(*value));
            *byte = code(pair[0]) << 4 | second;
        }
    });
    packed.truncate(values.len().div_ceil(2));
    (packed, absmax)
}

/// The largest magnitude; a NaN among the values is passed over, as a comparison does.
pub(super) fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// A block is scaled by a multiplication, as in the library's kernels; one of zeros stays zero.
pub(super) fn inverse(absmax: f32) -> f32 {
    1.0 / absmax.max(1e-38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_codebook_is_its_own_code() {
        // Scaled by 2, exactly: 16 entries, four times over, are one block.
        let values: Vec<f32> = (0..BLOCK).map(|i| 2.0 * CODEBOOK[i % 16]).collect();
        let (packed, absmax) = quantise(&values);
        assert_eq!(absmax, [2.0]);
        let expected: Vec<u8> =
            (0..BLOCK as u8 / 2).map(|i| ((2 * i % 16) << 4) | ((2 * i + 1) % 16)).collect();
        assert_eq!(packed, expected);
    }

    #[test]
    fn zeros_and_incomplete_blocks_are_codes_of_zero() {
        assert_eq!(quantise(&[0.0; 3]), (vec![0x77, 0x77], vec![0.0]));
        let (packed, absmax) = quantise(&[&[1.0; BLOCK][..], &[-3.0]].concat());
        assert_eq!((packed.len(), packed[0], packed[32]), (33, 0xFF, 0x07));
        assert_eq!(absmax, [1.0, 3.0]);
    }
}
