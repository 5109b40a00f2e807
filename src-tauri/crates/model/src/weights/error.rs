//! Why a checkpoint could not be opened, read or written: the file, the place, and what to do next.
//! What exactly is wrong at that place is told by `problem`.
//!
//! Names from files are printed escaped and cut short, so that a hostile file cannot write to the terminal.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::problem::{
    IndexProblem, PickleProblem, SafetensorsProblem, StateDictProblem, TensorProblem, WriteProblem,
    ZipProblem,
};

/// Why a checkpoint could not be opened, read or written.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The operating system refused.
    #[error("cannot {action} `{}`", file.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A pipe, device or folder where a file of weights was expected.
    #[error("`{}` is not a regular file", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
    },
    /// A folder with no file that we know as weights.
    #[error("no weights in `{}`: expected one of {}; found {}", folder.display(), expected.join(", "), listed(found))]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// The first names in it, sorted.
        found: Vec<String>,
        /// The names looked for, in order of preference.
        expected: &'static [&'static str],
    },
    /// A file whose ending names no format of ours.
    #[error("`{}` does not end in .safetensors, .bin, .pth, .pt, .ckpt or .index.json, so its format is unknown", file.display())]
    UnknownFormat {
        /// The file.
        file: PathBuf,
    },
    /// The placeholder that git leaves where git-lfs has not fetched the file.
    #[error("`{}` is a git-lfs pointer, not the weights; run `git lfs pull` in its folder, or download the file again", file.display())]
    GitLfsPointer {
        /// The file.
        file: PathBuf,
    },
    /// The torch format from before version 1.6 (a stream of pickles, no zip, no checksums).
    #[error("`{}` is in the torch format from before 1.6; load and save it once with a newer torch: \
             torch.save(torch.load(path, map_location=\"cpu\", weights_only=True), path)", file.display())]
    LegacyTorch {
        /// The file.
        file: PathBuf,
    },
    /// A `.bin`/`.pth`/`.pt` file that does not begin as a torch file does.
    #[error("`{}` is not a torch file: it begins with bytes {found:02x?}, a zip begins with [50, 4b, 03, 04]", file.display())]
    NotTorch {
        /// The file.
        file: PathBuf,
        /// Its first bytes, at most four.
        found: Vec<u8>,
    },
    /// The file ends before what it promised.
    #[error("`{}` is cut short: {place} reaches to byte {end}, the file has {length}; download or copy it again", file.display())]
    CutShort {
        /// The file.
        file: PathBuf,
        /// Which part was being read.
        place: String,
        /// Where that part would end.
        end: u64,
        /// How long the file is.
        length: u64,
    },
    /// A tensor or header that memory has no room for.
    #[error("no memory for {bytes} bytes of {place} in `{}`", file.display())]
    NoMemory {
        /// The file.
        file: PathBuf,
        /// Which part was being read.
        place: String,
        /// How much was needed.
        bytes: u64,
    },
    /// A damaged safetensors file.
    #[error("`{}`: {place}: {problem}", file.display())]
    Safetensors {
        /// The file.
        file: PathBuf,
        /// `header`, or the tensor's name.
        place: String,
        /// What is wrong there.
        problem: SafetensorsProblem,
    },
    /// A damaged or unusual zip container around a torch file.
    #[error("`{}`: {place}: {problem}", file.display())]
    Zip {
        /// The file.
        file: PathBuf,
        /// Which entry or record.
        place: String,
        /// What is wrong there.
        problem: ZipProblem,
    },
    /// A pickle that is damaged or asks for more than data.
    #[error("`{}`: data.pkl, byte {at}: {problem}", file.display())]
    Pickle {
        /// The torch file.
        file: PathBuf,
        /// Position inside `data.pkl`.
        at: usize,
        /// What is wrong there.
        problem: PickleProblem,
    },
    /// A torch file in which no clean dictionary of tensors was found.
    #[error("`{}`: {problem}", file.display())]
    StateDict {
        /// The torch file.
        file: PathBuf,
        /// What is wrong.
        problem: StateDictProblem,
    },
    /// A tensor of a torch file that does not fit its storage.
    #[error("`{}`: tensor {}: {problem}", file.display(), quoted(tensor))]
    Tensor {
        /// The torch file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong.
        problem: TensorProblem,
    },
    /// An index of shards that is damaged or disagrees with the shards.
    #[error("`{}`: {problem}", file.display())]
    Index {
        /// The index file.
        file: PathBuf,
        /// What is wrong.
        problem: IndexProblem,
    },
    /// A name that the checkpoint does not have.
    #[error("`{}` has no tensor {}", checkpoint.display(), quoted(name))]
    NoSuchTensor {
        /// The checkpoint as it was opened.
        checkpoint: PathBuf,
        /// The name asked for.
        name: String,
    },
    /// Tensors that cannot be written as asked.
    #[error("cannot write tensor {} to `{}`: {problem}", quoted(tensor), file.display())]
    Write {
        /// The target file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong.
        problem: WriteProblem,
    },
}

/// A foreign name, escaped and cut to a length that a message can carry.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", escaped(name))
}

pub(super) fn escaped(name: &str) -> String {
    const LONGEST: usize = 120;
    let mut text: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

/// The first twenty names and how many more there are; a message of ten thousand names helps nobody.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
