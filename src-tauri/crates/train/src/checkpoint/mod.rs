//! Checkpoints that survive a kill, a power cut and a full disk.
//!
//! Everything goes through [`Disk`], so that the tests can be the disk and crash it at every operation.

mod atomic;
mod content;
mod disk;
mod error;
mod manifest;
mod retry;
mod rotation;
mod store;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod fault_disk;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod scenario;

pub use atomic::{probe, replace_file};
pub use content::{Content, Fetch, Writer};
pub use disk::{Disk, DiskFile, Entry, LocalDisk};
pub use error::{CheckpointError, ManifestProblem};
pub use manifest::{FileRecord, Identity, MANIFEST, Manifest};
pub use rotation::Keep;
pub use store::{Checkpoint, CheckpointStore, CheckpointStoreConfig, Resumption, Saved};
