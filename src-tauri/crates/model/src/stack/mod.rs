//! From folders and files to a whole model: which parts are there, do they fit together, and load them.
//!
//! Knows configurations, checkpoints and adapters; no tokenizer and no picture files.

mod error;
mod find;
mod fit;
mod load;
mod start;
mod trained;

pub use error::StackError;
pub use find::{EyeFiles, PartFiles, StackFiles, StackKind, StackPaths};
pub use start::{StartEye, StartFiles, StartPaths};
pub use trained::{TrainedModel, TrainedPart};
