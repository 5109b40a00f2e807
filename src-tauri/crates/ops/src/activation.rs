//! Which non-linearities do the supported networks name in their configuration files?

use std::str::FromStr;

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// A non-linearity, by the name Hugging Face's `config.json` gives it (`transformers.activations.ACT2FN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `x · Φ(x)` with the exact error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// The tanh approximation of GELU.
    #[serde(rename = "gelu_pytorch_tanh", alias = "gelu_new")]
    GeluTanh,
    /// `x · sigmoid(1.702 x)`, used by OpenAI's CLIP.
    #[serde(rename = "quick_gelu")]
    QuickGelu,
    /// `max(0, x)`.
    #[serde(rename = "relu")]
    Relu,
    /// `x · sigmoid(x)`.
    #[serde(rename = "silu", alias = "swish")]
    Silu,
    /// The hyperbolic tangent.
    #[serde(rename = "tanh")]
    Tanh,
    /// The logistic function.
    #[serde(rename = "sigmoid")]
    Sigmoid,
}

impl Activation {
    /// Applies the function to every element; any shape.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => activation::gelu(x),
            Self::GeluTanh => activation::gelu_approximate(x),
            Self::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
            Self::Relu => activation::relu(x),
            Self::Silu => activation::silu(x),
            Self::Tanh => activation::tanh(x),
            Self::Sigmoid => activation::sigmoid(x),
        }
    }
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "gelu" => Self::Gelu,
            "gelu_pytorch_tanh" | "gelu_new" => Self::GeluTanh,
            "quick_gelu" => Self::QuickGelu,
            "relu" => Self::Relu,
            "silu" | "swish" => Self::Silu,
            "tanh" => Self::Tanh,
            "sigmoid" => Self::Sigmoid,
            _ => return Err(UnknownActivation { name: name.into() }),
        })
    }
}

/// A configuration names a function that no supported network uses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown activation `{name}`; known are gelu, gelu_pytorch_tanh, quick_gelu, relu, silu, tanh, sigmoid"
)]
pub struct UnknownActivation {
    /// The name as written in the configuration.
    pub name: String,
}

/// The gate of the Llama family's MLP: `act(gate) · up` (Shazeer 2020, SwiGLU with SiLU).
///
/// # Shapes
/// - gate, up: `[.., intermediate]`; output the same
pub fn swiglu<const D: usize>(act: Activation, gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    act.forward(gate) * up
}
