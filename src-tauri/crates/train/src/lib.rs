//! Training: from a plan and a data set to checkpoints in a run directory.

pub mod checkpoint;
pub mod plan;
pub mod schedule;
