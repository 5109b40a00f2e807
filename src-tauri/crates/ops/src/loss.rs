//! How far are next-token scores from the tokens that really followed, and which way is better?
//!
//! The gradient is written by hand, softmax minus one-hot, so that a training step needs no graph over
//! `[rows, vocab]` and keeps no copies of it. Only rows that are learned belong in here: nothing is masked.

use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use crate::norm::to_f32;

/// Cross-entropy of each row (natural logarithm), in f32 whatever the scores are, as
/// `torch.nn.functional.cross_entropy` with `reduction="none"`.
///
/// # Shapes
/// - logits: `[rows, vocab]`, targets: `[rows]`, each below `vocab` (the caller has checked)
/// - output: `[rows]`, f32
pub fn token_losses(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let shifted = shifted(logits);
    let sum = shifted.clone().exp().sum_dim(1); // [rows, 1]
    losses(shifted, sum, targets.unsqueeze_dim(1))
}

/// The losses, and the gradient of `weight · Σ losses` by the scores.
///
/// # Shapes
/// - logits: `[rows, vocab]`, targets: `[rows]`
/// - output: `[rows]` and `[rows, vocab]`, both f32
pub fn token_losses_and_gradient(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    weight: f64,
) -> (Tensor<1>, Tensor<2>) {
    let rows = logits.dims()[0];
    let device = logits.device();
    let targets = targets.unsqueeze_dim::<2>(1);
    let shifted = shifted(logits);
    let exp = shifted.clone().exp();
    let sum = exp.clone().sum_dim(1); // [rows, 1]
    let losses = losses(shifted, sum.clone(), targets.clone());
    let probabilities = exp * (sum.recip() * weight);
    let hit = Tensor::full([rows, 1], -weight, (&device, burn::tensor::DType::F32));
    (losses, probabilities.scatter(1, targets, hit, IndexingUpdateOp::Add))
}

/// Scores below their row's largest, so that no exponential overflows.
fn shifted(logits: Tensor<2>) -> Tensor<2> {
    let logits = to_f32(logits);
    let largest = logits.clone().max_dim(1);
    logits - largest
}

fn losses(shifted: Tensor<2>, sum: Tensor<2>, targets: Tensor<2, Int>) -> Tensor<1> {
    (sum.log() - shifted.gather(1, targets)).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn equal_scores_cost_the_logarithm_of_the_vocabulary() {
        let device = Device::flex();
        let logits = Tensor::<2>::full([2, 4], 7.0, &device);
        let targets = Tensor::<1, Int>::from_ints([0, 3], &device);
        let (losses, gradient) = token_losses_and_gradient(logits.clone(), targets.clone(), 0.5);
        let ln4 = 4_f32.ln();
        for value in
            losses.to_data().iter::<f32>().chain(token_losses(logits, targets).to_data().iter::<f32>())
        {
            assert!((value - ln4).abs() < 1e-6, "{value}");
        }
        // 0.5 · (1/4 − [is target])
        let expected = [-0.375, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, -0.375];
        for (value, expected) in gradient.to_data().iter::<f32>().zip(expected) {
            assert!((value - expected).abs() < 1e-7, "{value} {expected}");
        }
    }

    #[test]
    fn scores_of_a_thousand_stay_finite() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[1000.0, 0.0, -1000.0]], &device);
        let (losses, gradient) = token_losses_and_gradient(logits, Tensor::from_ints([1], &device), 1.0);
        assert_eq!(losses.into_scalar::<f32>(), 1000.0);
        assert_eq!(gradient.to_data().iter::<f32>().collect::<Vec<_>>(), [1.0, -1.0, 0.0]);
    }
}
