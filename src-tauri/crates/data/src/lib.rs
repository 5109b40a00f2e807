//! Text and pictures on their way to the networks: tokenizers, chat templates, image preprocessing.
//!
//! Knows no tensors and no devices: what leaves this crate is token ids and plain `f32` pixels.

pub mod conversation;
pub mod dataset;
pub mod image;
pub mod scenes;
pub mod template;
pub mod tokenizer;
