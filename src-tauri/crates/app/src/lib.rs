//! Use cases behind every door: open a model and chat with it, inspect one, look at the machine.
//!
//! Terminal, window and server call these; none of them computes anything itself.

mod bench;
pub mod compare;
mod error;
mod inspect;
mod logits;
mod memory;
mod open;
pub mod training;

pub use bench::{ChatBench, ChatBenchReport, Spread, bench_chat};
pub use error::AppError;
pub use eyewright_data::image::{DecodeLimits, Picture, SquareMode, open as open_picture};
pub use eyewright_data::template::ChatTemplate;
pub use eyewright_infer::{
    Answer, CancelToken, ChatModel, ChatSession, FinishReason, GenerationConfig, SamplingConfig,
};
pub use eyewright_model::stack::StackPaths;
pub use eyewright_ops::{DeviceChoice, FoundDevice, OpenDevice, found_devices, open_device, toolchain_notes};
pub use inspect::{ModelReport, PartReport, inspect};
pub use logits::write_logits;
pub use memory::MemoryUse;
pub use open::{Dtype, ModelRequest, OpenModel, open_model};
