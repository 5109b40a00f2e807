//! Reads parts of one file by position, into buffers of our own.
//!
//! No memory maps: a file that shrinks while it is mapped kills the program, a read only fails.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::error::WeightsError;

/// A regular file, its name for messages, and its length when it was opened.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    path: PathBuf,
    length: u64,
}

impl OpenFile {
    /// Opens a file of weights. Folders, pipes and devices are refused, and so is a git-lfs pointer.
    pub(super) fn open(path: &Path) -> Result<Self, WeightsError> {
        let io = |action| move |source| WeightsError::Io { action, file: path.to_owned(), source };
        // Asked before opening, because opening a pipe waits for its other end.
        let metadata = std::fs::metadata(path).map_err(io("open"))?;
        if !metadata.is_file() {
            return Err(WeightsError::NotAFile { file: path.to_owned() });
        }
        let file = File::open(path).map_err(io("open"))?;
        let length = file.metadata().map_err(io("open"))?.len();
        let opened = Self { file, path: path.to_owned(), length };
        if opened.begins_with(b"version https://git-lfs.github.com/spec/") {
            return Err(WeightsError::GitLfsPointer { file: opened.path });
        }
        Ok(opened)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The first bytes, fewer when the file is shorter.
    pub(super) fn first_bytes(&self, count: u64) -> Result<Vec<u8>, WeightsError> {
        self.read(0, count.min(self.length), || "the beginning".to_owned())
    }

    fn begins_with(&self, prefix: &[u8]) -> bool {
        self.first_bytes(prefix.len() as u64).is_ok_and(|bytes| bytes == prefix)
    }

    /// Reads `length` bytes from `offset`. The range is checked against the file before memory is taken.
    pub(super) fn read(
        &self,
        offset: u64,
        length: u64,
        place: impl Fn() -> String,
    ) -> Result<Vec<u8>, WeightsError> {
        let end = offset.saturating_add(length);
        if end > self.length {
            return Err(self.cut_short(place(), end));
        }
        let mut buffer = Vec::new();
        let no_memory = || WeightsError::NoMemory { file: self.path.clone(), place: place(), bytes: length };
        let count = usize::try_from(length).map_err(|_| no_memory())?;
        buffer.try_reserve_exact(count).map_err(|_| no_memory())?;
        buffer.resize(count, 0);
        self.fill(offset, &mut buffer, place)?;
        Ok(buffer)
    }

    /// Fills `buffer` from `offset`, wholly or not at all.
    pub(super) fn fill(
        &self,
        offset: u64,
        buffer: &mut [u8],
        place: impl Fn() -> String,
    ) -> Result<(), WeightsError> {
        read_exact_at(&self.file, buffer, offset).map_err(|source| match source.kind() {
            // The file has shrunk since it was opened.
            io::ErrorKind::UnexpectedEof => {
                self.cut_short(place(), offset.saturating_add(buffer.len() as u64))
            }
            _ => WeightsError::Io { action: "read", file: self.path.clone(), source },
        })
    }

    fn cut_short(&self, place: String, end: u64) -> WeightsError {
        WeightsError::CutShort { file: self.path.clone(), place, end, length: self.length }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = buffer.split_at_mut(count).1;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
