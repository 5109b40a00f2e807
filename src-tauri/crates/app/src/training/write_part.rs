//! How does a part that was trained in full become a Hugging Face folder of its own?

use std::{
    fs,
    path::{Path, PathBuf},
};

use eyewright_model::{
    stack::{StackError, TrainedModel, TrainedPart as HowTrained},
    weights::{Checkpoint, KeyMap, SafetensorsWriter, StoredDtype, TensorSpec},
};

use crate::AppError;

/// A part of a model that has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainedPart {
    /// The language model.
    Llm,
    /// The vision tower.
    Tower,
}

/// Writes a part of a run (or of one of its checkpoints) to a new folder: the base's files, with the trained
/// numbers in place of the old ones. `dtype` is what numbers are stored in; the base's own if absent.
///
/// # Errors
/// The part was not trained in full, the base is gone, or the folder cannot be written.
pub fn write_part(
    run: &Path,
    part: TrainedPart,
    dtype: Option<StoredDtype>,
    folder: &Path,
) -> Result<PathBuf, AppError> {
    let found = TrainedModel::find(run)?;
    let (model, checkpoint) = found.ok_or_else(|| AppError::NotARun { path: run.to_owned() })?;
    let (how, base, prefix, name) = match part {
        TrainedPart::Llm => (model.llm_part, Some(model.llm), "llm.", "llm"),
        TrainedPart::Tower => (model.tower_part, model.tower, "visual_encoder.", "tower"),
    };
    let (HowTrained::Full, Some(base)) = (how, base) else {
        return Err(AppError::NotTrainedInFull { run: run.to_owned(), part: name });
    };
    let old = Checkpoint::open(&base)?;
    let trained = Checkpoint::open(&checkpoint.join("trained.safetensors"))?;
    let keys = match part {
        TrainedPart::Llm => KeyMap::of_language_model(&old),
        TrainedPart::Tower => KeyMap::of_tower(&old),
    };
    let keys = keys.ok_or_else(|| StackError::NoPart {
        path: base.clone(),
        part: name,
        hint: "the base has changed",
    })?;
    // From the names of the base's files to those of the checkpoint.
    let new: std::collections::BTreeMap<String, String> = trained
        .names()
        .filter_map(|ours| Some((keys.in_file(ours.strip_prefix(prefix)?), ours.to_owned())))
        .collect();
    if folder.exists() && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(AppError::FolderTaken { folder: folder.to_owned() });
    }
    let refused = |source| AppError::Write { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(refused)?;
    let mut specs = Vec::new();
    for name in old.names() {
        let Some(info) = old.get(name) else { continue };
        let dtype = dtype.filter(|_| is_float(info.dtype)).unwrap_or(info.dtype);
        specs.push(TensorSpec { name: name.to_owned(), dtype, shape: info.shape.clone() });
    }
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let mut writer = SafetensorsWriter::create(&folder.join("model.safetensors"), &specs, &metadata)?;
    for spec in &specs {
        let tensor = match new.get(&spec.name) {
            Some(ours) => trained.read(ours)?,
            None => old.read(&spec.name)?,
        };
        writer.write(&spec.name, &tensor.in_dtype(spec.dtype))?;
    }
    writer.finish()?;
    for entry in fs::read_dir(&base).map_err(refused)?.filter_map(Result::ok) {
        let name = entry.file_name();
        // Everything but the weights and their index: configuration, tokenizer, licence.
        let is_weights = Path::new(&name).extension().is_some_and(|extension| {
            ["safetensors", "bin", "pth", "pt"].iter().any(|weights| extension == *weights)
        }) || name.to_string_lossy().ends_with(".index.json");
        if entry.path().is_file() && !is_weights {
            fs::copy(entry.path(), folder.join(&name)).map_err(refused)?;
        }
    }
    Ok(folder.to_owned())
}

fn is_float(dtype: StoredDtype) -> bool {
    matches!(dtype, StoredDtype::F64 | StoredDtype::F32 | StoredDtype::F16 | StoredDtype::BF16)
}
