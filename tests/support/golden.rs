//! What did the reference implementation compute, and how far from it may we be?

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Tensor};
use eyewright_model::weights::Checkpoint;

/// f32 against f32: relative to the largest expected value.
pub const F32_TOLERANCE: f32 = 1e-4;
/// bf16 against bf16, as a share of the reference's length: single values differ by more, because each of some
/// hundred roundings falls one way or the other.
pub const BF16_TOLERANCE: f32 = 2e-2;
/// bf16 against f32, the same way: tower, decoder and adapters are rounded, and weights stored in f16 lose three bits
/// that the reference kept.
pub const BF16_BESIDE_F32: f32 = 8e-2;

/// A path below `tests/golden/models`.
pub fn models(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/models").join(path)
}

/// A path below `tests/fixtures/images`.
pub fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/images").join(name)
}

/// The numbers beside a golden model.
pub struct Expected(Checkpoint);

impl Expected {
    /// Opens `expected.safetensors` in `folder` below the golden models.
    pub fn of(folder: &str) -> Self {
        Self(Checkpoint::open(&models(folder).join("expected.safetensors")).unwrap())
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// A tensor's shape.
    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.0.get(name).unwrap().shape.clone()
    }

    /// An f32 tensor's values.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name).as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// An i64 tensor's values.
    pub fn ids(&self, name: &str) -> Vec<i64> {
        self.bytes(name).as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
    }

    /// An i64 matrix by rows.
    pub fn rows(&self, name: &str) -> Vec<Vec<i64>> {
        self.ids(name).chunks(self.shape(name)[1]).map(<[i64]>::to_vec).collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.0.read(name).unwrap().bytes
    }
}

/// Values of a tensor as f32.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_data_dtype(DType::F32).unwrap().try_to_vec().unwrap()
}

/// Largest difference relative to the largest expected value.
pub fn distance(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    assert!(got.iter().all(|value| value.is_finite()), "not finite");
    let scale = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    got.iter().zip(expected).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / scale
}

/// Wants `got` within `tolerance` of `expected`.
pub fn close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    let distance = distance(got, expected);
    assert!(distance <= tolerance, "{what}: relative error {distance:e}, at most {tolerance:e} is allowed");
}

/// Wants `got` within `tolerance` of `expected`, both taken as one long vector.
pub fn close_as_a_whole(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len());
    let length =
        |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let apart = length(&mut got.iter().zip(expected).map(|(a, b)| a - b));
    let distance = (apart / length(&mut expected.iter().copied())) as f32;
    assert!(distance <= tolerance, "{what}: relative error {distance:e}, at most {tolerance:e} is allowed");
}
