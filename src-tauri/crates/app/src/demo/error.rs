//! What can go wrong while the demo is made or judged?

use std::{io, path::PathBuf};

use eyewright_data::{scenes::DatasetError, tokenizer::LearnError};

/// The demo's pictures, models or scores.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Pictures and conversations.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The vocabulary.
    #[error(transparent)]
    Vocabulary(#[from] LearnError),
    /// A file or folder.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is not what it should be.
    #[error("`{}`, line {line}: {source}; the folder should be one that `eyewright dataset demo` wrote", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong in it.
        source: serde_json::Error,
    },
}

impl DemoError {
    /// For `map_err`.
    pub(super) fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
