//! The demo's data set, drawn into the library: pictures of everyday things, with captions, questions and answers,
//! and beside them a few pictures that it never shows, to ask about before and after.

use std::path::Path;

use eyewright_data::conversation::IMAGE_MARK;
use eyewright_data::scenes::{Content, DatasetConfig, DatasetError, DatasetReport, Split, write_dataset};
use eyewright_protocol::{
    ErrorBody, ErrorCode, HeldOutQuestion, JobInfo, JobKind, JobOutcome, MakeDemoDataset,
};
use serde_json::Value;

use super::{named, new_folder};
use crate::library::{read_json, remove_folder};
use crate::rooms::bad_request;
use crate::studio::{Inner, JobHandle, Reply, io_fault};

/// Pictures where nothing else is said: enough to learn from, and drawn in seconds.
const ROWS: u32 = 1000;
const MOST: u32 = 100_000;
/// Pictures to ask about before and after.
const ASKED: u64 = 4;
/// Their folder beside the rows.
const HELD_OUT: &str = "held-out";

/// What a drawn data set keeps for asking before and after; nothing for any other.
pub(super) fn held_out(json: &Path) -> Vec<HeldOutQuestion> {
    let folder = json.with_file_name(HELD_OUT);
    let rows: Vec<Value> = read_json(&folder.join("data.json")).unwrap_or_default();
    let asked = |row: &Value| {
        let question = row.pointer("/conversations/0/value")?.as_str()?.replace(IMAGE_MARK, "");
        let picture = folder.join("images").join(row.get("image")?.as_str()?);
        Some(HeldOutQuestion { picture: picture.display().to_string(), question: question.trim().to_owned() })
    };
    rows.iter().filter_map(asked).collect()
}

impl Inner {
    pub(crate) fn make_demo_dataset(&self, request: MakeDemoDataset) -> Reply<JobInfo> {
        let rows = request.rows.unwrap_or(ROWS);
        if !(2..=MOST).contains(&rows) {
            return Err(bad_request(format!("between 2 and {MOST} pictures can be drawn, not {rows}")));
        }
        let name = named(&request.name)?;
        if self.jobs.busy(JobKind::Draw) {
            return Err(ErrorBody::new(ErrorCode::Busy, "a data set is being drawn already"));
        }
        let (library, here) = (self.library()?, self.here()?);
        Ok(self.jobs.spawn(JobKind::Draw, name.clone(), None, move |job| {
            let folder = new_folder(&library, &name)?;
            let made = draw(&folder, u64::from(rows), job)
                .and_then(|report| here.put_dataset(&name, &report.json, &report.images, Some(report.rows)));
            match made {
                Ok(dataset) => Ok(JobOutcome::Drawn { dataset }),
                Err(error) => {
                    let _ = remove_folder(&folder);
                    Err(error)
                }
            }
        }))
    }
}

fn draw(folder: &Path, rows: u64, job: &JobHandle) -> Reply<DatasetReport> {
    let config = DatasetConfig {
        out: folder.to_owned(),
        rows,
        seed: 0,
        split: Split::Train,
        content: Content::Mixed,
        questions: 4,
        side: 112,
    };
    let held_out = DatasetConfig {
        out: folder.join(HELD_OUT),
        rows: ASKED,
        split: Split::HeldOut,
        content: Content::Questions,
        questions: 1,
        ..config.clone()
    };
    write_dataset(&held_out, &mut |_| true).map_err(|error| fault(&error))?;
    let progress = &mut |done| {
        job.progress(done, rows, "rows");
        !job.cancel.is_cancelled()
    };
    write_dataset(&config, progress).map_err(|error| fault(&error))
}

fn fault(error: &DatasetError) -> ErrorBody {
    match error {
        DatasetError::Io { action, file, source } => io_fault(action, file, source),
        DatasetError::Stopped { .. } => ErrorBody::new(ErrorCode::Cancelled, error.to_string()),
        DatasetError::Picture { .. } => ErrorBody::new(ErrorCode::Internal, error.to_string()),
    }
}
