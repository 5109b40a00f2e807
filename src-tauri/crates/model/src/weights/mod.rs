//! Where the numbers of a network come from and go to: checkpoints in the formats of Hugging Face and torch.
//!
//! The readers here know names, dtypes, shapes and bytes. They know no network and no device.
//! Nothing in a file is trusted: sizes are checked before memory is taken, and nothing is executed.

mod checkpoint;
mod dtype;
mod error;
mod folder;
mod key_map;
mod load_error;
mod loader;
mod open_file;
mod problem;
mod safetensors;
mod safetensors_write;
mod shard_index;
mod torch;

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod goldens;

pub use checkpoint::{Checkpoint, TensorBytes, TensorInfo};
pub use dtype::StoredDtype;
pub use error::WeightsError;
pub use key_map::KeyMap;
pub use load_error::{LoadError, Misfit};
pub use loader::{Loader, load, random, tensor_from};
pub use problem::{
    IndexProblem, PickleProblem, SafetensorsProblem, StateDictProblem, TensorProblem, WriteProblem,
    ZipProblem,
};
pub use safetensors_write::{SafetensorsWriter, TensorSpec, write_safetensors};
