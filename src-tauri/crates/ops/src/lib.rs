//! The numerical seam: one function per heavy operation of the networks.
//!
//! Every function here has a portable version written with burn's tensor operations. A specialised version
//! for one kind of device goes behind the same signature and is held to the portable one by a parity test.
//! Nothing here knows a checkpoint, a configuration file or a network.
//!
//! Dimension words used in the shape comments of all crates: `batch`, `seq`, `heads`, `kv_heads`,
//! `head_dim`, `hidden`, `patches`, `vocab`.

mod activation;
mod attention;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod dropout;
mod embedding;
mod linear;
mod loss;
mod matmul;
mod norm;
mod rope;

pub use activation::{Activation, swiglu};
pub use attention::{AttentionMask, attention};
pub use device::{
    DeviceChoice, DeviceError, FoundDevice, OpenDevice, found_devices, open_device, toolchain_notes,
};
pub use dropout::{dropout, random_key};
pub use embedding::embedding;
pub use linear::linear;
pub use loss::{token_losses, token_losses_and_gradient};
pub use matmul::matmul;
pub use norm::{layer_norm, rms_norm, to_dtype};
pub use rope::{Rope, RopeConfig, RopeScaling, apply_rope};
