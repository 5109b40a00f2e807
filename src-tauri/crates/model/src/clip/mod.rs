//! The vision tower: CLIP's image encoder, up to the layer a LLaVA model reads.

mod config;
mod embeddings;
mod encoder;
mod training;

pub use config::{ClipConfig, FeatureSelect, TowerConfig};
pub use encoder::VisionTower;
pub use training::TowerPlace;
