//! LLaVA (Liu et al. 2023): a vision tower and a language model joined by a projector.

mod splice;
mod stack;

pub use splice::{Segment, SpliceError, SplicedBatch, splice};
pub use stack::{Llava, VisionEye};
