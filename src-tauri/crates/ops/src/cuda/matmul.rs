//! How do burn's tensors reach cuBLASLt, with gradients and inside fused stretches?

use burn::{
    backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor},
    tensor::{DType, Shape, Tensor},
};
use burn_autodiff::{
    Autodiff, NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, binary},
};
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};

use super::{
    cublas::{Numbers, Operand, Product, launch},
    stream::on_stream,
};

/// `a · b` on an NVIDIA card, for matrices or batches of them.
///
/// # Shapes
/// - a: `[.., rows, inner]`, b: `[.., inner, columns]`, with equal leading dimensions
/// - output: `[.., rows, columns]`
pub(crate) fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let (mut shape, b_shape) = (a.dims(), b.dims());
    if D <= 3 {
        return multiply(a, b);
    }
    let batch = shape[..D - 2].iter().product::<usize>();
    let a = a.reshape([batch, shape[D - 2], shape[D - 1]]);
    let b = b.reshape([batch, b_shape[D - 2], b_shape[D - 1]]);
    shape[D - 1] = b_shape[D - 1];
    multiply::<3>(a, b).reshape(shape)
}

fn multiply<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::cublas_matmul(a.into_dispatch(), b.into_dispatch()))
}

fn product_shape(a: &Shape, b: &Shape) -> Shape {
    let mut shape = a.clone();
    let last = shape.num_dims() - 1;
    shape[last] = b[last];
    shape
}

/// The operation, for tensors of two or three dimensions.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait CublasMatmul: Backend {
    #[fusion(dtype = a, shape = product_shape(a, b))]
    fn cublas_matmul(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl CublasMatmul for CubeBackend {
    fn cublas_matmul(a: CubeTensor, b: CubeTensor) -> CubeTensor {
        let (a, a_lies) = readable(a);
        let (b, b_lies) = readable(b);
        let (shape, inner) = (product_shape(a.meta.shape(), b.meta.shape()), a.meta.shape().clone());
        let dims = shape.num_dims();
        let (numbers, bytes) = match a.dtype {
            DType::BF16 => (Numbers::Bf16, 2),
            DType::F16 => (Numbers::F16, 2),
            _ => (Numbers::F32, 4), // `ops::matmul` lets no other type through
        };
        let product = Product {
            batch: if dims == 3 { shape[0] as i32 } else { 1 },
            rows: shape[dims - 2] as u64,
            inner: inner[dims - 1] as u64,
            columns: shape[dims - 1] as u64,
            a: a_lies,
            b: b_lies,
            numbers,
        };
        let buffer = a.client.empty(shape.num_elements() * bytes);
        let out = CubeTensor::new_contiguous(a.client.clone(), a.device.clone(), shape, buffer, a.dtype);
        on_stream(&a.client, [&a.handle, &b.handle], &out.handle, move |stream, addresses| {
            launch(product, stream, addresses)
        });
        out
    }
}

/// The tensor as cuBLASLt can read it: as it lies where rows or columns are contiguous, else as a copy.
fn readable(tensor: CubeTensor) -> (CubeTensor, Operand) {
    if let Some(operand) = lies(&tensor) {
        return (tensor, operand);
    }
    let tensor = into_contiguous(tensor);
    let (shape, dims) = (tensor.meta.shape(), tensor.meta.shape().num_dims());
    let (rows, columns) = (shape[dims - 2], shape[dims - 1]);
    let operand =
        Operand { transposed: false, leading: columns as i64, batch_stride: (rows * columns) as i64 };
    (tensor, operand)
}

fn lies(tensor: &CubeTensor) -> Option<Operand> {
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let dims = shape.num_dims();
    let [rows, columns] = [shape[dims - 2], shape[dims - 1]];
    let [row_stride, column_stride] = [strides[dims - 2], strides[dims - 1]];
    let batch_stride = if dims == 3 { strides[0] as i64 } else { 0 };
    if column_stride == 1 && row_stride >= columns {
        Some(Operand { transposed: false, leading: row_stride as i64, batch_stride })
    } else if row_stride == 1 && column_stride >= rows {
        Some(Operand { transposed: true, leading: column_stride as i64, batch_stride })
    } else {
        None
    }
}

impl<B: CublasMatmul, C: CheckpointStrategy> CublasMatmul for Autodiff<B, C> {
    fn cublas_matmul(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Multiplied;

        impl<B: CublasMatmul> Backward<B, 2> for Multiplied {
            type State = [Option<NodeId>; 2];

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                // Each is kept only if the other one is tracked, and asked for only then.
                let [a, b] = ops.state.map(|kept| kept.map(|id| checkpointer.retrieve_node_output(id)));
                binary::<B, _, _>(
                    ops.parents,
                    ops.node,
                    gradients,
                    |d_out| match b {
                        Some(b) => B::cublas_matmul(d_out, B::float_transpose(b)),
                        None => d_out,
                    },
                    |d_out| match a {
                        Some(a) => B::cublas_matmul(B::float_transpose(a), d_out),
                        None => d_out,
                    },
                );
            }
        }

        let tracked = [a.is_tracked(), b.is_tracked()];
        match Multiplied.prepare::<C>([a.node(), b.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let kept = [
                    tracked[1].then(|| prepared.checkpoint(&a)),
                    tracked[0].then(|| prepared.checkpoint(&b)),
                ];
                prepared.finish(kept, B::cublas_matmul(a.into_primitive(), b.into_primitive()))
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::cublas_matmul(a.into_primitive(), b.into_primitive()))
            }
        }
    }
}
