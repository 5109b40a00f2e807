//! A 4-bit weight on a device, and how a layer gets its numbers back for one multiplication.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use eyewright_ops::{random_key, to_dtype};

use super::{Precision, nf4, scales};

/// A weight `[out, in]` in NF4. It cannot be trained; adapters beside it can.
#[derive(Clone, Debug)]
pub struct Nf4Weight {
    shape: [usize; 2],
    /// Eight codes to an i32, the only integer that every backend computes with; bytes in ascending order.
    codes: Tensor<1, Int>,
    /// `[256, 2]`: the two numbers that a byte stands for.
    pairs: Tensor<2>,
    scales: Scales,
}

#[derive(Clone, Debug)]
enum Scales {
    /// `[blocks]`, f32
    Single(Tensor<1>),
    Double {
        /// Four codes to an i32.
        codes: Tensor<1, Int>,
        /// `[256]`: the number that a code stands for.
        table: Tensor<1>,
        /// `[blocks of blocks, 1]`
        absmax: Tensor<2>,
        offset: f32,
    },
}

/// What is stored, as bitsandbytes names it; for comparisons and files.
#[derive(Clone, Debug, PartialEq)]
pub struct Nf4Parts {
    /// Two codes to a byte, the first in the high half.
    pub codes: Vec<u8>,
    /// Scale of each block of 64; empty where `nested` has them.
    pub absmax: Vec<f32>,
    /// Scales in 8 bits, the scale of each 256 of them, and what is added to all.
    pub nested: Option<(Vec<u8>, Vec<f32>, f32)>,
}

impl Nf4Parts {
    /// Quantises `values`, row-major. [`Precision::Dense`] is taken as [`Precision::Nf4`].
    pub fn quantise(values: &[f32], precision: Precision) -> Self {
        let (codes, absmax) = nf4::quantise(values);
        Self { codes, ..Self::of_scales(absmax, precision) }
    }

    fn of_scales(absmax: Vec<f32>, precision: Precision) -> Self {
        if precision != Precision::Nf4Double {
            return Self { codes: Vec::new(), absmax, nested: None };
        }
        let double = scales::quantise(&absmax);
        let nested = Some((double.codes, double.absmax, double.offset));
        Self { codes: Vec::new(), absmax: Vec::new(), nested }
    }

    /// Puts the weight on a device. `shape` has as many elements as were quantised.
    pub fn on(self, shape: [usize; 2], device: &Device) -> Nf4Weight {
        let blocks = (shape[0] * shape[1]).div_ceil(nf4::BLOCK);
        let zeros = nf4::ZERO << 4 | nf4::ZERO;
        let scales = match self.nested {
            None => Scales::Single(vector(self.absmax, device)),
            Some((codes, absmax, offset)) => {
                let outer = absmax.len();
                Scales::Double {
                    codes: packed(codes, outer * scales::BLOCK, 0, device),
                    table: vector(scales::table().to_vec(), device),
                    absmax: vector(absmax, device).reshape([outer, 1]),
                    offset,
                }
            }
        };
        let pairs = (0..=255_usize).flat_map(|byte| [nf4::CODEBOOK[byte >> 4], nf4::CODEBOOK[byte & 15]]);
        Nf4Weight {
            shape,
            codes: packed(self.codes, blocks * nf4::BLOCK / 2, zeros, device),
            pairs: vector(pairs.collect(), device).reshape([256, 2]),
            scales,
        }
    }
}

impl Nf4Weight {
    /// Random codes with scales as a normal distribution of this deviation has them on average; for benchmarks.
    pub fn random(
        name: &str,
        shape: [usize; 2],
        deviation: f64,
        precision: Precision,
        device: &Device,
    ) -> Self {
        let elements = shape[0] * shape[1];
        // Each code stands for an equal share of the distribution, so equally likely codes are normal numbers.
        let key = random_key(0, name);
        let words = 0..elements.div_ceil(16) as u64; // sixteen codes each
        let codes = words.flat_map(|word| random_key(key.wrapping_add(word), "").to_le_bytes());
        let codes = codes.take(elements.div_ceil(2)).collect();
        // 2.75: the mean of the largest magnitude among 64 standard normal numbers.
        let absmax = vec![(2.75 * deviation) as f32; elements.div_ceil(nf4::BLOCK)];
        Nf4Parts { codes, ..Nf4Parts::of_scales(absmax, precision) }.on(shape, device)
    }

    /// `[out, in]`
    pub fn dims(&self) -> [usize; 2] {
        self.shape
    }

    /// The numbers, each rounded once to `dtype`.
    ///
    /// # Shapes
    /// - output: `[out, in]`, a plain tensor
    pub fn dequantise(&self, dtype: DType) -> Tensor<2> {
        let [out, width] = self.shape;
        let blocks = (out * width).div_ceil(nf4::BLOCK);
        let numbers = self.pairs.clone().select(0, bytes(self.codes.clone())); // [bytes, 2]
        let scaled = numbers.reshape([blocks, nf4::BLOCK]) * self.block_scales(blocks);
        let flat = to_dtype(scaled.reshape([blocks * nf4::BLOCK]), dtype);
        let flat = if blocks * nf4::BLOCK == out * width { flat } else { flat.narrow(0, 0, out * width) };
        flat.reshape([out, width])
    }

    /// `[blocks, 1]`
    fn block_scales(&self, blocks: usize) -> Tensor<2> {
        match &self.scales {
            Scales::Single(absmax) => absmax.clone().reshape([blocks, 1]),
            Scales::Double { codes, table, absmax, offset } => {
                let outer = absmax.dims()[0];
                let scales = table.clone().select(0, bytes(codes.clone())).reshape([outer, scales::BLOCK]);
                let scales = scales * absmax.clone() + *offset;
                scales.reshape([outer * scales::BLOCK, 1]).narrow(0, 0, blocks)
            }
        }
    }
}

fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), (device, DType::F32))
}

/// Four bytes to an i32, filled up to `length` bytes (a multiple of 4) with `fill`.
fn packed(mut bytes: Vec<u8>, length: usize, fill: u8, device: &Device) -> Tensor<1, Int> {
    bytes.resize(length, fill);
    let words: Vec<i32> = bytes.as_chunks().0.iter().map(|word| i32::from_le_bytes(*word)).collect();
    let length = words.len();
    Tensor::from_data(TensorData::new(words, [length]), (device, DType::I32))
}

/// The bytes again, one to an i32.
fn bytes(words: Tensor<1, Int>) -> Tensor<1, Int> {
    let length = words.dims()[0];
    // The shift keeps the sign; the mask takes it off.
    let byte = |place: i32| words.clone().bitwise_right_shift_scalar(8 * place).bitwise_and_scalar(255);
    Tensor::stack::<2>((0..4).map(byte).collect(), 1).reshape([4 * length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_codebook_come_back_exactly_and_others_nearly() {
        let device = Device::flex();
        let exact: Vec<f32> = (0..128).map(|i| 0.5 * nf4::CODEBOOK[(i * 5) % 16]).collect();
        let weight = Nf4Parts::quantise(&exact, Precision::Nf4).on([2, 64], &device);
        assert_eq!(weight.dequantise(DType::F32).to_data().iter::<f32>().collect::<Vec<_>>(), exact);
        // An incomplete block, and scales that differ from one another.
        for precision in [Precision::Nf4, Precision::Nf4Double] {
            let values: Vec<f32> = (0..7 * 45).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
            let back = Nf4Parts::quantise(&values, precision).on([7, 45], &device).dequantise(DType::F32);
            for (value, back) in values.iter().zip(back.to_data().iter::<f32>()) {
                assert!((value - back).abs() < 0.17, "{value} {back}"); // half the codebook's widest step
            }
        }
    }
}
