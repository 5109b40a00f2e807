//! Files that `torch.save` writes: a zip of one pickle and the bytes of each storage.
//!
//! The pickle is read as data by an interpreter of our own that can build tensors and nothing else.

mod file;
mod pickle;
mod rebuild;
mod state_dict;
mod zip;

pub(super) use file::{StoredView, TorchFile};
