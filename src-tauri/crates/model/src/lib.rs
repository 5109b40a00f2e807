//! The networks: a CLIP vision tower, a projector, one decoder for all language models, and their weights.
//!
//! Tensors in, tensors out. Nothing here knows a tokenizer, a picture file or a chat template; a
//! conversation arrives as token ids and picture indices ([`llava::Segment`]).

pub mod adapter;
pub mod clip;
pub mod config;
mod linear;
pub mod llava;
pub mod llm;
mod lora;
pub mod projector;
pub mod quant;
pub mod stack;
mod trainable;
pub mod weights;

pub use linear::{Linear, LinearAdapter};
pub use lora::{LoraConfig, LoraTargets, Tune, TuneError};
pub use trainable::{Parameter, Trainable, Visit};
