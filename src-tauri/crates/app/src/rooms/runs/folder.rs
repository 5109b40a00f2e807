//! `run.json`: what the library knows about a run beside its plan. A run made by the terminal has none until it is
//! changed here.

use std::path::Path;

use eyewright_protocol::{ErrorBody, ErrorCode, RunId, RunState};
use eyewright_train::run::{Outcome, RunEvent};
use serde::{Deserialize, Serialize};

use super::read::last_lines;
use crate::library::{read_json, write_json};
use crate::studio::Reply;

/// The file's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RunNote {
    pub(super) name: String,
    pub(super) created: u64,
    pub(super) device: String,
    pub(super) state: RunState,
    pub(super) resume: bool,
    pub(super) began_from: Option<RunId>,
    pub(super) ended: Option<u64>,
    pub(super) error: Option<ErrorBody>,
    /// Taken off the list, its files kept.
    pub(super) hidden: bool,
}

impl Default for RunNote {
    fn default() -> Self {
        Self {
            name: String::new(),
            created: 0,
            device: "auto".to_owned(),
            state: RunState::Stopped,
            resume: false,
            began_from: None,
            ended: None,
            error: None,
            hidden: false,
        }
    }
}

impl RunNote {
    pub(super) fn read(folder: &Path) -> Reply<Self> {
        let file = folder.join("run.json");
        if file.is_file() {
            return read_json(&file);
        }
        let made = std::fs::metadata(folder.join("plan.toml")).ok().and_then(|about| about.modified().ok());
        let since = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
        let (state, error) = last_word(folder);
        Ok(Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            created: since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0)),
            state,
            error,
            ..Self::default()
        })
    }

    pub(super) fn write(&self, folder: &Path) -> Reply<()> {
        write_json(&folder.join("run.json"), self)
    }
}

/// The last word of a run that the terminal made. One that was resumed after its end and says nothing of another was
/// interrupted.
fn last_word(folder: &Path) -> (RunState, Option<ErrorBody>) {
    let events = last_lines(&folder.join("events.jsonl"), 64 << 10);
    match events.lines().rev().find_map(|line| serde_json::from_str(line).ok()) {
        Some(RunEvent::Ended(summary)) => match summary.outcome {
            Outcome::Finished | Outcome::StoppedEarly => (RunState::Finished, None),
            Outcome::Stopped | Outcome::StoppedNow => (RunState::Stopped, None),
        },
        Some(RunEvent::Failed { message }) => {
            // The words are kept, the kind is not; this is the one that errors have which have no other.
            (RunState::Failed, Some(ErrorBody::new(ErrorCode::Damaged, message)))
        }
        _ => (RunState::Interrupted, None),
    }
}
