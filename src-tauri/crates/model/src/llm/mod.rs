//! The language model: one decoder for all supported families.

mod attention;
mod block;
mod config;
mod decoder;
mod kv_cache;
mod mlp;
mod training;

pub use config::{DecoderConfig, FAMILIES, Layout};
pub use decoder::Decoder;
pub use kv_cache::KvCache;
pub use training::{DecoderPlace, Surroundings};
