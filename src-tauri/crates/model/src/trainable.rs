//! Which numbers of a network may training change, and how does it reach them?
//!
//! Every weight that can be trained is a [`Trainable`]. Frozen, it is a plain tensor. Trained, it is kept in
//! f32 and joins an autodiff graph only between [`Parameter::track`] and [`Parameter::untrack`], so that
//! everything else (evaluation, generation, the first pass of activation checkpointing) needs no special care.

use burn::tensor::{DType, Gradients, Tensor};
use eyewright_ops::to_dtype;

/// One weight of a network. Its name is the one in PEFT's or Hugging Face's files, without the part's prefix.
#[derive(Clone, Debug)]
pub struct Trainable<const D: usize> {
    name: String,
    value: Tensor<D>,
    /// The shape in files, where it is not that of `value`.
    shape_in_file: Option<Vec<usize>>,
    trained: bool,
    tracked: Option<Tensor<D>>,
}

impl<const D: usize> Trainable<D> {
    /// A weight that stays as it is.
    pub fn frozen(name: impl Into<String>, value: Tensor<D>) -> Self {
        Self { name: name.into(), value, shape_in_file: None, trained: false, tracked: None }
    }

    /// A weight that is trained; it is kept in f32.
    pub fn trained(name: impl Into<String>, value: Tensor<D>) -> Self {
        let mut weight = Self::frozen(name, value);
        weight.free();
        weight
    }

    /// Files keep it in another shape of as many elements.
    pub fn stored_as(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.shape_in_file = Some(shape.into());
        self
    }

    /// From now on this weight is trained. Idempotent.
    pub fn free(&mut self) {
        self.trained = true;
        self.value = to_dtype(self.value.clone(), DType::F32);
    }

    /// The name in files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of the tensor in memory.
    pub fn dims(&self) -> [usize; D] {
        self.value.dims()
    }

    /// The value: part of the autodiff graph while it is tracked, else a plain tensor. Trained weights are f32.
    pub fn get(&self) -> Tensor<D> {
        self.tracked.as_ref().unwrap_or(&self.value).clone()
    }

    /// [`Self::get`] in the dtype of the computation; its gradient arrives in f32 all the same.
    pub fn cast(&self, dtype: DType) -> Tensor<D> {
        to_dtype(self.get(), dtype)
    }

    /// The value, never part of a graph.
    pub fn value(&self) -> Tensor<D> {
        self.value.clone()
    }

    /// Shows it to `visit` if it is trained.
    pub(crate) fn visit(&mut self, visit: Visit<'_>) {
        if self.trained {
            visit(self);
        }
    }
}

/// What a traversal of trained weights calls.
pub type Visit<'a> = &'a mut dyn FnMut(&mut dyn Parameter);

/// A trained weight without its rank: flat f32 vectors go in and out.
///
/// Two parameters of one network may have the same name (a tied head and its embedding table): they are one
/// weight in two places, their gradients add up, and both are assigned the same tensor.
pub trait Parameter {
    /// The name in files, without the part's prefix.
    fn name(&self) -> &str;
    /// The shape in files.
    fn shape(&self) -> Vec<usize>;
    /// All elements in order, `[elements]`, f32, on the device and outside any graph.
    fn values(&self) -> Tensor<1>;
    /// Replaces the values; as many elements as before, f32.
    fn assign(&mut self, values: Tensor<1>);
    /// Joins the graphs of the forward passes that follow.
    fn track(&mut self);
    /// Takes this weight's gradient, `[elements]`, out of the result of a backward pass; `None` if the pass
    /// did not reach it.
    fn take_gradient(&self, gradients: &mut Gradients) -> Option<Tensor<1>>;
    /// Leaves the graphs.
    fn untrack(&mut self);
}

impl<const D: usize> Parameter for Trainable<D> {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Vec<usize> {
        self.shape_in_file.clone().unwrap_or_else(|| self.value.dims().to_vec())
    }

    fn values(&self) -> Tensor<1> {
        flat(self.value.clone())
    }

    fn assign(&mut self, values: Tensor<1>) {
        self.value = to_dtype(values, DType::F32).reshape(self.value.dims());
        self.tracked = None;
    }

    fn track(&mut self) {
        self.tracked = Some(self.value.clone().autodiff().require_grad());
    }

    fn take_gradient(&self, gradients: &mut Gradients) -> Option<Tensor<1>> {
        self.tracked.as_ref()?.grad_remove(gradients).map(flat)
    }

    fn untrack(&mut self) {
        self.tracked = None;
    }
}

fn flat<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let elements: usize = x.dims().iter().product();
    x.reshape([elements])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_gradient_reaches_a_tracked_weight_in_f32_through_a_cast() {
        let device = Device::flex();
        let half = to_dtype(Tensor::<2>::from_floats([[1.5, -2.0]], &device), DType::BF16);
        let mut weight = Trainable::frozen("w.weight", half);
        let mut seen = 0;
        weight.visit(&mut |_| seen += 1);
        assert_eq!(seen, 0, "a frozen weight is not shown");
        weight.free();
        weight.visit(&mut |_| seen += 1);
        assert_eq!((seen, weight.value().dtype()), (1, DType::F32));

        assert!(!weight.get().is_tracked());
        weight.track();
        let loss = weight.cast(DType::BF16) * 3.0;
        let mut gradients = loss.backward();
        let gradient = weight.take_gradient(&mut gradients).unwrap();
        assert_eq!(gradient.dtype(), DType::F32);
        assert_eq!(gradient.to_data().iter::<f32>().collect::<Vec<_>>(), [3.0, 3.0]);
        assert!(weight.take_gradient(&mut gradients).is_none());
        weight.untrack();
        assert!(!weight.get().is_tracked());
    }
}
