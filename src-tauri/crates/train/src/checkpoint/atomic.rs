//! Replacing a small file so that a reader finds the old or the new content, whole, whatever happens meanwhile.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;

use super::disk::Disk;
use super::error::CheckpointError;
use super::retry::RetryPolicy;

/// What names of unfinished files and folders contain, before the process and a number.
pub(super) const STAGED: &str = ".tmp-";

/// A name beside `target` that no other writer uses.
pub(super) fn staged_beside(target: &Path, mark: &str) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!("{mark}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    target.with_file_name(name)
}

/// Writes `bytes` under a name, in place of what was there: staged beside it, synced, renamed, folder synced.
///
/// # Errors
/// No room, no permission, or another refusal of the disk; what was there before is then still there.
pub fn replace_file(disk: &dyn Disk, target: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let staged = staged_beside(target, STAGED);
    let written = write_new(disk, &staged, bytes).and_then(|()| {
        RetryPolicy::of_this_system()
            .run(sleep, || disk.rename(&staged, target))
            .map_err(|source| CheckpointError::disk("rename", target, source))
    });
    if let Err(error) = written {
        // It may not even be there, and a full disk must not hide the first error.
        let _ = disk.remove_file(&staged);
        return Err(match error {
            CheckpointError::DiskFull { folder, .. } => {
                let free = target.parent().and_then(|parent| disk.free_space(parent).ok()).flatten();
                CheckpointError::DiskFull { folder, needed: bytes.len() as u64, free }
            }
            error => error,
        });
    }
    sync_parent(disk, target)
}

/// Writes a new file and waits for it.
pub(super) fn write_new(disk: &dyn Disk, file: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let mut opened =
        disk.create_file(file).map_err(|source| CheckpointError::disk("create", file, source))?;
    opened.write_all(bytes).map_err(|source| CheckpointError::disk("write", file, source))?;
    opened.sync().map_err(|source| CheckpointError::disk("flush", file, source))
}

pub(super) fn sync_parent(disk: &dyn Disk, path: &Path) -> Result<(), CheckpointError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    disk.sync_folder(folder).map_err(|source| CheckpointError::disk("flush", folder, source))
}

/// Tries out everything that a checkpoint will do in a folder: create, write, flush, rename, remove.
///
/// # Errors
/// The folder cannot be written to, now and not after hours of training.
pub fn probe(disk: &dyn Disk, folder: &Path) -> Result<(), CheckpointError> {
    let target = folder.join(".probe");
    replace_file(disk, &target, b"?")?;
    disk.remove_file(&target).map_err(|source| CheckpointError::disk("remove", &target, source))?;
    sync_parent(disk, &target)
}
