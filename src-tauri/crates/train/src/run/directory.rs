//! The folder of one run: who owns it, and what lies where in it.
//!
//! ```text
//! plan.toml      everything the run does              metrics.jsonl  a line per step
//! events.jsonl   a line per event                     log.txt        the same for people
//! checkpoints/   see `checkpoint`                     samples/step-000500/0.json …
//! tensorboard/   event files                          .lock          held by the process that trains
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{RunError, RunEvent, event::Sample, journal};
use crate::{
    checkpoint::{LocalDisk, probe, replace_file},
    plan::RunPlan,
};

/// Whether a run begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// In a new folder.
    Fresh,
    /// At the newest whole checkpoint of the folder, or at the beginning if there is none yet.
    Resume,
}

const PLAN: &str = "plan.toml";

/// Whether a run has anything to lose; one that failed before its first step has not.
fn has_begun(folder: &Path) -> bool {
    let metrics = fs::metadata(folder.join("metrics.jsonl")).is_ok_and(|about| about.len() > 0);
    metrics || fs::read_dir(folder.join("checkpoints")).is_ok_and(|mut entries| entries.next().is_some())
}

/// The folder of a run, owned by this process until it is dropped.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    folder: PathBuf,
    /// Shared by clones; the last one gives the folder back.
    _lock: Arc<File>,
}

impl RunDirectory {
    /// Makes the folder of a new run and keeps its plan there.
    ///
    /// # Errors
    /// It holds a run already, or cannot be written to.
    pub fn create(folder: &Path, plan: &RunPlan) -> Result<Self, RunError> {
        fs::create_dir_all(folder).map_err(RunError::disk("create", folder))?;
        if folder.join(PLAN).exists() && has_begun(folder) {
            return Err(RunError::Taken { folder: folder.to_owned() });
        }
        probe(&LocalDisk, folder)?;
        let directory = Self::own(folder)?;
        replace_file(&LocalDisk, &folder.join(PLAN), plan.to_toml().as_bytes())?;
        Ok(directory)
    }

    /// Takes over the folder of a run.
    ///
    /// # Errors
    /// It holds none, another process trains in it, or it cannot be written to.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        if !folder.join(PLAN).is_file() {
            return Err(RunError::NoRun { folder: folder.to_owned() });
        }
        probe(&LocalDisk, folder)?;
        Self::own(folder)
    }

    fn own(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(".lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = opened.map_err(RunError::disk("open", &path))?;
        // The system gives the lock back however the process ends.
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunError::Locked { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(RunError::disk("lock", &path)(source)),
        }
        for inner in ["samples", "tensorboard"] {
            let inner = folder.join(inner);
            fs::create_dir_all(&inner).map_err(RunError::disk("create", &inner))?;
        }
        Ok(Self { folder: folder.to_owned(), _lock: Arc::new(lock) })
    }

    /// The plan that a run was started with.
    ///
    /// # Errors
    /// There is no run, or its plan is damaged.
    pub fn plan_file(folder: &Path) -> Result<PathBuf, RunError> {
        let file = folder.join(PLAN);
        if file.is_file() { Ok(file) } else { Err(RunError::NoRun { folder: folder.to_owned() }) }
    }

    /// Replaces the plan, for a run that goes on under other values that do not decide training.
    ///
    /// # Errors
    /// The disk.
    pub fn rewrite_plan(&self, plan: &RunPlan) -> Result<(), RunError> {
        Ok(replace_file(&LocalDisk, &self.folder.join(PLAN), plan.to_toml().as_bytes())?)
    }

    /// Writes down that an error ended the run, as far as the disk lets it; the event is for everybody else.
    pub fn note_failure(&self, error: &dyn std::error::Error) -> RunEvent {
        let event = RunEvent::Failed { message: error.to_string() };
        journal::note_failure(&self.folder, &event);
        event
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Where checkpoints are.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    /// Writes the answers of a step, a file each, and says where.
    pub(super) fn write_samples(&self, step: u64, samples: &[Sample]) -> Result<PathBuf, RunError> {
        let folder = self.folder.join("samples").join(format!("step-{step:06}"));
        fs::create_dir_all(&folder).map_err(RunError::disk("create", &folder))?;
        for (index, sample) in samples.iter().enumerate() {
            let file = folder.join(format!("{index}.json"));
            let text = serde_json::to_vec_pretty(sample).map_err(io::Error::from);
            replace_file(&LocalDisk, &file, &text.map_err(RunError::disk("write", &file))?)?;
        }
        Ok(folder)
    }
}
