//! Why is a file no usable GGUF?

use std::path::PathBuf;

/// A GGUF file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The system refuses.
    #[error("cannot {action} `{}`: {source}", file.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It begins with something else.
    #[error("`{}` is not a GGUF file: it begins with {found:02x?}", file.display())]
    Magic {
        /// The file.
        file: PathBuf,
        /// Its first bytes.
        found: [u8; 4],
    },
    /// A version that is not 2 or 3.
    #[error("`{}` is GGUF version {found}; versions 2 and 3 can be read", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A number that no real file has, or that does not fit the file.
    #[error("`{}`, {place}: {found}, at most {limit}; the file is damaged", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Where.
        place: String,
        /// The number.
        found: u64,
        /// What is accepted.
        limit: u64,
    },
    /// A field that makes no sense.
    #[error("`{}`, {place}: {what}; the file is damaged", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The file ends too early.
    #[error("`{}` is cut short: {place} ends at byte {end}, the file at {length}", file.display())]
    CutShort {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        place: String,
        /// Where it would end.
        end: u64,
        /// Length of the file.
        length: u64,
    },
}
