//! The checkpoints of one run: written whole or not at all, found again after any crash.
//!
//! Knows folders, files and steps. What is in the files is the caller's business. One process owns the folder (the
//! run directory's lock sees to that); the store does not check it.
//!
//! ```text
//! checkpoints/step-000500.tmp-<process>-<n>/   being written
//! checkpoints/step-000500/                     a checkpoint, if its manifest is whole
//! checkpoints/step-000500.old-<process>-<n>/   makes way for another one of its step; may still be needed
//! checkpoints/step-000500.gone-<process>-<n>/  expendable, being removed
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;

use super::atomic::{STAGED, probe, staged_beside, sync_parent, write_new};
use super::content::{Content, Hashing};
use super::disk::Disk;
use super::error::CheckpointError;
use super::manifest::{FORMAT, FileRecord, Identity, MANIFEST, Manifest};
use super::retry::RetryPolicy;
use super::rotation::{Keep, Kept, best, expendable};

const REPLACED: &str = ".old-";
const EXPENDABLE: &str = ".gone-";
const PREFIX: &str = "step-";
/// Room that must be left after a checkpoint is written, for logs and the file system itself.
pub(super) const RESERVE: u64 = 16 << 20;

/// Defines a [`CheckpointStore`].
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointStoreConfig {
    /// The folder; made when its parent exists.
    pub folder: PathBuf,
    /// What stays.
    pub keep: Keep,
}

/// The checkpoints of one run.
pub struct CheckpointStore<'d> {
    disk: &'d dyn Disk,
    folder: PathBuf,
    keep: Keep,
}

impl std::fmt::Debug for CheckpointStore<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointStore").field("folder", &self.folder).field("keep", &self.keep).finish()
    }
}

/// A checkpoint that was found whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is and which files it has.
    pub manifest: Manifest,
}

impl Checkpoint {
    /// Optimiser steps done.
    pub fn step(&self) -> u64 {
        self.manifest.identity.step
    }

    /// The path of one of its files.
    ///
    /// # Errors
    /// The checkpoint has no such file.
    pub fn file(&self, name: &str) -> Result<PathBuf, CheckpointError> {
        if self.manifest.files.contains_key(name) {
            return Ok(self.folder.join(name));
        }
        Err(CheckpointError::NoSuchFile { folder: self.folder.clone(), name: name.to_owned() })
    }
}

/// Where a run goes on, and what had to be passed over for it.
#[derive(Debug)]
pub struct Resumption {
    /// The newest checkpoint whose every byte is as it was written; `None` starts from the beginning.
    pub checkpoint: Option<Checkpoint>,
    /// Newer ones that are damaged, each with what is wrong. They are left where they are.
    pub damaged: Vec<CheckpointError>,
}

/// What a save did.
#[derive(Debug)]
pub struct Saved {
    /// The new checkpoint.
    pub checkpoint: Checkpoint,
    /// Steps of checkpoints that were removed.
    pub removed: Vec<u64>,
    /// Expendable checkpoints that could not be removed; the new one is safe all the same.
    pub not_removed: Option<CheckpointError>,
}

impl CheckpointStoreConfig {
    /// Opens the folder: makes it, tries out whether it can be written to, and clears what a crash left behind.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn init(self, disk: &dyn Disk) -> Result<CheckpointStore<'_>, CheckpointError> {
        let store = CheckpointStore { disk, folder: self.folder, keep: self.keep };
        match disk.create_folder(&store.folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result.map_err(|source| CheckpointError::disk("create", &store.folder, source))?,
        }
        // Even a folder that is there already may owe its name to a rename or creation that was never flushed.
        sync_parent(disk, &store.folder)?;
        // Leftovers go first: they may be what fills the disk.
        store.recover()?;
        probe(disk, &store.folder)?;
        Ok(store)
    }
}

/// What the name of an entry says.
#[derive(Debug, PartialEq)]
enum Name {
    Checkpoint(u64),
    Staged(u64),
    Replaced(u64),
    Expendable(u64),
    StagedFile,
    Foreign,
}

impl Name {
    fn of(entry: &super::disk::Entry) -> Self {
        if !entry.is_folder {
            let ours = entry.name.contains(STAGED) || entry.name == ".probe";
            return if ours { Self::StagedFile } else { Self::Foreign };
        }
        let parse = |digits: &str| {
            let plain = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let Some(rest) = entry.name.strip_prefix(PREFIX) else { return Self::Foreign };
        let marks: [(&str, fn(u64) -> Self); 3] =
            [(STAGED, Self::Staged), (REPLACED, Self::Replaced), (EXPENDABLE, Self::Expendable)];
        for (mark, kind) in marks {
            if let Some((digits, _)) = rest.split_once(mark) {
                return parse(digits).map_or(Self::Foreign, kind);
            }
        }
        let step = parse(rest).filter(|&step| name_of(step) == entry.name);
        step.map_or(Self::Foreign, Self::Checkpoint)
    }
}

fn name_of(step: u64) -> String {
    format!("{PREFIX}{step:06}")
}

impl CheckpointStore<'_> {
    /// The folder of all checkpoints.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a checkpoint. When this returns, it survives a power cut, and only then older ones are removed.
    ///
    /// # Errors
    /// No room, no permission, or another refusal of the disk. Nothing that was there before is touched then, and
    /// the same save can be tried again.
    pub fn save(&self, identity: Identity, contents: Vec<Content<'_>>) -> Result<Saved, CheckpointError> {
        if identity.validation_loss.is_some_and(|loss| !loss.is_finite()) {
            return Err(CheckpointError::NotFinite { step: identity.step });
        }
        let needed = contents.iter().fold(0_u64, |sum, content| sum.saturating_add(content.expected));
        // An earlier save of this process may have left a copy that could not be renamed or removed.
        self.recover()?;
        self.check_room(needed)?;
        let target = self.folder.join(name_of(identity.step));
        let staged = staged_beside(&target, STAGED);
        let manifest = match self.stage(&staged, identity, contents) {
            Ok(manifest) => manifest,
            Err(error) => {
                // What is half written is worthless; a failure to remove it must not hide the first one.
                let _ = self.remove_tree(&staged);
                return Err(self.with_figures(error, needed));
            }
        };
        self.publish(&staged, &target)?;
        manifest.check_lengths(self.disk, &target)?;
        let (removed, failure) = self.rotate();
        Ok(Saved { checkpoint: Checkpoint { folder: target, manifest }, removed, not_removed: failure })
    }

    /// All checkpoints whose manifest is whole and whose files have the right lengths, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<Checkpoint>, CheckpointError> {
        let mut found = Vec::new();
        for step in self.steps()? {
            if let Ok(Some(checkpoint)) = self.inspect(step) {
                found.push(checkpoint);
            }
        }
        Ok(found)
    }

    /// The newest checkpoint, by step, whose hashes are all right. Damaged newer ones are reported.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn resume(&self) -> Result<Resumption, CheckpointError> {
        let mut damaged = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match self.inspect(step) {
                // Without a manifest it never was a checkpoint, so nothing is lost.
                Ok(None) => {}
                Err(error) => damaged.push(error),
                Ok(Some(checkpoint)) => match self.verify(&checkpoint) {
                    Err(error) => damaged.push(error),
                    Ok(()) => return Ok(Resumption { checkpoint: Some(checkpoint), damaged }),
                },
            }
        }
        Ok(Resumption { checkpoint: None, damaged })
    }

    /// One checkpoint by its step, every byte verified.
    ///
    /// # Errors
    /// It is not there or damaged.
    pub fn load(&self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let missing = || {
            let folder = self.folder.join(name_of(step));
            CheckpointError::NoSuchFile { folder, name: MANIFEST.to_owned() }
        };
        let checkpoint = self.inspect(step)?.ok_or_else(missing)?;
        self.verify(&checkpoint)?;
        Ok(checkpoint)
    }

    /// The checkpoint with the lowest validation loss among those that are whole.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn best(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let found = self.list()?;
        let best = best(&found.iter().map(kept).collect::<Vec<_>>());
        Ok(found.into_iter().find(|checkpoint| Some(checkpoint.step()) == best))
    }

    /// Compares every byte of a checkpoint with its manifest.
    ///
    /// # Errors
    /// A file is damaged or cannot be read.
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        checkpoint.manifest.check_hashes(self.disk, &checkpoint.folder)
    }

    /// Removes all checkpoints after a step: those of a future that a resumption from this step will not have.
    ///
    /// # Errors
    /// One cannot be removed.
    pub fn discard_after(&self, step: u64) -> Result<(), CheckpointError> {
        for later in self.steps()?.into_iter().filter(|&later| later > step) {
            self.remove_checkpoint(later)?;
        }
        Ok(())
    }

    /// Steps of all folders with a checkpoint's name, whole or not, ascending.
    fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut steps: Vec<u64> = self
            .entries()?
            .into_iter()
            .filter_map(|(name, _)| match name {
                Name::Checkpoint(step) => Some(step),
                _ => None,
            })
            .collect();
        steps.sort_unstable();
        Ok(steps)
    }

    fn entries(&self) -> Result<Vec<(Name, PathBuf)>, CheckpointError> {
        let listed = self.disk.list(&self.folder);
        let mut listed = listed.map_err(|source| CheckpointError::disk("list", &self.folder, source))?;
        listed.sort();
        Ok(listed.into_iter().map(|entry| (Name::of(&entry), self.folder.join(&entry.name))).collect())
    }

    /// A checkpoint by its manifest and lengths; `None` without a manifest.
    fn inspect(&self, step: u64) -> Result<Option<Checkpoint>, CheckpointError> {
        let folder = self.folder.join(name_of(step));
        self.inspect_folder(folder, step)
    }

    fn inspect_folder(&self, folder: PathBuf, step: u64) -> Result<Option<Checkpoint>, CheckpointError> {
        let Some(manifest) = Manifest::read(self.disk, &folder, step)? else { return Ok(None) };
        manifest.check_lengths(self.disk, &folder)?;
        Ok(Some(Checkpoint { folder, manifest }))
    }

    /// Fewer bytes than a checkpoint needs are noticed before the first one is written.
    fn check_room(&self, needed: u64) -> Result<(), CheckpointError> {
        let free = self.disk.free_space(&self.folder).ok().flatten();
        match free {
            Some(room) if room < needed.saturating_add(RESERVE) => {
                Err(CheckpointError::DiskFull { folder: self.folder.clone(), needed, free })
            }
            _ => Ok(()),
        }
    }

    fn with_figures(&self, error: CheckpointError, needed: u64) -> CheckpointError {
        let CheckpointError::DiskFull { .. } = error else { return error };
        let free = self.disk.free_space(&self.folder).ok().flatten();
        CheckpointError::DiskFull { folder: self.folder.clone(), needed, free }
    }

    /// Writes all files, each flushed, then the manifest, then the folder's names.
    fn stage(
        &self,
        staged: &Path,
        identity: Identity,
        contents: Vec<Content<'_>>,
    ) -> Result<Manifest, CheckpointError> {
        let refused = |action, path: &Path| {
            let path = path.to_owned();
            move |source| CheckpointError::disk(action, &path, source)
        };
        self.disk.create_folder(staged).map_err(refused("create", staged))?;
        let mut files = BTreeMap::new();
        for content in contents {
            let path = staged.join(&content.name);
            let record = self.write_content(&path, content.write)?;
            files.insert(content.name, record);
        }
        let manifest = Manifest { format: FORMAT, identity, files };
        let file = staged.join(MANIFEST);
        let bytes =
            manifest.to_bytes().map_err(|reason| CheckpointError::Manifest { file: file.clone(), reason })?;
        write_new(self.disk, &file, &bytes)?;
        self.disk.sync_folder(staged).map_err(refused("flush", staged))?;
        Ok(manifest)
    }

    fn write_content(&self, path: &Path, write: super::Writer<'_>) -> Result<FileRecord, CheckpointError> {
        let refused = |action| move |source| CheckpointError::disk(action, path, source);
        let mut file = self.disk.create_file(path).map_err(refused("create"))?;
        let mut hashing = Hashing::new(&mut file);
        {
            // Small pieces, such as a line of JSON, become few large writes.
            let mut buffered = io::BufWriter::with_capacity(1 << 20, &mut hashing);
            write(&mut buffered).and_then(|()| io::Write::flush(&mut buffered)).map_err(refused("write"))?;
        }
        let record = hashing.finish();
        file.sync().map_err(refused("flush"))?;
        Ok(record)
    }

    /// Gives a staged folder its name. What has the name already is moved aside first and removed afterwards.
    fn publish(&self, staged: &Path, target: &Path) -> Result<(), CheckpointError> {
        let retry = RetryPolicy::of_this_system();
        let not_published = |source| CheckpointError::NotPublished {
            staged: staged.to_owned(),
            target: target.to_owned(),
            source,
        };
        let name = target.file_name().and_then(|name| name.to_str());
        let listed = self.disk.list(&self.folder).map_err(not_published)?;
        let aside = listed
            .iter()
            .any(|entry| Some(entry.name.as_str()) == name)
            .then(|| staged_beside(target, REPLACED));
        if let Some(aside) = &aside {
            retry.run(sleep, || self.disk.rename(target, aside)).map_err(not_published)?;
        }
        if let Err(error) = retry.run(sleep, || self.disk.rename(staged, target)) {
            if let Some(aside) = &aside {
                // Should this fail too, the next start puts it back.
                let _ = self.disk.rename(aside, target);
            }
            return Err(not_published(error));
        }
        sync_parent(self.disk, target)?;
        if let Some(aside) = &aside {
            // The new one is there; what it replaced is removed now or at the next start.
            let _ = self.remove_tree(aside);
        }
        Ok(())
    }

    /// Removes what the policy does not keep. The checkpoint that was just written is safe whatever happens here.
    fn rotate(&self) -> (Vec<u64>, Option<CheckpointError>) {
        let mut removed = Vec::new();
        let found = match self.list() {
            Ok(found) => found,
            Err(error) => return (removed, Some(error)),
        };
        for step in expendable(&found.iter().map(kept).collect::<Vec<_>>(), self.keep) {
            match self.remove_checkpoint(step) {
                Ok(()) => removed.push(step),
                Err(error) => return (removed, Some(error)),
            }
        }
        (removed, None)
    }

    /// Renamed first, so that no half-removed folder ever has a checkpoint's name.
    fn remove_checkpoint(&self, step: u64) -> Result<(), CheckpointError> {
        let folder = self.folder.join(name_of(step));
        let aside = staged_beside(&folder, EXPENDABLE);
        RetryPolicy::of_this_system()
            .run(sleep, || self.disk.rename(&folder, &aside))
            .map_err(|source| CheckpointError::disk("rename", &folder, source))?;
        // Flushed before the first file goes: otherwise a power cut could leave the old name on an emptied folder.
        sync_parent(self.disk, &aside)?;
        self.remove_tree(&aside)
    }

    /// Removes a folder and its files. The manifest goes first, so that what is left is no checkpoint.
    fn remove_tree(&self, folder: &Path) -> Result<(), CheckpointError> {
        let refused = |source| CheckpointError::disk("remove", folder, source);
        let mut entries = match self.disk.list(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(refused)?,
        };
        entries.sort_by_key(|entry| (entry.name != MANIFEST, entry.name.clone()));
        for entry in entries {
            let path = folder.join(&entry.name);
            if entry.is_folder {
                self.remove_tree(&path)?;
            } else {
                self.disk.remove_file(&path).map_err(refused)?;
            }
            if entry.name == MANIFEST {
                self.disk.sync_folder(folder).map_err(refused)?;
            }
        }
        self.disk.remove_folder(folder).map_err(refused)
    }

    /// Clears what a crash left. A staged or replaced folder that is whole to the last byte, while no checkpoint
    /// has its name, is taken over: that is a crash between two renames.
    fn recover(&self) -> Result<(), CheckpointError> {
        for (name, path) in self.entries()? {
            let (Name::Staged(step) | Name::Replaced(step)) = name else { continue };
            let target = self.folder.join(name_of(step));
            if self.is_sound(&path, step) && !self.is_sound(&target, step) {
                self.publish(&path, &target)?;
            }
        }
        self.remove_leftovers()?;
        self.disk
            .sync_folder(&self.folder)
            .map_err(|source| CheckpointError::disk("flush", &self.folder, source))
    }

    fn is_sound(&self, folder: &Path, step: u64) -> bool {
        let found = self.inspect_folder(folder.to_owned(), step);
        matches!(found, Ok(Some(checkpoint)) if self.verify(&checkpoint).is_ok())
    }

    fn remove_leftovers(&self) -> Result<(), CheckpointError> {
        for (name, path) in self.entries()? {
            match name {
                Name::Staged(_) | Name::Replaced(_) | Name::Expendable(_) => self.remove_tree(&path)?,
                Name::StagedFile => {
                    self.disk
                        .remove_file(&path)
                        .map_err(|source| CheckpointError::disk("remove", &path, source))?;
                }
                Name::Checkpoint(_) | Name::Foreign => {}
            }
        }
        Ok(())
    }
}

fn kept(checkpoint: &Checkpoint) -> Kept {
    Kept { step: checkpoint.step(), validation_loss: checkpoint.manifest.identity.validation_loss }
}

#[cfg(test)]
mod name_tests {
    use super::*;
    use crate::checkpoint::disk::Entry;

    #[test]
    fn names_say_what_an_entry_is() {
        let rows = [
            ("step-000500", true, Name::Checkpoint(500)),
            ("step-1234567", true, Name::Checkpoint(1_234_567)),
            ("step-0001234567", true, Name::Foreign),
            ("step-500", true, Name::Foreign),
            ("step-000500 copy", true, Name::Foreign),
            ("step-99999999999999999999999", true, Name::Foreign),
            ("step-000500", false, Name::Foreign),
            ("step-000500.tmp-17-0", true, Name::Staged(500)),
            ("step-000500.old-17-3", true, Name::Replaced(500)),
            ("step-000500.gone-17-3", true, Name::Expendable(500)),
            ("notes.tmp-1", true, Name::Foreign),
            (".probe", false, Name::StagedFile),
            (".probe.tmp-17-0", false, Name::StagedFile),
        ];
        for (name, is_folder, expected) in rows {
            assert_eq!(Name::of(&Entry { name: name.to_owned(), is_folder }), expected, "{name}");
        }
    }
}
