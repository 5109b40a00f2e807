//! One step of training: micro-batches in, changed weights out, or nothing changed and the reason.
//!
//! Knows the model and its numbers; no data set, no schedule, no files.

mod batch;
mod blocks;
mod parts;
mod pass;
mod sight;
mod trainer;

pub use batch::{BatchError, MicroBatch, Pictures, Row};
pub use parts::{Part, Rates, each_trainable};
pub use trainer::{Evaluation, Progress, Skipped, StepError, StepReport, Trainer, TrainerConfig, Weight};
