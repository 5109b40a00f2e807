//! Which normalisations do the networks use, and where do they round?
//!
//! Both compute in f32 whatever the input's dtype is, and round where the reference implementations do:
//! PyTorch's layer norm once at the end, the Llama family's RMS norm before the weight is applied.

use burn::tensor::{DType, FloatDType, Tensor};

/// Layer norm over the last dimension (Ba et al. 2016), as `torch.nn.LayerNorm`.
///
/// # Shapes
/// - x: `[.., width]`, weight and bias: `[width]`
/// - output: as x
pub fn layer_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<D> {
    let dtype = x.dtype();
    let x = to_f32(x);
    let centred = x.clone() - x.mean_dim(D - 1);
    let variance = centred.clone().square().mean_dim(D - 1); // [.., 1]
    let y = centred / (variance + eps).sqrt();
    let y = y * to_f32(weight).unsqueeze::<D>() + to_f32(bias).unsqueeze::<D>();
    to_dtype(y, dtype)
}

/// RMS norm over the last dimension (Zhang & Sennrich 2019), rounded as `LlamaRMSNorm` does.
///
/// # Shapes
/// - x: `[.., width]`, weight: `[width]`
/// - output: as x
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    let dtype = x.dtype();
    let x = to_f32(x);
    let scale = (x.clone().square().mean_dim(D - 1) + eps).sqrt(); // [.., 1]
    to_dtype(x / scale, dtype) * to_dtype(weight, dtype).unsqueeze::<D>()
}

pub(crate) fn to_f32<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    to_dtype(x, DType::F32)
}

/// Casts only where the dtype differs: a cast to the same dtype would still cost a copy.
pub fn to_dtype<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    if x.dtype() == dtype { x } else { x.cast(FloatDType::from(dtype)) }
}
