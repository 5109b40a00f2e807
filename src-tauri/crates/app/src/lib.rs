//! Use cases behind every door: open a model and chat with it, train, look at the machine; and the [`Studio`] that
//! window and browser talk to.
//!
//! Terminal, window and server call these; none of them computes anything itself.

mod bench;
mod card;
pub mod compare;
pub mod demo;
pub mod desktop;
mod download;
mod error;
pub mod export;
mod inspect;
mod library;
mod logits;
mod memory;
mod open;
mod rooms;
mod studio;
pub mod training;
mod worker;

pub use bench::{ChatBench, ChatBenchReport, Spread, bench_chat};
pub use download::{DownloadRequest, download};
pub use error::AppError;
pub use eyewright_data::image::{DecodeLimits, Picture, SquareMode, open as open_picture};
pub use eyewright_data::template::ChatTemplate;
pub use eyewright_hub::{Downloaded, Progress as DownloadProgress};
pub use eyewright_infer::{
    Answer, CancelToken, ChatModel, ChatSession, FinishReason, GenerationConfig, SamplingConfig,
};
pub use eyewright_model::stack::StackPaths;
pub use eyewright_ops::{DeviceChoice, FoundDevice, OpenDevice, found_devices, open_device, toolchain_notes};
pub use inspect::{ModelReport, PartReport, inspect};
pub use library::{Keyring, bundled_models, default_home};
pub use logits::write_logits;
pub use memory::MemoryUse;
pub use open::{Dtype, ModelRequest, OpenModel, open_model};
pub use rooms::{ApiDoor, ApiImage, ApiModel, ApiQuestion, ApiTurn};
pub use studio::{EventStream, Host, Pasted, Reply, Studio, StudioConfig};
pub use worker::{WorkerProgram, work};

/// A secret of 256 random bits, in hexadecimal.
pub fn secret() -> String {
    let bits: [u8; 32] = rand::random();
    bits.iter().map(|byte| format!("{byte:02x}")).collect()
}
