//! Training: from a plan and a data set to checkpoints in a run directory.

pub mod checkpoint;
mod exact;
pub mod feed;
pub mod gradients;
pub mod loss_scale;
pub mod optimiser;
pub mod plan;
pub mod run;
pub mod schedule;
pub mod step;
