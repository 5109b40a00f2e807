//! How is an input multiplied with a weight kept as Hugging Face stores it, `[out, in]`?
//!
//! The weight is never copied into the other layout: the transposed view goes straight to the matrix
//! multiplication.

use burn::tensor::Tensor;

use crate::matmul::matmul;

/// `x · weightᵀ + bias` over the last dimension.
///
/// # Shapes
/// - x: `[.., in]`
/// - weight: `[out, in]`, bias: `[out]`
/// - output: `[.., out]`
///
/// # Panics
/// If x and weight differ in dtype, or their `in` differs: both are errors in the calling network.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    let mut shape = x.dims();
    let [out, width] = weight.dims();
    assert_eq!(shape[D - 1], width, "linear: input is {} wide, the weight expects {width}", shape[D - 1]);
    let rows: usize = shape[..D - 1].iter().product();
    let mut y = matmul(x.reshape([rows, width]), weight.transpose()); // [rows, out]
    if let Some(bias) = bias {
        y = y + bias.unsqueeze::<2>();
    }
    shape[D - 1] = out;
    y.reshape(shape)
}
