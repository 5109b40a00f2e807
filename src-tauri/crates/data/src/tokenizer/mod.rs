//! Text to token ids and back, for any folder that holds `tokenizer.json` or a SentencePiece `tokenizer.model`.
//!
//! Both kinds of file end up as one pipeline of the `tokenizers` crate. Nothing read here is trusted: sizes are
//! limited before allocation, and what the crate would accept but trip over later is refused with a typed error.

mod assemble;
mod charsmap;
mod config;
mod error;
mod json;
mod learn;
mod merges;
mod sentencepiece;
mod spm_pipeline;
mod steps;
mod stream;
mod text;
mod wire;

pub use error::{CharsmapProblem, PieceProblem, TokenizerError, WireProblem};
pub use learn::{LearnError, learn_tokenizer};
pub use stream::StreamDecoder;
pub use text::Tokenizer;
