//! Reading and writing the library's files: whole or not at all, never larger than expected, errors with the path.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use eyewright_protocol::{ErrorBody, ErrorCode};
use eyewright_train::checkpoint::{CheckpointError, LocalDisk, replace_file};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::studio::{Reply, io_fault};

/// Longest file of the library's own that is read into memory.
const LONGEST: u64 = 256 << 20;

/// Size and age of a file, in bytes and nanoseconds since 1970: with an equal stamp it is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileStamp(u64, u64);

impl FileStamp {
    /// Nothing where the system does not say; then nothing may be kept.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let about = fs::metadata(file).ok()?;
        let age = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(about.len(), u64::try_from(age.as_nanos()).ok()?))
    }
}

/// Makes a folder and those above it. On Unix nobody else may read it.
pub(crate) fn make_folder(folder: &Path) -> Reply<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| io_fault("make", folder, &error))
}

/// Replaces a file: a reader finds the old or the new content, whatever happens meanwhile.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> Reply<()> {
    if let Some(folder) = file.parent() {
        make_folder(folder)?;
    }
    replace_file(&LocalDisk, file, bytes).map_err(|error| {
        let code = match error {
            CheckpointError::DiskFull { .. } => ErrorCode::DiskFull,
            _ => ErrorCode::File,
        };
        ErrorBody::new(code, error.to_string())
    })
}

pub(crate) fn write_json(file: &Path, value: &impl Serialize) -> Reply<()> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| {
        ErrorBody::new(ErrorCode::Internal, format!("`{}` cannot be written: {error}", file.display()))
    })?;
    replace(file, &bytes)
}

/// A file's text; an error if it is longer than any of ours.
pub(crate) fn read_text(file: &Path) -> Reply<String> {
    let fault = |error| io_fault("read", file, &error);
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(fault)?;
    let length = opened.take(LONGEST + 1).read_to_string(&mut text).map_err(fault)?;
    if length as u64 > LONGEST {
        let message = format!("`{}` is larger than any file Eyewright writes", file.display());
        return Err(ErrorBody::new(ErrorCode::Damaged, message));
    }
    Ok(text)
}

pub(crate) fn read_json<T: DeserializeOwned>(file: &Path) -> Reply<T> {
    let text = read_text(file)?;
    serde_json::from_str(&text).map_err(|error| {
        ErrorBody::new(ErrorCode::Damaged, format!("`{}` is damaged: {error}", file.display()))
            .hint("Rename or delete it; the rest of the library is not affected.")
    })
}

/// Names of the folders in a folder, sorted; none if there is no such folder.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Deletes a folder that may already be gone.
pub(crate) fn remove_folder(folder: &Path) -> Reply<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_fault("delete", folder, &error)),
        _ => Ok(()),
    }
}

/// Bytes of all files in a folder, or of a file; links are not followed.
pub(crate) fn folder_bytes(path: &Path) -> u64 {
    let Ok(kind) = fs::symlink_metadata(path) else { return 0 };
    if kind.is_file() {
        return kind.len();
    }
    if !kind.is_dir() {
        // A model folder of a hub's cache is made of links to files.
        return fs::metadata(path).map_or(0, |kind| if kind.is_file() { kind.len() } else { 0 });
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| folder_bytes(&entry.path())).sum()
}
