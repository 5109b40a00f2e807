//! What does a run say about itself? One enum, for the terminal, the window and `events.jsonl` alike.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// Another kind of work begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
        /// How much of it there is (rows, bytes, steps), if that is known.
        total: Option<u64>,
    },
    /// The work goes on. Not written to `events.jsonl`.
    PhaseProgress {
        /// Which.
        phase: Phase,
        /// How much is done.
        done: u64,
        /// How much there is.
        total: u64,
    },
    /// A step was taken, or skipped.
    StepFinished(Metrics),
    /// A checkpoint is safe on disk.
    CheckpointSaved {
        /// Steps done.
        step: u64,
        /// Its folder.
        folder: PathBuf,
        /// Its size.
        bytes: u64,
        /// How long it took.
        ms: f64,
        /// Steps whose checkpoints were removed for it.
        removed: Vec<u64>,
    },
    /// Test questions were answered.
    SampleWritten {
        /// Steps done.
        step: u64,
        /// Where the answers lie.
        folder: PathBuf,
        /// The answers.
        samples: Vec<Sample>,
    },
    /// The loss on rows that are not trained on.
    Validated {
        /// Steps done.
        step: u64,
        /// Mean over all learned tokens.
        loss: f64,
        /// How many those are.
        tokens: u64,
        /// The lowest so far.
        best: bool,
    },
    /// Something the user should know; the run goes on.
    Warning {
        /// What kind.
        kind: WarningKind,
        /// In words.
        message: String,
    },
    /// The run is over.
    Ended(RunSummary),
    /// An error ended the run. What the last checkpoint holds is not lost.
    Failed {
        /// The error in words, as it is shown to the user.
        message: String,
    },
}

/// Kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Counting the rows of the data set; in bytes.
    Index,
    /// Checking and measuring every row.
    Survey,
    /// Reading the weights; in bytes.
    Load,
    /// Reading a checkpoint.
    Resume,
    /// Training; in steps.
    Train,
    /// Measuring the validation rows; in batches.
    Validate,
    /// Answering the test questions.
    Sample,
    /// Writing a checkpoint.
    Save,
}

impl Phase {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Index => "reading data",
            Self::Survey => "checking rows",
            Self::Load => "loading weights",
            Self::Resume => "reading the checkpoint",
            Self::Train => "training",
            Self::Validate => "measuring",
            Self::Sample => "answering",
            Self::Save => "saving",
        }
    }
}

/// Numbers of one step; a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done, this one among them.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// How often the rows were seen, in epochs.
    pub epoch: f64,
    /// Mean loss over the learned tokens of the step; `null` when it is no number.
    pub loss: Option<f64>,
    /// The learning rate of each part.
    pub lr: LearningRates,
    /// Length of the gradient before clipping; `null` when it is no number.
    pub grad_norm: Option<f64>,
    /// Positions that were computed in this step, without padding.
    pub tokens: u64,
    /// Of those, tokens that were learned.
    pub learned_tokens: u64,
    /// Positions per second, in this step.
    pub tokens_per_second: f64,
    /// Wall-clock time of this step.
    pub ms: f64,
    /// Of that, time spent waiting for rows and pictures.
    pub wait_ms: f64,
    /// Memory of this process, in bytes.
    pub memory: u64,
    /// Seconds until the last step, at the pace of the last steps.
    pub eta_seconds: f64,
    /// Why nothing was changed, if so: `loss`, `gradient` or `loss_scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// One learning rate per part; 0 where nothing is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRates {
    /// Of the projector.
    pub projector: f64,
    /// Of the language model or its adapters.
    pub llm: f64,
    /// Of the tower or its adapters.
    pub tower: f64,
}

/// One test question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The picture, if there is one.
    pub image: Option<PathBuf>,
    /// The question.
    pub prompt: String,
    /// The answer.
    pub answer: String,
    /// Its tokens.
    pub tokens: usize,
}

/// Why a test question was not answered; boxed, because who answers is not known here.
pub type SampleFault = Box<dyn std::error::Error + Send + Sync>;

/// Kinds of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Rows that are left out.
    BadRows,
    /// Rows whose key is misspelt, or whose end is cut off.
    Rows,
    /// A step that changed nothing.
    SkippedStep,
    /// A checkpoint that is damaged and was passed over.
    DamagedCheckpoint,
    /// Old checkpoints that could not be removed.
    NotRemoved,
    /// Test questions that could not be answered.
    Sample,
    /// A value of the plan that has no effect.
    Plan,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// The validation loss no longer fell.
    StoppedEarly,
    /// It was asked to stop; a checkpoint holds everything.
    Stopped,
    /// It was asked to stop at once; what came after the last checkpoint is lost.
    StoppedNow,
}

/// What a run has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// How it ended.
    pub outcome: Outcome,
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Mean loss of the last steps (up to ten).
    pub loss: Option<f64>,
    /// The lowest validation loss and its step.
    pub best: Option<(u64, f64)>,
    /// Seconds of this start of the run.
    pub seconds: f64,
    /// Steps that changed nothing.
    pub skipped: u64,
    /// The run's folder.
    pub folder: PathBuf,
    /// The checkpoint to use: the best one where there is one and the run ended early, else the last.
    pub checkpoint: Option<PathBuf>,
}
