//! AdamW (Loshchilov & Hutter 2019), as `torch.optim.AdamW` computes it.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

/// What defines the optimiser beside the learning rate, which comes with each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Share of a weight that is taken off per step and learning rate; not part of the gradient.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    /// PyTorch's, but without weight decay, as XTuner trains.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// The optimiser and its memory, by the full name of each weight.
#[derive(Clone, Debug)]
pub struct AdamW {
    config: AdamWConfig,
    moments: BTreeMap<String, Moments>,
}

/// What AdamW remembers of one weight; names are those of PyTorch's state.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Mean of gradients, `[elements]`, f32.
    pub exp_avg: Tensor<1>,
    /// Mean of squared gradients, `[elements]`, f32.
    pub exp_avg_sq: Tensor<1>,
    /// Updates so far; a weight without a gradient is left out of a step and does not count it.
    pub steps: u64,
}

impl AdamW {
    /// An optimiser without memory.
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, moments: BTreeMap::new() }
    }

    /// What it remembers, by full name; what a checkpoint holds.
    pub fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.moments
    }

    /// Takes over the memory of a checkpoint.
    pub fn restore(&mut self, moments: BTreeMap<String, Moments>) {
        self.moments = moments;
    }

    /// The new value of a weight.
    ///
    /// # Shapes
    /// - value, gradient, output: `[elements]`, f32
    pub fn update(&mut self, name: &str, value: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let AdamWConfig { beta1, beta2, eps, weight_decay } = self.config;
        let (exp_avg, exp_avg_sq, steps) = match self.moments.remove(name) {
            Some(Moments { exp_avg, exp_avg_sq, steps }) => (exp_avg, exp_avg_sq, steps + 1),
            None => (gradient.zeros_like(), gradient.zeros_like(), 1),
        };
        let towards = gradient.clone() - exp_avg.clone();
        let exp_avg = exp_avg + towards * (1.0 - beta1);
        let exp_avg_sq = exp_avg_sq * beta2 + gradient.square() * (1.0 - beta2);
        let bias1 = 1.0 - beta1.powf(steps as f64);
        let bias2 = 1.0 - beta2.powf(steps as f64);
        let denominator = exp_avg_sq.clone().sqrt() / bias2.sqrt() + eps;
        let value = if weight_decay == 0.0 { value } else { value * (1.0 - rate * weight_decay) };
        let value = value - exp_avg.clone() / denominator * (rate / bias1);
        self.moments.insert(name.to_owned(), Moments { exp_avg, exp_avg_sq, steps });
        value
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let device = Device::flex();
        let mut adam = AdamW::new(AdamWConfig { weight_decay: 0.1, ..Default::default() });
        let one = |x: Tensor<1>| x.into_scalar::<f32>();
        let gradient = |g: f32| Tensor::<1>::from_floats([g], &device);
        // Corrected for their zero start, both moments of the first step are the gradient's: a step of the rate.
        let value = adam.update("w", gradient(1.0), gradient(0.5), 0.01);
        assert!((one(value.clone()) - (1.0 - 0.001 - 0.01)).abs() < 1e-7);
        // m = 0.9·0.05 − 0.1·0.25 = 0.02, v = 0.999·0.00025 + 0.001·0.0625 = 0.00031225
        let second = adam.update("w", value.clone(), gradient(-0.25), 0.01);
        let (m, v) = (0.02 / (1.0 - 0.81), 0.000_312_25 / (1.0 - 0.999 * 0.999));
        let expected = 0.989 * 0.999 - 0.01 * m / f64::sqrt(v);
        assert!((f64::from(one(second)) - expected).abs() < 1e-6);
        assert_eq!(adam.moments()["w"].steps, 2);
    }
}
