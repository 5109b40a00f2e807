//! What does a checkpoint of Eyewright's own consist of, when a model from elsewhere becomes one?
//!
//! The same files as in a run: `trained.safetensors` with the names of XTuner's `.pth` files, and `model.json`.

use eyewright_model::{
    stack::{StackKind, TrainedModel, TrainedPart},
    weights::StoredDtype,
};

use crate::{
    InteropError, adapters,
    planned::{Planned, write_file},
    source::{Part, Source},
    staging::Staging,
    written::{Settings, Written},
    xtuner::whole,
};

const FORMAT: &str = "a checkpoint of Eyewright";

/// Writes the folder.
pub(crate) fn write<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    progress: &mut dyn FnMut(u64),
) -> Result<Written<'s>, InteropError> {
    let eye = source.eye(FORMAT)?;
    let mut tensors = Vec::new();
    let llm_part = part(source, Part::Llm, "llm.", settings, &mut tensors)?;
    let tower_part = part(source, Part::Tower, "visual_encoder.", settings, &mut tensors)?;
    push(&mut tensors, "projector.", whole(source, Part::Projector, settings.dtype));
    write_file(&staging.place("trained.safetensors")?, &tensors, progress)?;
    let mut written = Written::default();
    written.push("trained.safetensors", tensors);
    let absolute = |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let shared = source.files.kind == StackKind::LlavaHf;
    let run = source.files.trained.as_ref();
    let model = TrainedModel {
        format: TrainedModel::FORMAT,
        llm: absolute(&source.paths.model),
        tower: source.tower_folder().filter(|_| !shared).map(absolute),
        select_layer: eye.tower.config.feature_layer,
        template: source.template.name().to_owned(),
        system: run.map(|run| run.system.clone()).unwrap_or_default(),
        square: if source.pads { "pad" } else { "crop" }.to_owned(),
        projector_part: TrainedPart::Full,
        llm_part,
        tower_part,
    };
    let json = serde_json::to_value(model).unwrap_or_default();
    staging.write_json("model.json", &json)?;
    Ok(written)
}

fn push<'s>(tensors: &mut Vec<Planned<'s>>, prefix: &str, more: Vec<Planned<'s>>) {
    tensors.extend(more.into_iter().map(|mut tensor| {
        tensor.name = format!("{prefix}{}", tensor.name);
        tensor
    }));
}

/// What of a part goes into the checkpoint.
fn part<'s>(
    source: &'s Source,
    part: Part,
    prefix: &str,
    settings: &Settings,
    tensors: &mut Vec<Planned<'s>>,
) -> Result<TrainedPart, InteropError> {
    if source.is_retrained(part) {
        push(tensors, prefix, whole(source, part, settings.dtype));
        return Ok(TrainedPart::Full);
    }
    let layers = adapters::layers(source, part)?;
    let Some(first) = layers.first().cloned() else { return Ok(TrainedPart::Frozen) };
    let stabilised = source.adapter(part).is_some_and(|adapter| adapter.config().is_rank_stabilised());
    if stabilised || layers.iter().any(|layer| layer.rank != first.rank || layer.alpha != first.alpha) {
        let reason = "its adapters have several ranks or strengths; use `xtuner` or `peft`".to_owned();
        return Err(InteropError::Unsupported { format: FORMAT, reason });
    }
    let mut matrices = adapters::planned(source, part, &layers, settings.dtype.or(Some(StoredDtype::F32)));
    for matrix in &mut matrices {
        matrix.name = matrix.name.trim_start_matches("base_model.model.").to_owned();
    }
    push(tensors, prefix, matrices);
    Ok(TrainedPart::Lora { rank: first.rank, alpha: first.alpha })
}
