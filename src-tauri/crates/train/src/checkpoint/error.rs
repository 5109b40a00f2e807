//! What can go wrong with a checkpoint, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::store::RESERVE;

/// A checkpoint that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk is full. Nothing that was there before is lost.
    #[error(
        "no room for the checkpoint in `{}`: it needs {}, {} free, and {} of \
         that stay free for logs. Make room there, then go on",
        folder.display(), readable(*needed), free.map_or("nothing is known to be".to_owned(), readable), readable(RESERVE)
    )]
    DiskFull {
        /// Where it would go.
        folder: PathBuf,
        /// Bytes of the checkpoint.
        needed: u64,
        /// Bytes that are free, if the system says.
        free: Option<u64>,
    },
    /// The folder may not be written to.
    #[error("`{}` cannot be written to ({source}). Choose another folder or change its permissions", folder.display())]
    ReadOnly {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other refusal by the disk.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Disk {
        /// What was tried, such as `write`.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The checkpoint is whole but could not be given its name.
    #[error(
        "the checkpoint is complete in `{}` but cannot be renamed to `{}` ({source}). Close programs that use the \
         folder; the next start of the run takes it over",
        staged.display(), target.display()
    )]
    NotPublished {
        /// Where it is.
        staged: PathBuf,
        /// Where it belongs.
        target: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file has another length than the manifest says.
    #[error("`{}` has {found} bytes, its manifest says {expected}. Resume from an earlier checkpoint", file.display())]
    Length {
        /// The file.
        file: PathBuf,
        /// Its length.
        found: u64,
        /// The length in the manifest.
        expected: u64,
    },
    /// A file's content is not what was written.
    #[error("`{}` is damaged: its hash is {found}, its manifest says {expected}. Resume from an earlier checkpoint", file.display())]
    Hash {
        /// The file.
        file: PathBuf,
        /// BLAKE3 of its content.
        found: String,
        /// BLAKE3 in the manifest.
        expected: String,
    },
    /// A manifest that is not one, or was changed.
    #[error("the manifest `{}` is damaged: {reason}. Resume from an earlier checkpoint", file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// What is wrong with it.
        reason: ManifestProblem,
    },
    /// Written by a newer program.
    #[error("`{}` has format {found}; this version reads up to {known}. Update Eyewright to resume from it", file.display())]
    NewerFormat {
        /// The manifest.
        file: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format known here.
        known: u64,
    },
    /// A file that a checkpoint should have is not in its manifest.
    #[error("the checkpoint `{}` has no file `{name}`; it was written for another kind of run", folder.display())]
    NoSuchFile {
        /// The checkpoint.
        folder: PathBuf,
        /// The name.
        name: String,
    },
    /// A name that a checkpoint's file cannot have.
    #[error("`{name}` cannot be a file of a checkpoint: {reason}")]
    FileName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Tensors that cannot be written as safetensors.
    #[error("tensor `{name}` cannot be written: {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A loss or another number in the manifest is not finite.
    #[error("the validation loss of step {step} is not a finite number; such a checkpoint is never written")]
    NotFinite {
        /// The step.
        step: u64,
    },
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestProblem {
    /// Not JSON, or not of a manifest's form.
    #[error("{0}")]
    Json(serde_json::Error),
    /// Its own hash does not fit.
    #[error("its own hash does not fit its content")]
    Hash,
    /// Not written the way manifests are.
    #[error("it was changed after it was written")]
    Form,
    /// It belongs to another step.
    #[error("it is of step {found}, the folder's name says {expected}")]
    Step {
        /// In the manifest.
        found: u64,
        /// In the folder's name.
        expected: u64,
    },
    /// A file name in it would lead elsewhere.
    #[error("the file name `{name}` is not allowed")]
    FileName {
        /// The name.
        name: String,
    },
    /// Larger than any manifest.
    #[error("it has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

impl CheckpointError {
    /// Sorts a refusal of the disk: full, read-only, or something else.
    pub(super) fn disk(action: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { folder: path, needed: 0, free: None }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { folder: path, source }
            }
            _ => Self::Disk { action, path, source },
        }
    }

    /// Whether training may wait for the user and then try again: no room, or no permission.
    pub fn can_wait(&self) -> bool {
        matches!(
            self,
            Self::DiskFull { .. } | Self::ReadOnly { .. } | Self::Disk { .. } | Self::NotPublished { .. }
        )
    }
}

/// Bytes as people read them.
fn readable(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let rows = [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (7_516_192_768, "7.0 GiB")];
        for (bytes, expected) in rows {
            assert_eq!(readable(bytes), expected);
        }
        assert_eq!(readable(u64::MAX), "16777216.0 TiB");
    }

    #[test]
    fn a_full_disk_says_how_full() {
        let full =
            CheckpointError::DiskFull { folder: "runs/x".into(), needed: 3 << 30, free: Some(1 << 20) };
        let text = full.to_string();
        assert!(text.contains("`runs/x`: it needs 3.0 GiB, 1.0 MiB free"), "{text}");
    }
}
