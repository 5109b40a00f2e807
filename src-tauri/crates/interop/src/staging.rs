//! How does a folder appear under its name whole, or not at all?
//!
//! It is written beside its place under a name that ends in `.partial`, flushed, then renamed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::InteropError;

/// Room left for the file system's own needs and small files.
const RESERVE: u64 = 16 << 20;

/// A folder in the making; dropped before [`Self::finish`] it leaves nothing behind.
#[derive(Debug)]
pub struct Staging {
    staged: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Staging {
    /// Begins a folder that will be called `target` and take about `bytes`.
    ///
    /// # Errors
    /// It exists with something in it, its parent cannot be written, or the disk is too small.
    pub fn begin(target: &Path, bytes: u64) -> Result<Self, InteropError> {
        let io = InteropError::io;
        // A folder's last name, also of `out/` and `.`.
        let target = std::path::absolute(target).map_err(io("use", target))?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(InteropError::Taken { path: target });
        };
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if target.exists() && !is_empty(&target) {
            return Err(InteropError::Taken { path: target });
        }
        fs::create_dir_all(parent).map_err(io("create", parent))?;
        let needed = bytes.saturating_add(RESERVE);
        let free = fs4::available_space(parent).map_err(io("measure the disk of", parent))?;
        if free < needed {
            return Err(InteropError::NoRoom { path: target, needed, free });
        }
        let mut last = None;
        for attempt in 0..100_u32 {
            let mut staged = std::ffi::OsString::from(".");
            staged.push(name);
            staged.push(format!(".{}-{attempt}.partial", std::process::id()));
            let staged = parent.join(staged);
            match fs::create_dir(&staged) {
                Ok(()) => return Ok(Self { staged, target, done: false }),
                Err(error) => last = Some(InteropError::Io { action: "create", path: staged, source: error }),
            }
        }
        Err(last.unwrap_or(InteropError::Taken { path: target }))
    }

    /// Where files go for now.
    pub fn folder(&self) -> &Path {
        &self.staged
    }

    /// Where the folder will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a small file; folders in its name are made.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), InteropError> {
        let path = self.place(name)?;
        fs::write(&path, content).map_err(InteropError::io("write", &path))
    }

    /// Writes an object as a JSON file.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write_json(&self, name: &str, json: &serde_json::Value) -> Result<(), InteropError> {
        self.write(name, format!("{json:#}\n").as_bytes())
    }

    /// Copies a file.
    ///
    /// # Errors
    /// If one side refuses.
    pub fn copy(&self, from: &Path, name: &str) -> Result<(), InteropError> {
        let path = self.place(name)?;
        fs::copy(from, &path).map_err(InteropError::io("copy", from))?;
        Ok(())
    }

    /// The path of a file in the staged folder, whose own folder exists then.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn place(&self, name: &str) -> Result<PathBuf, InteropError> {
        let path = self.staged.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(InteropError::io("create", parent))?;
        }
        Ok(path)
    }

    /// Names and sizes of all files so far, sorted.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn files(&self) -> Result<Vec<(String, u64)>, InteropError> {
        let mut found = Vec::new();
        let mut open = vec![self.staged.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(InteropError::io("list", &folder))? {
                let path = entry.map_err(InteropError::io("list", &folder))?.path();
                if path.is_dir() {
                    open.push(path);
                } else if let Ok(name) = path.strip_prefix(&self.staged) {
                    let bytes = fs::metadata(&path).map_err(InteropError::io("measure", &path))?.len();
                    found.push((name.to_string_lossy().replace('\\', "/"), bytes));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Flushes everything and gives the folder its name.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn finish(mut self) -> Result<PathBuf, InteropError> {
        for (name, _) in self.files()? {
            let path = self.staged.join(name);
            // Windows flushes only what may be written.
            let file = File::options().write(true).open(&path).map_err(InteropError::io("flush", &path))?;
            file.sync_all().map_err(InteropError::io("flush", &path))?;
        }
        if self.target.exists() {
            fs::remove_dir(&self.target).map_err(InteropError::io("replace", &self.target))?;
        }
        fs::rename(&self.staged, &self.target)
            .map_err(InteropError::io("rename the finished folder to", &self.target))?;
        self.done = true;
        #[cfg(unix)]
        if let Some(parent) = self.target.parent() {
            File::open(parent)
                .and_then(|folder| folder.sync_all())
                .map_err(InteropError::io("flush", parent))?;
        }
        Ok(self.target.clone())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            // Nothing better can be done with a failure here; the name ends in `.partial`.
            let _ = fs::remove_dir_all(&self.staged);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        let staging = Staging::begin(&target, 10).unwrap();
        staging.write("inner/a.txt", b"a").unwrap();
        drop(staging);
        assert!(names(home.path()).is_empty());

        let staging = Staging::begin(&target, 10).unwrap();
        staging.write("inner/a.txt", b"a").unwrap();
        assert_eq!(staging.finish().unwrap(), target);
        assert_eq!(names(home.path()), ["out"]);
        assert!(matches!(Staging::begin(&target, 10), Err(InteropError::Taken { .. })));
    }

    #[test]
    fn a_disk_that_is_too_small_is_told_beforehand() {
        let home = tempfile::tempdir().unwrap();
        let error = Staging::begin(&home.path().join("out"), u64::MAX / 2).unwrap_err();
        assert!(matches!(error, InteropError::NoRoom { .. }), "{error}");
        assert!(names(home.path()).is_empty());
    }
}
