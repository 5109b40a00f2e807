//! Which elements are left out of one training pass, so that the same pass can be made again?
//!
//! A mask is a function of its key and its shape alone: activation checkpointing computes a block twice, and
//! a resumed run must go on as the uninterrupted one would have. On the processor the mask comes from a
//! counter-based generator and is bitwise the same on every machine. On other devices burn's generator is
//! seeded with the key right before the mask is drawn; that generator is global, so no other thread may draw
//! from it at that moment, and masks differ from the processor's.

use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};

use crate::norm::to_dtype;

/// Zeroes elements with probability `rate` and scales the others by `1 / (1 − rate)`.
///
/// # Shapes
/// - x: any; output the same
pub fn dropout<const D: usize>(x: Tensor<D>, rate: f64, key: u64) -> Tensor<D> {
    if rate <= 0.0 {
        return x;
    }
    let (shape, dtype, device) = (x.dims(), x.dtype(), x.device().without_autodiff());
    let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
    let mask = if device == Device::flex() {
        let mask = counted_mask(shape.iter().product(), rate, scale as f32, key);
        Tensor::from_data(TensorData::new(mask, shape), (&device, DType::F32))
    } else {
        device.seed(key);
        let drawn = Tensor::<D>::random(shape, Distribution::Uniform(0.0, 1.0), (&device, DType::F32));
        drawn.greater_equal_elem(rate).float() * scale
    };
    x * to_dtype(mask, dtype)
}

/// Two elements of the mask per number of the generator.
fn counted_mask(elements: usize, rate: f64, scale: f32, key: u64) -> Vec<f32> {
    let dropped = (rate * 2_f64.powi(32)) as u64;
    let keep = |bits: u64| if bits >= dropped { scale } else { 0.0 };
    let mut mask = Vec::with_capacity(elements + 1);
    for pair in 0..elements.div_ceil(2) as u64 {
        let bits = mixed(key.wrapping_add(pair.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        mask.push(keep(bits >> 32));
        mask.push(keep(bits & 0xFFFF_FFFF));
    }
    mask.truncate(elements);
    mask
}

/// A key for `name` under `seed`: different names and seeds give unrelated keys, on every machine the same.
pub fn random_key(seed: u64, name: &str) -> u64 {
    name.bytes().fold(mixed(seed ^ 0x5851_F42D_4C95_7F2D), |key, byte| mixed(key ^ u64::from(byte)))
}

/// The output function of SplitMix64 (Steele et al. 2014): every bit of the input moves every bit of the output.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rate: f64, key: u64) -> Vec<f32> {
        let ones = Tensor::<2>::ones([100, 101], &Device::flex());
        dropout(ones, rate, key).to_data().iter::<f32>().collect()
    }

    #[test]
    fn a_mask_depends_on_its_key_alone() {
        assert_eq!(values(0.25, 7), values(0.25, 7));
        assert_ne!(values(0.25, 7), values(0.25, 8));
        assert_eq!(values(0.0, 7), vec![1.0; 10_100]);
        assert_ne!(random_key(1, "a"), random_key(2, "a"));
        assert_ne!(random_key(1, "ab"), random_key(1, "ba"));
    }

    #[test]
    fn the_rate_is_kept_and_the_mean_too() {
        for rate in [0.05, 0.5, 0.9] {
            let values = values(rate, 3);
            let dropped = values.iter().filter(|value| **value == 0.0).count() as f64 / 10_100.0;
            // four standard deviations of a binomial share
            assert!(
                (dropped - rate).abs() < 4.0 * (rate * (1.0 - rate) / 10_100.0).sqrt(),
                "{rate} {dropped}"
            );
            let kept = values.iter().copied().fold(0.0, f32::max);
            assert!((f64::from(kept) - 1.0 / (1.0 - rate)).abs() < 1e-6);
        }
    }

    #[test]
    fn the_gradient_passes_where_the_value_passed() {
        let x = Tensor::<1>::ones([64], &Device::flex()).autodiff().require_grad();
        let y = dropout(x.clone(), 0.5, 11);
        let gradient = x.grad(&y.clone().sum().backward()).unwrap();
        assert_eq!(gradient.to_data(), y.inner().to_data());
    }
}
