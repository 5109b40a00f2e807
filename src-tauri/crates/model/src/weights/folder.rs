//! Which file of a folder holds its weights, and which format a file name stands for.

use std::path::{Path, PathBuf};

use super::error::WeightsError;

/// The names looked for in a folder, the first one found wins: safetensors before pickles.
pub(super) const CANDIDATES: &[&str] = &[
    "model.safetensors",
    "model.safetensors.index.json",
    "adapter_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.bin",
    "mm_projector.bin",
    "non_lora_trainables.bin",
    // A DeepSpeed checkpoint is a folder; the weights of its modules are in this file.
    "mp_rank_00_model_states.pt",
];

/// How a file is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    Torch,
    Index,
}

impl Format {
    /// By the file's name alone: a Hugging Face cache links names to files without endings.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "safetensors" => Some(Self::Safetensors),
            "bin" | "pth" | "pt" | "ckpt" => Some(Self::Torch),
            "json" if path.file_name()?.to_str()?.ends_with(".index.json") => Some(Self::Index),
            _ => None,
        }
    }
}

/// Whether a name stands for tensors themselves, not for an index of them.
pub(super) fn is_weights_file(path: &Path) -> bool {
    matches!(Format::of(path), Some(Format::Safetensors | Format::Torch))
}

/// The file to open for a folder: a known name, or the only file with tensors in it (XTuner's `iter_2181.pth`).
pub(super) fn find_weights(folder: &Path) -> Result<PathBuf, WeightsError> {
    if let Some(path) = CANDIDATES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        return Ok(path);
    }
    const LISTED: usize = 1000;
    let entries = std::fs::read_dir(folder).map_err(|source| WeightsError::Io {
        action: "list",
        file: folder.to_owned(),
        source,
    })?;
    let paths: Vec<PathBuf> = entries.flatten().take(LISTED).map(|entry| entry.path()).collect();
    let mut weights = paths.iter().filter(|path| path.is_file() && is_weights_file(path));
    if let (Some(only), None) = (weights.next(), weights.next()) {
        return Ok(only.clone());
    }
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut found: Vec<String> = paths.iter().filter_map(name).collect();
    found.sort_unstable();
    Err(WeightsError::NoWeights { folder: folder.to_owned(), found, expected: CANDIDATES })
}
