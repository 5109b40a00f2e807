//! When do gradients change the weights, and by how much?

use std::collections::BTreeMap;

use burn::tensor::{DType, Tensor};
use eyewright_model::llava::Llava;
use eyewright_ops::random_key;

use super::{
    batch::{BatchError, Layout, MicroBatch, Pictures},
    parts::{Part, Rates, each_trainable},
    pass::{PassConfig, differentiate, loss_sum},
    sight::tower_is_trained,
};
use crate::{
    gradients::{Gradients, clip_factor},
    loss_scale::LossScale,
    optimiser::{AdamW, AdamWConfig, Moments},
};

/// What defines the steps of a run, beside what comes with each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerConfig {
    /// Of the dropout masks.
    pub seed: u64,
    /// Compute each block a second time instead of keeping its graph: less memory, more time, the same
    /// numbers. A language model in 4 bits needs it: without, all of its dequantised weights are kept at once.
    pub checkpointing: bool,
    /// The gradients' largest L2 norm; beyond it they are scaled down. `None` never scales.
    pub max_norm: Option<f64>,
    /// The optimiser.
    pub adamw: AdamWConfig,
    /// Elements of `[rows, vocab]` that may exist at a time (a handful of copies of as many do).
    pub logits_at_a_time: usize,
}

impl Default for TrainerConfig {
    /// XTuner's values, with checkpointing.
    fn default() -> Self {
        Self {
            seed: 0,
            checkpointing: true,
            max_norm: Some(1.0),
            adamw: AdamWConfig::default(),
            logits_at_a_time: 1 << 25,
        }
    }
}

/// A model in training. What is trained of it was chosen before, with `tune` and `free` of its parts.
#[derive(Debug)]
pub struct Trainer {
    model: Llava,
    config: TrainerConfig,
    optimiser: AdamW,
    progress: Progress,
}

/// How far a run has come; with weights and moments all that a checkpoint needs of the trainer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Steps taken, skipped ones among them.
    pub steps: u64,
    /// Used by f16 models alone.
    pub loss_scale: LossScale,
}

/// One trained weight, as files keep it.
#[derive(Clone, Debug)]
pub struct Weight {
    /// With the part's prefix, `llm.model.layers.0.attention.wqkv.lora_A.weight` for example.
    pub name: String,
    /// The part.
    pub part: Part,
    /// The shape in files.
    pub shape: Vec<usize>,
    /// Flat, f32, on the device.
    pub values: Tensor<1>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Mean loss over all learned tokens of the step (natural logarithm).
    pub loss: f64,
    /// Mean loss of each micro-batch; NaN for one without learned tokens.
    pub micro_losses: Vec<f64>,
    /// L2 norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Tokens that were learned.
    pub supervised_tokens: usize,
    /// Positions that were computed without padding: text and picture tokens.
    pub tokens: usize,
    /// Why nothing was changed, if so.
    pub skipped: Option<Skipped>,
}

/// Why a step changed nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Skipped {
    /// The loss is infinite or not a number.
    Loss,
    /// A gradient is infinite or not a number.
    Gradient,
    /// A gradient of an f16 model has overflowed under the loss scale, which is now lower. Expected to happen
    /// now and then, in the first steps above all.
    LossScale {
        /// The scale from now on.
        next: f64,
    },
}

/// A loss without training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean loss over all learned tokens.
    pub loss: f64,
    /// How many there are.
    pub supervised_tokens: usize,
}

/// A step that cannot be taken; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// A micro-batch does not fit.
    #[error("micro-batch {micro}: {source}")]
    Batch {
        /// Its place in the step.
        micro: usize,
        /// What is wrong.
        source: BatchError,
    },
    /// No row has a label.
    #[error("none of the {rows} rows of this step has a token to learn")]
    NothingToLearn {
        /// Rows of all micro-batches.
        rows: usize,
    },
    /// Every part is frozen, or what is trained does not take part in this step.
    #[error("no trained weight takes part in this step; train a part of the model that its rows use")]
    NothingTrained,
    /// Weights or moments of a checkpoint that do not belong to this model.
    #[error("the checkpoint does not belong to this run: `{name}` {}", mismatch(*expected, *found))]
    Foreign {
        /// The weight's full name.
        name: String,
        /// Its number of elements in the model, if it is trained there.
        expected: Option<usize>,
        /// Its number of elements in the checkpoint, if it is there.
        found: Option<usize>,
    },
}

fn mismatch(expected: Option<usize>, found: Option<usize>) -> String {
    match (expected, found) {
        (Some(expected), Some(found)) => format!("has {found} elements, expected {expected}"),
        (Some(_), None) => "is missing in it".into(),
        _ => "is not trained here".into(),
    }
}

impl Trainer {
    /// Starts a run.
    pub fn new(model: Llava, config: TrainerConfig) -> Self {
        let optimiser = AdamW::new(config.adamw);
        Self { model, config, optimiser, progress: Progress::default() }
    }

    /// The model as it is now, for evaluation and generation.
    pub fn model(&self) -> &Llava {
        &self.model
    }

    /// Ends the run.
    pub fn into_model(self) -> Llava {
        self.model
    }

    /// The optimiser with its memory.
    pub fn optimiser(&self) -> &AdamW {
        &self.optimiser
    }

    /// How far the run has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// All trained weights, sorted by name, each once.
    pub fn weights(&mut self) -> Vec<Weight> {
        let mut weights = BTreeMap::new();
        each_trainable(&mut self.model, &mut |part, weight| {
            let name = part.full_name(weight.name());
            let (shape, values) = (weight.shape(), weight.values());
            weights.insert(name.clone(), Weight { name, part, shape, values });
        });
        weights.into_values().collect()
    }

    /// Continues from a checkpoint: `weights` (flat, by full name) and the optimiser's moments.
    ///
    /// # Errors
    /// If they are not those of this model. Nothing has changed then.
    pub fn restore(
        &mut self,
        weights: &BTreeMap<String, Tensor<1>>,
        moments: BTreeMap<String, Moments>,
        progress: Progress,
    ) -> Result<(), StepError> {
        let own: BTreeMap<String, usize> =
            self.weights().into_iter().map(|weight| (weight.name, weight.values.dims()[0])).collect();
        let sizes = |name: &str, found: Option<usize>| {
            let expected = own.get(name).copied();
            if expected.is_some() && expected == found {
                return Ok(());
            }
            Err(StepError::Foreign { name: name.to_owned(), expected, found })
        };
        for name in own.keys().chain(weights.keys()) {
            sizes(name, weights.get(name).map(|values| values.dims()[0]))?;
        }
        for (name, moments) in &moments {
            sizes(name, Some(moments.exp_avg.dims()[0]))?;
            sizes(name, Some(moments.exp_avg_sq.dims()[0]))?;
        }
        each_trainable(&mut self.model, &mut |part, weight| {
            if let Some(values) = weights.get(&part.full_name(weight.name())) {
                weight.assign(values.clone());
            }
        });
        self.optimiser.restore(moments);
        self.progress = progress;
        Ok(())
    }

    /// Trains on `micro_batches` as if they were one batch.
    ///
    /// A loss or gradient that is not finite changes nothing, neither weights nor moments; the report says so.
    ///
    /// # Errors
    /// If a micro-batch does not fit the model or there is nothing to learn from them.
    pub fn step(&mut self, micro_batches: &[MicroBatch], rates: Rates) -> Result<StepReport, StepError> {
        let layouts = self.layouts(micro_batches)?;
        let learned: Vec<usize> = layouts.iter().map(|layout| layout.learned.len()).collect();
        let supervised_tokens: usize = learned.iter().sum();
        let scale =
            if self.model.decoder.dtype() == DType::F16 { self.progress.loss_scale.scale() } else { 1.0 };
        let gradients = self.accumulate(micro_batches, &layouts, scale / supervised_tokens as f64);
        self.drop_out(None);
        let (sums, gradients) = gradients?;
        let squares = gradients.square_sum().ok_or(StepError::NothingTrained)?;
        let read = read(sums, squares);
        let (sums, squares) = read.split_at(read.len() - 1);
        let loss = sums.iter().sum::<f64>() / supervised_tokens as f64;
        let grad_norm = squares[0].sqrt() / scale;
        let skipped = self.verdict(loss, grad_norm);
        if skipped.is_none() {
            let factor = clip_factor(grad_norm, self.config.max_norm) / scale;
            self.apply(&gradients, factor, rates);
        }
        self.progress.steps += 1;
        Ok(StepReport {
            loss,
            micro_losses: sums.iter().zip(&learned).map(|(sum, count)| sum / *count as f64).collect(),
            grad_norm,
            supervised_tokens,
            tokens: layouts.iter().flat_map(|layout| &layout.lengths).sum(),
            skipped,
        })
    }

    /// The loss on micro-batches, without training and without dropout.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn evaluate(&self, micro_batches: &[MicroBatch]) -> Result<Evaluation, StepError> {
        let layouts = self.layouts(micro_batches)?;
        let supervised_tokens = layouts.iter().map(|layout| layout.learned.len()).sum();
        let mut loss = 0.0;
        for (micro, (batch, layout)) in micro_batches.iter().zip(&layouts).enumerate() {
            if !layout.learned.is_empty() {
                let sum = loss_sum(&self.model, batch, layout, self.config.logits_at_a_time);
                let sum = sum.map_err(|source| StepError::Batch { micro, source })?;
                loss += f64::from(sum.into_scalar::<f32>());
            }
        }
        Ok(Evaluation { loss: loss / supervised_tokens as f64, supervised_tokens })
    }

    fn layouts(&self, micro_batches: &[MicroBatch]) -> Result<Vec<Layout>, StepError> {
        let tokens = self.model.eye.as_ref().map_or(0, |eye| eye.tower.config().tokens());
        let vocab = self.model.decoder.config().vocab;
        let of = |(micro, batch)| {
            Layout::of(batch, tokens, vocab).map_err(|source| StepError::Batch { micro, source })
        };
        let layouts: Vec<Layout> = micro_batches.iter().enumerate().map(of).collect::<Result<_, _>>()?;
        if layouts.iter().all(|layout| layout.learned.is_empty()) {
            return Err(StepError::NothingToLearn {
                rows: micro_batches.iter().map(|batch| batch.rows.len()).sum(),
            });
        }
        Ok(layouts)
    }

    /// Sums of losses by micro-batch, still on the device, and the gradients of all.
    fn accumulate(
        &mut self,
        micro_batches: &[MicroBatch],
        layouts: &[Layout],
        weight: f64,
    ) -> Result<(Vec<Tensor<1>>, Gradients), StepError> {
        let tower_trained = self.model.eye.as_mut().is_some_and(tower_is_trained);
        let mut gradients = Gradients::default();
        let mut sums = Vec::with_capacity(layouts.len());
        for (micro, (batch, layout)) in micro_batches.iter().zip(layouts).enumerate() {
            let fault = |source| StepError::Batch { micro, source };
            if tower_trained && matches!(batch.pictures, Pictures::Features(_)) {
                return Err(fault(BatchError::FeaturesOfTrainedTower));
            }
            if layout.learned.is_empty() {
                sums.push(Tensor::zeros([1], (self.model.decoder.device(), DType::F32)));
                continue;
            }
            let dropout = random_key(self.config.seed, &format!("step {} pass {micro}", self.progress.steps));
            self.drop_out(Some(dropout));
            let config = PassConfig {
                checkpointing: self.config.checkpointing,
                weight,
                logits_at_a_time: self.config.logits_at_a_time,
                dropout,
            };
            sums.push(differentiate(&mut self.model, batch, layout, config, &mut gradients).map_err(fault)?);
        }
        Ok((sums, gradients))
    }

    fn drop_out(&mut self, pass: Option<u64>) {
        self.model.decoder.drop_out(pass);
        if let Some(eye) = &mut self.model.eye {
            eye.tower.drop_out(pass);
        }
    }

    /// Whether the step counts; the loss scale of f16 models learns from it.
    fn verdict(&mut self, loss: f64, grad_norm: f64) -> Option<Skipped> {
        if !loss.is_finite() {
            return Some(Skipped::Loss);
        }
        let scaled = self.model.decoder.dtype() == DType::F16;
        if scaled {
            self.progress.loss_scale.observe(!grad_norm.is_finite());
        }
        match (grad_norm.is_finite(), scaled) {
            (true, _) => None,
            (false, false) => Some(Skipped::Gradient),
            (false, true) => Some(Skipped::LossScale { next: self.progress.loss_scale.scale() }),
        }
    }

    fn apply(&mut self, gradients: &Gradients, factor: f64, rates: Rates) {
        let optimiser = &mut self.optimiser;
        // A weight with two places is updated once and put in both.
        let mut updated: BTreeMap<String, Tensor<1>> = BTreeMap::new();
        each_trainable(&mut self.model, &mut |part, weight| {
            let name = part.full_name(weight.name());
            if let Some(value) = updated.get(&name) {
                weight.assign(value.clone());
                return;
            }
            let Some(gradient) = gradients.get(&name) else { return };
            let gradient = if factor == 1.0 { gradient } else { gradient * factor };
            let value = optimiser.update(&name, weight.values(), gradient, rates.of(part));
            weight.assign(value.clone());
            updated.insert(name, value);
        });
    }
}

/// Reads all numbers of a step in one go: the only time it waits for the device.
fn read(mut sums: Vec<Tensor<1>>, squares: Tensor<1>) -> Vec<f64> {
    sums.push(squares);
    let data = Tensor::cat(sums, 0).into_data();
    data.iter::<f32>().map(f64::from).collect()
}
