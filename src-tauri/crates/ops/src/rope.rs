//! How does a token's position turn its queries and keys (rotary embeddings, Su et al. 2021)?
//!
//! The half-rotation form of GPT-NeoX and Hugging Face's Llama: element `j` is paired with `j + head_dim/2`.
//! Burn's own rotary layer pairs neighbours and would need permuted weights.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::norm::to_dtype;

/// How the angles are stretched for texts longer than the model was trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Positions as they are.
    None,
    /// Every position divided by `factor`.
    Linear {
        /// Stretch, at least 1.
        factor: f64,
    },
    /// The base grows once a text is longer than `max_position` (dynamic NTK).
    Dynamic {
        /// Stretch, at least 1.
        factor: f64,
        /// The longest text of the original training.
        max_position: usize,
    },
    /// Low frequencies stretched, high ones kept, a smooth step in between (Llama 3.1).
    Llama3 {
        /// Stretch of the low frequencies.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are stretched fully.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// The longest text of the original training.
        original_max_position: usize,
    },
}

/// What defines the rotation: `theta`, the width of a head, and the stretch.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Base of the geometric row of frequencies.
    pub theta: f64,
    /// Width of one attention head; even.
    pub head_dim: usize,
    /// Stretch for long texts.
    pub scaling: RopeScaling,
}

impl RopeConfig {
    /// Angles per position, `head_dim / 2` of them, for a text of `length` tokens.
    ///
    /// f64 until the last step; transformers computes in f32, which the parity suite shows to be the same
    /// within its tolerance.
    fn frequencies(&self, length: usize) -> Vec<f64> {
        let dim = self.head_dim as f64;
        let theta = match self.scaling {
            RopeScaling::Dynamic { factor, max_position } if length > max_position => {
                let stretch = factor * length as f64 / max_position as f64 - (factor - 1.0);
                self.theta * stretch.powf(dim / (dim - 2.0))
            }
            _ => self.theta,
        };
        (0..self.head_dim / 2).map(|j| self.stretch(theta.powf(-(2.0 * j as f64) / dim))).collect()
    }

    fn stretch(&self, frequency: f64) -> f64 {
        match self.scaling {
            RopeScaling::None | RopeScaling::Dynamic { .. } => frequency,
            RopeScaling::Linear { factor } => frequency / factor,
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position } => {
                let turns = original_max_position as f64 * frequency / std::f64::consts::TAU;
                let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                let kept = smooth.clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            }
        }
    }

    /// Cosines and sines for positions `start..start + seq`.
    pub fn init(&self, start: usize, seq: usize, dtype: DType, device: &Device) -> Rope {
        let frequencies = self.frequencies(start + seq);
        let half = frequencies.len();
        let mut cos = Vec::with_capacity(seq * half);
        let mut sin = Vec::with_capacity(seq * half);
        for position in start..start + seq {
            for frequency in &frequencies {
                // f32 as in the reference: at large positions the product itself is rounded
                let angle = position as f32 * *frequency as f32;
                cos.push(angle.cos());
                sin.push(angle.sin());
            }
        }
        let table = |values| {
            let data = TensorData::new(values, [1, 1, seq, half]);
            to_dtype(Tensor::<4>::from_data(data, (device, DType::F32)), dtype)
        };
        Rope { cos: table(cos), sin: table(sin) }
    }
}

/// Cosines and sines of one stretch of positions, `[1, 1, seq, head_dim / 2]` each.
#[derive(Clone, Debug)]
pub struct Rope {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

/// Rotates queries or keys by their positions.
///
/// # Shapes
/// - x: `[batch, heads, seq, head_dim]`; output the same
pub fn apply_rope(x: Tensor<4>, rope: &Rope) -> Tensor<4> {
    let half = x.dims()[3] / 2;
    let first = x.clone().narrow(3, 0, half);
    let second = x.narrow(3, half, half);
    let (cos, sin) = (rope.cos.clone(), rope.sin.clone());
    Tensor::cat(
        vec![first.clone() * cos.clone() - second.clone() * sin.clone(), second * cos + first * sin],
        3,
    )
}
