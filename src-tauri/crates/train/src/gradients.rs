//! The gradients of one optimiser step, summed over its micro-batches.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

/// Gradients by the full name of what they belong to, flat and in f32.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    by_name: BTreeMap<String, Tensor<1>>,
}

impl Gradients {
    /// Adds to what is there under this name: another micro-batch, another chunk, or a weight's second place.
    pub fn add(&mut self, name: String, gradient: Tensor<1>) {
        let sum = match self.by_name.remove(&name) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        self.by_name.insert(name, sum);
    }

    /// `[elements]`; `None` if no micro-batch reached this weight.
    pub fn get(&self, name: &str) -> Option<Tensor<1>> {
        self.by_name.get(name).cloned()
    }

    /// Names with a gradient, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Sum of the squares of all elements, `[1]`, still on the device; infinite or NaN as soon as one element
    /// is. `None` if there is no gradient.
    pub fn square_sum(&self) -> Option<Tensor<1>> {
        let squares: Vec<Tensor<1>> =
            self.by_name.values().map(|gradient| gradient.clone().square().sum()).collect();
        (!squares.is_empty()).then(|| Tensor::cat(squares, 0).sum())
    }

    /// L2 norm of all gradients as one vector; reads the device. 0 if there is none.
    pub fn global_norm(&self) -> f64 {
        self.square_sum().map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()).sqrt())
    }
}

/// What gradients of this norm are multiplied by, as `torch.nn.utils.clip_grad_norm_` does.
pub fn clip_factor(norm: f64, max_norm: Option<f64>) -> f64 {
    max_norm.map_or(1.0, |max_norm| (max_norm / (norm + 1e-6)).min(1.0))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn gradients_add_up_and_are_clipped_as_one_vector() {
        let device = Device::flex();
        let mut gradients = Gradients::default();
        assert_eq!(gradients.global_norm(), 0.0);
        gradients.add("a".into(), Tensor::from_floats([1.0, 0.0], &device));
        gradients.add("a".into(), Tensor::from_floats([2.0, 0.0], &device));
        gradients.add("b".into(), Tensor::from_floats([4.0], &device));
        assert_eq!(gradients.global_norm(), 5.0);
        assert!((clip_factor(5.0, Some(1.0)) - 0.2).abs() < 1e-6);
        assert_eq!((clip_factor(0.5, Some(1.0)), clip_factor(5.0, None)), (1.0, 1.0));
        gradients.add("c".into(), Tensor::from_floats([f32::NAN], &device));
        assert!(gradients.global_norm().is_nan());
    }
}
