//! Everything a checkpoint asks of a disk, so that a test can be the disk.
//!
//! Thin on purpose: what the calls promise is what the operating system promises, and no more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// A file being written.
pub trait DiskFile: Write {
    /// Waits until everything written is on the disk. After a failure nothing is known about the file.
    ///
    /// # Errors
    /// What the disk reports, also about earlier writes.
    fn sync(&mut self) -> io::Result<()>;
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name, without its folder.
    pub name: String,
    /// Whether it is a folder itself.
    pub is_folder: bool,
}

/// The operations that durable writes are made of.
#[expect(clippy::missing_errors_doc, reason = "each returns what the operating system says")]
pub trait Disk {
    /// Makes a folder whose parent exists. Fails when the name is taken.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes an empty file for writing. Fails when the name is taken.
    fn create_file(&self, file: &Path) -> io::Result<Box<dyn DiskFile + '_>>;
    /// Opens a file for reading from its start.
    fn open(&self, file: &Path) -> io::Result<Box<dyn Read + '_>>;
    /// Length of a file in bytes.
    fn length(&self, file: &Path) -> io::Result<u64>;
    /// What is in a folder, in any order. Names that are not Unicode are left out: they are not ours.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;
    /// Gives a file or folder another name in the same parent. A file under the new name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, file: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;
    /// Waits until the names in a folder are on the disk.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Bytes that may still be written below a folder; `None` when the system does not say.
    fn free_space(&self, folder: &Path) -> io::Result<Option<u64>>;
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Disk for LocalDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)
    }

    fn create_file(&self, file: &Path) -> io::Result<Box<dyn DiskFile + '_>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(file)?))
    }

    fn open(&self, file: &Path) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(file)?))
    }

    fn length(&self, file: &Path) -> io::Result<u64> {
        // A link could lead out of the checkpoint; ours have none.
        let metadata = fs::symlink_metadata(file)?;
        if metadata.is_file() { Ok(metadata.len()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let entries = fs::read_dir(folder)?.map(|entry| {
            let entry = entry?;
            let name = entry.file_name().into_string().ok();
            let is_folder = entry.file_type()?.is_dir();
            Ok(name.map(|name| Entry { name, is_folder }))
        });
        entries.filter_map(io::Result::transpose).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder)
    }

    #[cfg(unix)]
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// Windows has no such call; there the checkpoint before the last one is what a power cut cannot touch.
    #[cfg(not(unix))]
    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_space(&self, folder: &Path) -> io::Result<Option<u64>> {
        // Not every file system says; a run must not stop for that.
        Ok(fs4::available_space(folder).ok())
    }
}
