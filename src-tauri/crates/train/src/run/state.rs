//! What is in a checkpoint, and how does a trainer come back from it?

use std::{collections::BTreeMap, io, path::Path};

use burn::tensor::{DType, Device, Tensor, TensorData};
use eyewright_model::weights::{Checkpoint as TensorFiles, StoredDtype, TensorSpec};
use serde::{Deserialize, Serialize};

use super::RunError;
use crate::{
    checkpoint::{Checkpoint, Content},
    exact::Exact,
    loss_scale::LossScale,
    optimiser::Moments,
    step::{Progress, Trainer},
};

/// Everything that is trained, by the names of XTuner's `.pth` files: `projector.…`, `llm.…`, `visual_encoder.…`.
pub const TRAINED: &str = "trained.safetensors";
/// A projector that is not trained but not the base's either.
pub const PROJECTOR: &str = "projector.safetensors";
/// AdamW's moments, `{name}.exp_avg` and `{name}.exp_avg_sq`.
pub const OPTIMISER: &str = "optimizer.safetensors";
/// How far the run has come.
pub const STATE: &str = "state.json";
/// Which model this belongs to, so that it can be opened for chat.
pub const MODEL: &str = "model.json";

/// The numbers of a run beside weights and moments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunState {
    /// Steps done.
    pub(super) step: u64,
    loss_scale: f64,
    good_steps: u64,
    /// Updates of each weight.
    updates: BTreeMap<String, u64>,
    /// The lowest validation loss and its step.
    pub(super) best: Option<(u64, Exact)>,
    /// Validations since then without progress.
    pub(super) stale: u64,
    /// Steps in a row that changed nothing because of numbers that are none.
    pub(super) not_finite: u64,
    /// Steps that changed nothing.
    pub(super) skipped: u64,
}

/// The files of a checkpoint. Tensors are fetched from the device one by one while they are written.
pub(super) fn contents<'a>(
    trainer: &mut Trainer,
    state: &mut RunState,
    model: &[u8],
) -> Result<Vec<Content<'a>>, RunError> {
    let progress = trainer.progress();
    state.step = progress.steps;
    state.loss_scale = progress.loss_scale.scale();
    state.good_steps = progress.loss_scale.good_steps();
    let moments = trainer.optimiser().moments();
    state.updates = moments.iter().map(|(name, moments)| (name.clone(), moments.steps)).collect();
    let halves = moments.iter().flat_map(|(name, moments)| {
        let half = |which: &str, values: &Tensor<1>| {
            (format!("{name}.{which}"), (vec![values.dims()[0]], values.clone()))
        };
        [half("exp_avg", &moments.exp_avg), half("exp_avg_sq", &moments.exp_avg_sq)]
    });
    let halves = halves.collect();
    let weights = trainer.weights().into_iter().map(|weight| (weight.name, (weight.shape, weight.values)));
    let mut contents = vec![tensors(TRAINED, weights.collect())?, tensors(OPTIMISER, halves)?];
    if let Some(eye) = &mut trainer_eye(trainer) {
        contents.push(tensors(PROJECTOR, std::mem::take(eye))?);
    }
    let text = serde_json::to_vec_pretty(state).map_err(io::Error::from);
    let text = text.map_err(RunError::disk("write", Path::new(STATE)))?;
    contents.push(Content::bytes(STATE, text)?);
    contents.push(Content::bytes(MODEL, model.to_vec())?);
    Ok(contents)
}

type Named = BTreeMap<String, (Vec<usize>, Tensor<1>)>;

/// The projector's numbers, if it is there and frozen.
fn trainer_eye(trainer: &Trainer) -> Option<Named> {
    let mut projector = trainer.model().eye.as_ref()?.projector.clone();
    let mut trained = false;
    projector.each_trainable(&mut |_| trained = true);
    if trained {
        return None;
    }
    let mut named = Named::new();
    // A copy may be freed to be looked at; the tensors themselves are shared, not copied.
    projector.free().ok()?;
    projector.each_trainable(&mut |weight| {
        named.insert(format!("projector.{}", weight.name()), (weight.shape(), weight.values()));
    });
    Some(named)
}

fn tensors<'a>(name: &str, mut named: Named) -> Result<Content<'a>, RunError> {
    let spec = |(name, (shape, _)): (&String, &(Vec<usize>, Tensor<1>))| TensorSpec {
        name: name.clone(),
        dtype: StoredDtype::F32,
        shape: shape.clone(),
    };
    let specs = named.iter().map(spec).collect();
    let content = Content::tensors(
        name,
        specs,
        Box::new(move |spec| {
            let (_, values) = named.remove(&spec.name).ok_or(io::ErrorKind::NotFound)?;
            Ok(values.into_data().into_bytes().to_vec())
        }),
    )?;
    Ok(content)
}

/// Puts a trainer where a checkpoint was written.
pub(super) fn restore(
    trainer: &mut Trainer,
    checkpoint: &Checkpoint,
    device: &Device,
) -> Result<RunState, RunError> {
    let file = checkpoint.file(STATE)?;
    let damaged = |reason: String| RunError::State { file: file.clone(), reason };
    let text = std::fs::read(&file).map_err(RunError::disk("read", &file))?;
    let state: RunState = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    let weights = read(&checkpoint.file(TRAINED)?, device)?;
    let mut halves = read(&checkpoint.file(OPTIMISER)?, device)?;
    let mut moments = BTreeMap::new();
    for (name, steps) in &state.updates {
        let mut half = |which: &str| {
            let name = format!("{name}.{which}");
            halves.remove(&name).ok_or_else(|| damaged(format!("the optimiser's `{name}` is missing")))
        };
        let (exp_avg, exp_avg_sq) = (half("exp_avg")?, half("exp_avg_sq")?);
        moments.insert(name.clone(), Moments { exp_avg, exp_avg_sq, steps: *steps });
    }
    let loss_scale = LossScale::restored(state.loss_scale, state.good_steps);
    let progress = Progress { steps: state.step, loss_scale };
    trainer
        .restore(&weights, moments, progress)
        .map_err(|source| RunError::Step { step: state.step, source })?;
    Ok(state)
}

fn read(file: &Path, device: &Device) -> Result<BTreeMap<String, Tensor<1>>, RunError> {
    let damaged = |error: eyewright_model::weights::WeightsError| RunError::State {
        file: file.to_owned(),
        reason: error.to_string(),
    };
    let files = TensorFiles::open(file).map_err(damaged)?;
    let names: Vec<String> = files.names().map(str::to_owned).collect();
    let mut tensors = BTreeMap::new();
    for name in names {
        let tensor = files.read(&name).map_err(damaged)?;
        let elements = tensor.shape.iter().product::<usize>();
        let data = TensorData::from_bytes_vec(tensor.bytes, [elements], DType::F32);
        tensors.insert(name, Tensor::from_data(data, (device, DType::F32)));
    }
    Ok(tensors)
}
