//! Other people's formats: a trained model out in any of them, and what was written read back and compared.
//!
//! [`source::Source`] is a model from anywhere; [`format::Format`] writes it; [`written::Written`] checks it. Nothing here
//! computes an answer: that an export answers like its source is shown by the use case that opens both.

mod adapters;
pub mod card;
mod chat_jinja;
mod error;
pub mod format;
pub mod gguf;
mod llama_form;
mod llava;
mod llava_hf;
pub mod names;
mod own;
mod peft;
pub mod planned;
pub mod source;
pub mod staging;
mod torch_write;
mod words;
pub mod written;
mod xtuner;

pub use error::InteropError;
