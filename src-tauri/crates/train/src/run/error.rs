//! Why did a run end before its time?

use std::{io, path::PathBuf};

use crate::{checkpoint::CheckpointError, feed::FeedError, plan::Difference, step::StepError};

/// A run that cannot start or go on. What the last checkpoint holds is not lost.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder belongs to a run already.
    #[error(
        "`{}` holds a run already; go on with `--resume`, or choose another folder with `--out`",
        folder.display()
    )]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no run.
    #[error("`{}` holds no run (it has no plan.toml); start one with `eyewright train --out`", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process works there.
    #[error("another process is training in `{}`; stop it first", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of a checkpoint that is whole but does not say what it should.
    #[error("`{}` cannot be used: {reason}", file.display())]
    State {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A batch.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A step.
    #[error("step {step}: {source}")]
    Step {
        /// Which, counted from 1.
        step: u64,
        /// Why.
        source: StepError,
    },
    /// A run cannot be resumed under another plan.
    #[error(
        "the run cannot go on with other values: {}. Start a new run for them",
        differences.iter().map(|d| format!("`{}` is {}, was {}", d.key, d.here, d.there)).collect::<Vec<_>>().join("; ")
    )]
    OtherPlan {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// A run cannot be resumed on other data.
    #[error("`{}` has changed since the run began; resuming would train on other rows. Put the old file back, or start a new run", file.display())]
    OtherData {
        /// The data set.
        file: PathBuf,
    },
    /// A run cannot be resumed with another tokenizer.
    #[error("the tokenizer of `{}` has changed since the run began; put the old model folder back", folder.display())]
    OtherTokenizer {
        /// The language model's folder.
        folder: PathBuf,
    },
    /// A run goes on in the type of numbers it began with.
    #[error(
        "the run began in {there}, this device computes in {here}; resume with `--set model.precision={there}`"
    )]
    OtherDtype {
        /// Now.
        here: String,
        /// Then.
        there: String,
    },
    /// Numbers that are none, three times in a row.
    #[error(
        "three steps in a row gave a loss or gradient that is no number, the last one step {step} (rows {}). {cause} \
         {kept}",
        rows.iter().map(|row| (row + 1).to_string()).collect::<Vec<_>>().join(", ")
    )]
    NotFinite {
        /// The last of them.
        step: u64,
        /// Rows of its batch, counted from 0.
        rows: Vec<u32>,
        /// What it may come from, and what to do.
        cause: &'static str,
        /// Where the last good state is.
        kept: String,
    },
}

impl RunError {
    pub(super) fn disk(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { action, path, source }
    }
}
