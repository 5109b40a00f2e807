//! What is said between the window and the process that computes.

use std::path::PathBuf;

use eyewright_interop::format::Format;
use eyewright_protocol::{
    AnswerStats, DtypeWord, ErrorBody, ExportFormat, ExportReport, Finish, LoadedModel, ModelChoice,
    ModelPaths, RunEstimate, SamplingSettings,
};
use serde::{Deserialize, Serialize};

/// To the worker, and back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Wire {
    /// Do this; events carry the same number.
    Do(u64, Task),
    /// Stop that.
    Cancel(u64),
    /// A run's buttons.
    Run(u64, RunButton),
    /// Are you there?
    Ping(u64),
    /// End; a run saves first.
    Leave,
    /// Ready, from the worker: its process id.
    Hello(u32),
    /// Here; with the bytes of memory in use.
    Pong(u64, Option<u64>),
    /// Something happened to a task.
    Happened(u64, TaskEvent),
}

/// What can be pressed while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RunButton {
    SampleNow,
    SaveNow,
    StopAndSave,
    StopNow,
}

/// A model as files and a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelTask {
    pub(crate) choice: ModelChoice,
    pub(crate) name: String,
    pub(crate) paths: ModelPaths,
    /// A run's checkpoint on top: the run's folder and the step.
    pub(crate) checkpoint: Option<(PathBuf, Option<u64>)>,
    pub(crate) device: String,
    pub(crate) dtype: DtypeWord,
}

/// One turn of a conversation with picture files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireTurn {
    pub(crate) user: bool,
    pub(crate) text: String,
    /// Pictures: hash and file. The hash says whether the worker has seen it already.
    pub(crate) pictures: Vec<(String, PathBuf)>,
}

/// A question with everything before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerTask {
    pub(crate) model: ModelTask,
    /// Tells conversations apart, so that one that goes on is not read again.
    pub(crate) conversation: String,
    pub(crate) system: String,
    pub(crate) turns: Vec<WireTurn>,
    pub(crate) sampling: SamplingSettings,
    pub(crate) seed: u64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrainTask {
    /// Its folder, with `plan.toml`.
    pub(crate) folder: PathBuf,
    pub(crate) device: String,
    pub(crate) resume: bool,
}

/// An export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExportTask {
    pub(crate) model: ModelTask,
    pub(crate) format: ExportFormat,
    pub(crate) folder: PathBuf,
    pub(crate) dtype: Option<String>,
}

/// A format as the writing side knows it.
pub(crate) fn form(format: ExportFormat) -> Format {
    match format {
        ExportFormat::Xtuner => Format::Xtuner,
        ExportFormat::Peft => Format::Peft,
        ExportFormat::LlavaHf => Format::LlavaHf,
        ExportFormat::Llava => Format::Llava,
        ExportFormat::Gguf => Format::Gguf,
        ExportFormat::Eyewright => Format::Eyewright,
    }
}

/// What the worker can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Task {
    Load(ModelTask),
    Unload,
    Answer(AnswerTask),
    Train(TrainTask),
    Estimate(TrainTask),
    Export(ExportTask),
    /// Ends the process without a word, for tests of the watching side.
    Abort,
}

impl Task {
    /// The name of the device it computes on.
    pub(crate) fn device(&self) -> Option<&str> {
        match self {
            Self::Load(model) => Some(&model.device),
            Self::Answer(answer) => Some(&answer.model.device),
            Self::Train(run) | Self::Estimate(run) => Some(&run.device),
            Self::Export(export) => Some(&export.model.device),
            Self::Unload | Self::Abort => None,
        }
    }
}

/// What happens to a task; the last one of each ends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum TaskEvent {
    Progress {
        done: u64,
        total: u64,
        unit: String,
    },
    Loaded(LoadedModel),
    Reading,
    Text(String),
    Answered {
        finish: Finish,
        stats: AnswerStats,
    },
    /// A run's own event, as `eyewright-train` writes it.
    Run(serde_json::Value),
    Estimated(RunEstimate),
    Exported(ExportReport),
    Done,
    Failed(ErrorBody),
}

impl TaskEvent {
    /// Whether nothing follows.
    pub(crate) fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Answered { .. } | Self::Estimated(_) | Self::Exported(_) | Self::Done | Self::Failed(_)
        )
    }
}
