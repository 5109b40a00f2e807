//! What does a checkpoint of one of our own runs bring to a model?
//!
//! A checkpoint folder has `trained.safetensors` (everything that was trained, by the names of XTuner's `.pth`
//! files), perhaps `projector.safetensors` (a projector that was not), and `model.json`: this file's subject.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::StackError;

/// The content of `model.json`: which base a run started from and how each part was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedModel {
    /// The form of this file.
    pub format: u32,
    /// Folder of the language model.
    pub llm: PathBuf,
    /// Folder of the tower; absent for a model that cannot see, or whose language model's folder has one.
    pub tower: Option<PathBuf>,
    /// Hidden state of the tower that is read.
    pub select_layer: i64,
    /// Name of the chat template.
    pub template: String,
    /// System text in front of every conversation; empty for none.
    pub system: String,
    /// How pictures become square: `pad` or `crop`.
    pub square: String,
    /// The projector.
    pub projector_part: TrainedPart,
    /// The language model.
    pub llm_part: TrainedPart,
    /// The tower.
    pub tower_part: TrainedPart,
}

/// How a part was trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum TrainedPart {
    /// It is the base's.
    Frozen,
    /// All of it is in the checkpoint.
    Full,
    /// Its adapters are in the checkpoint.
    Lora {
        /// Their width.
        rank: usize,
        /// Their strength: the output is scaled by `alpha / rank`.
        alpha: f64,
    },
}

/// What is trained, by XTuner's names.
pub(super) const TRAINED: &str = "trained.safetensors";
/// A projector that was not trained.
pub(super) const PROJECTOR: &str = "projector.safetensors";
const MODEL: &str = "model.json";
const NEWEST_FORMAT: u32 = 1;
/// Far above any.
const LARGEST: u64 = 1 << 20;

impl TrainedModel {
    /// The form that is written today.
    pub const FORMAT: u32 = NEWEST_FORMAT;

    /// The model in a checkpoint folder or in the newest checkpoint of a run folder, with the checkpoint's folder;
    /// `None` if the path is neither.
    ///
    /// # Errors
    /// A run without a checkpoint, or a damaged `model.json`.
    pub fn find(path: &Path) -> Result<Option<(Self, PathBuf)>, StackError> {
        if is_checkpoint(path) {
            return Self::read(path).map(|model| Some((model, path.to_owned())));
        }
        let checkpoints = path.join("checkpoints");
        if !path.join("plan.toml").is_file() {
            return Ok(None);
        }
        let newest = newest(&checkpoints).ok_or_else(|| StackError::NoPart {
            path: path.to_owned(),
            part: "checkpoint",
            hint: "the run has not saved one yet; wait for it, or resume it",
        })?;
        Self::read(&newest).map(|model| Some((model, newest)))
    }

    fn read(folder: &Path) -> Result<Self, StackError> {
        let file = folder.join(MODEL);
        let damaged = |reason: String| StackError::Trained { file: file.clone(), reason };
        let length = fs::metadata(&file).map_err(|error| damaged(error.to_string()))?.len();
        if length > LARGEST {
            return Err(damaged(format!("it has {length} bytes")));
        }
        let text = fs::read(&file).map_err(|error| damaged(error.to_string()))?;
        let model: Self = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if model.format > NEWEST_FORMAT {
            return Err(damaged("it was written by a newer version; update Eyewright".to_owned()));
        }
        Ok(model)
    }

    /// The file with its projector.
    pub(super) fn projector_file(folder: &Path) -> PathBuf {
        let own = folder.join(PROJECTOR);
        if own.is_file() { own } else { folder.join(TRAINED) }
    }
}

fn is_checkpoint(folder: &Path) -> bool {
    folder.join(MODEL).is_file() && folder.join(TRAINED).is_file()
}

/// The checkpoint with the highest step; only folders with a manifest count.
fn newest(checkpoints: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(checkpoints).ok()?.filter_map(Result::ok);
    let step = |path: &Path| path.file_name()?.to_str()?.strip_prefix("step-")?.parse::<u64>().ok();
    let whole = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("MANIFEST.json").is_file() && is_checkpoint(path) && step(path).is_some());
    whole.max_by_key(|path| step(path))
}
