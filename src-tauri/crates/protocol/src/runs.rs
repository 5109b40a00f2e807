//! Runs: started, queued, watched, stopped, resumed and compared.

use crate::{CheckpointRef, ErrorBody, PictureInfo, PlanRow, RunDraft, RunId, Severity, StageWord};

words! {
    /// How far a run is.
    RunState {
        /// Waiting for its turn.
        Queued,
        /// Loading models and data.
        Preparing,
        /// Training.
        Running,
        /// Stopping after the current step.
        Stopping,
        /// Stopped on request; it can be resumed.
        Stopped,
        /// Interrupted by a crash or a power cut; it can be resumed.
        Interrupted,
        /// Complete.
        Finished,
        /// It failed; `error` says why.
        Failed,
    }

    /// What to do with a run that is asked to stop.
    StopHow {
        /// Save a checkpoint, then stop; the run can be resumed.
        Save,
        /// Stop without saving; the last checkpoint stays.
        Discard,
    }
}

request! {
    /// Starts one run, or two in a chain: the second begins from the first one's projector.
    StartRun {
        /// One draft, or pretrain and finetune.
        pub drafts: Vec<RunDraft>,
        /// Wait for the runs before it instead of failing with `busy`.
        pub queue: bool,
    }

    /// Which run.
    RunRef {
        /// Its id.
        pub run: RunId,
    }

    /// Stops a run.
    StopRun {
        /// Which.
        pub run: RunId,
        /// How.
        pub how: StopHow,
    }

    /// A new name.
    RenameRun {
        /// Which.
        pub run: RunId,
        /// The name.
        pub name: String,
    }

    /// Changes a waiting run's place.
    MoveQueued {
        /// Which.
        pub run: RunId,
        /// Its place among the waiting, from 0.
        pub place: u32,
    }

    /// Deletes a run.
    DeleteRun {
        /// Which.
        pub run: RunId,
        /// `true` deletes its folder; `false` only takes it off the list.
        pub files: bool,
    }

    /// Measurements from a place on.
    ReadMetrics {
        /// The run.
        pub run: RunId,
        /// `next` of the page before; 0 for the beginning.
        pub offset: u64,
        /// At most this many rows, up to 20,000.
        pub limit: Option<u32>,
    }

    /// The end of a run's log.
    ReadLog {
        /// The run.
        pub run: RunId,
        /// At most this many bytes, up to 1 MiB.
        pub bytes: u32,
    }
}

reply! {
    /// A row of the list of runs.
    RunSummary {
        /// Its id.
        pub id: RunId,
        /// Its name.
        pub name: String,
        /// Where it lies.
        pub folder: String,
        /// How far it is.
        pub state: RunState,
        /// Its stage.
        pub stage: Option<StageWord>,
        /// The recipe.
        pub recipe: String,
        /// The preset.
        pub preset: String,
        /// The data file.
        pub data: String,
        /// Steps made.
        pub step: u64,
        /// Steps in all, once known.
        pub steps: Option<u64>,
        /// The newest loss.
        pub loss: Option<f64>,
        /// Whether there is a checkpoint.
        pub saved: bool,
        /// When it was made, in milliseconds since 1970.
        pub created: u64,
        /// When it ended.
        pub ended: Option<u64>,
        /// Place in the queue, from 0.
        pub place: Option<u32>,
        /// Why it failed.
        pub error: Option<ErrorBody>,
    }

    /// A run's page.
    RunDetail {
        /// As in the list.
        pub summary: RunSummary,
        /// Its plan.
        pub plan: Vec<PlanRow>,
        /// The equal command line.
        pub command: String,
        /// Its checkpoints, oldest first.
        pub checkpoints: Vec<CheckpointCard>,
        /// What its curve says.
        pub findings: Vec<CurveFinding>,
        /// What it last told about itself.
        pub progress: Option<RunProgress>,
        /// The run it began from.
        pub began_from: Option<RunId>,
    }

    /// A checkpoint.
    CheckpointCard {
        /// Which.
        pub checkpoint: CheckpointRef,
        /// Its step.
        pub step: u64,
        /// Bytes on disk.
        pub bytes: u64,
        /// Whether it has the lowest validation loss.
        pub best: bool,
        /// Whether all of its files are there.
        pub complete: bool,
    }

    /// Where a run is.
    RunProgress {
        /// What it is doing: `loading`, `training`, `validating`, `sampling`, `saving`.
        pub phase: String,
        /// Steps made.
        pub step: u64,
        /// Steps in all.
        pub steps: u64,
        /// Seconds since it was started, this time.
        pub elapsed: f64,
        /// Seconds left.
        pub remaining: Option<f64>,
        /// Tokens per second.
        pub tokens_per_second: Option<f64>,
        /// Share of the processor's threads that compute, 0 to 1; absent until it was measured.
        pub cpu_load: Option<f64>,
        /// Share of the time in which the card computes, 0 to 1, where its driver tells.
        pub device_load: Option<f64>,
        /// Bytes taken on the card, where its driver tells.
        pub device_memory: Option<u64>,
        /// Bytes of the process.
        pub process_memory: Option<u64>,
    }

    /// What was measured at a step; a field is absent where it was not measured.
    MetricRow {
        /// The step, from 1.
        pub step: u64,
        /// Seconds since the run was made.
        pub seconds: Option<f64>,
        /// Training loss; absent too when it was not a number.
        pub loss: Option<f64>,
        /// Validation loss.
        pub validation_loss: Option<f64>,
        /// Learning rate of the projector.
        pub lr: Option<f64>,
        /// Length of the gradient.
        pub grad_norm: Option<f64>,
        /// Tokens per second.
        pub tokens_per_second: Option<f64>,
        /// Bytes of the process that trains.
        pub memory: Option<u64>,
    }

    /// Some of a run's measurements.
    MetricsPage {
        /// Oldest first.
        pub rows: Vec<MetricRow>,
        /// Where to read on.
        pub next: u64,
        /// Whether there is more now.
        pub more: bool,
    }

    /// Answers of every checkpoint to the evaluation questions.
    SampleGrid {
        /// Columns: steps, 0 is before training.
        pub steps: Vec<u64>,
        /// Rows: pictures × questions.
        pub rows: Vec<SampleRow>,
    }

    /// One picture and question.
    SampleRow {
        /// The picture.
        pub picture: Option<PictureInfo>,
        /// The question.
        pub prompt: String,
        /// One cell for each of the grid's steps.
        pub answers: Vec<Option<String>>,
    }

    /// What a curve says, in words.
    CurveFinding {
        /// Its name: `zero_loss`, `not_a_number`, `flat`, `spike`, `over_fitting`, `warming_up`.
        pub finding: String,
        /// How bad.
        pub severity: Severity,
        /// The step it was seen at.
        pub step: Option<u64>,
        /// In words.
        pub message: String,
        /// The likely setting or rows.
        pub hint: String,
    }

    /// The end of a log.
    LogText {
        /// The text.
        pub text: String,
        /// The file.
        pub file: String,
        /// Whether something stands before it.
        pub cut: bool,
    }

    /// What two steps of a dry run tell about the whole.
    RunEstimate {
        /// Steps in all.
        pub steps: u64,
        /// Seconds of one step.
        pub seconds_per_step: f64,
        /// Seconds in all.
        pub seconds: f64,
        /// Most bytes on the device, where it tells.
        pub device_memory: Option<u64>,
        /// What the forecast had said.
        pub forecast: u64,
    }
}
