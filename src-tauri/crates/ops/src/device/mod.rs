//! On which device does a run compute, and why on that one?
//!
//! Backends are cargo features; which of them are in this binary and which of those really work is found out
//! at run time. A device counts as working once it has multiplied two small matrices correctly.

mod choice;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
mod found;
mod open;

pub use choice::DeviceChoice;
pub use error::DeviceError;
pub use found::{FoundDevice, found_devices, toolchain_notes};
pub use open::{OpenDevice, open_device};
