//! Generation: from a conversation with pictures to an answer, token by token.
//!
//! Knows networks, tokenizers and templates; no folders, no downloads, no terminal.

mod cancel;
mod chat;
mod generate;
mod sampling;
mod stop;

pub use cancel::CancelToken;
pub use chat::{Answer, ChatModel, ChatSession, Timings};
pub use generate::{ChatError, FinishReason, GenerationConfig};
pub use sampling::{Sampler, SamplingConfig};
