//! How are two matrices, or two batches of them, multiplied?
//!
//! On NVIDIA cards by cuBLASLt, elsewhere by burn. Mixed dtypes are refused here because burn's matmul accepts
//! them and reads garbage.

use burn::tensor::Tensor;

/// `a · b` for operands of one dtype.
///
/// # Shapes
/// - a: `[.., rows, inner]`, b: `[.., inner, columns]`, with equal leading dimensions
/// - output: `[.., rows, columns]`
///
/// # Panics
/// If dtypes or dimensions do not fit: errors in the calling network.
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    assert_eq!(a.dtype(), b.dtype(), "matmul: operands must have one dtype");
    assert_eq!(a.dims()[D - 1], b.dims()[D - 2], "matmul: {:?} times {:?}", a.dims(), b.dims());
    assert_eq!(a.dims()[..D - 2], b.dims()[..D - 2], "matmul: batches differ");
    #[cfg(feature = "cuda")]
    if on_cuda(&a) && crate::cuda::present() {
        return crate::cuda::matmul(a, b);
    }
    a.matmul(b)
}

#[cfg(feature = "cuda")]
fn on_cuda<const D: usize>(tensor: &Tensor<D>) -> bool {
    use burn::{backend::DispatchDevice, tensor::DType};

    let device = tensor.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Cube(cubecl::Device::Cuda(_)))
        && matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16)
}
