//! A run: the loop over steps, what it says about itself, and what it leaves on disk.
//!
//! Knows the trainer, the feed, checkpoints and a folder. It knows no model folders, no tokenizers and no
//! terminal: the caller brings a model that is ready to be trained, and somebody who answers sample questions.

mod control;
mod directory;
mod error;
mod event;
mod features;
mod journal;
mod run_loop;
mod state;
mod tensorboard;

pub use control::{Request, RunControl};
pub use directory::{RunDirectory, Start};
pub use error::RunError;
pub use event::{
    LearningRates, Metrics, Outcome, Phase, RunEvent, RunSummary, Sample, SampleFault, WarningKind,
};
pub use features::FeatureCache;
pub use run_loop::{Run, Sampler};
pub use state::{MODEL, OPTIMISER, PROJECTOR, STATE, TRAINED};
