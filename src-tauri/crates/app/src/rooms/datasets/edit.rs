//! Rows are corrected and taken out in the data set's own file, and every change of this session can be taken back;
//! corrections from a chat become new rows.
//!
//! A change names the content of the file that it was made for; a file that has another one by now is left alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use eyewright_data::dataset::{DatasetError, EditError, ImageFolder, Patch};
use eyewright_protocol::{
    ChangedRows, CreateDataset, DatasetId, DatasetRef, DeleteRow, EditRow, ErrorBody, ErrorCode,
    FiledCorrection,
};
use serde_json::{Value, json};

use super::{
    browsed::Browsed,
    doctor::{RowChange, RowState, follow_change},
    index,
};
use crate::library::{DatasetEntry, DatasetList, make_folder, read_text, replace};
use crate::rooms::{bad_request, not_found};
use crate::studio::{Inner, Reply, io_fault, lock, now};

/// Changes that are remembered for each data set.
const REMEMBERED: usize = 100;

/// Where corrections go unless another place is named.
const CORRECTIONS: &str = "corrections";

/// A change that was written.
struct Change {
    row: u64,
    patch: Patch,
    /// What the file contained afterwards.
    hash: String,
    /// What taking it back adds to the number of rows.
    rows: u64,
}

/// What was changed in this session; also who may write to a data set: one at a time.
#[derive(Default)]
pub(crate) struct DatasetRoom {
    changes: Mutex<HashMap<DatasetId, Vec<Change>>>,
    pub(super) browsed: Browsed,
}

impl DatasetRoom {
    /// How many changes can be taken back.
    pub(super) fn changes(&self, dataset: &DatasetId) -> u32 {
        lock(&self.changes).get(dataset).map_or(0, |changes| u32::try_from(changes.len()).unwrap_or(u32::MAX))
    }

    /// Nobody else changes a data set's file while this is held.
    pub(super) fn alone(&self) -> impl Drop + '_ {
        lock(&self.changes)
    }

    /// A data set that is gone has nothing to take back.
    pub(super) fn forget(&self, dataset: &DatasetId) {
        lock(&self.changes).remove(dataset);
    }
}

impl Inner {
    pub(crate) fn edit_row(&self, request: EditRow) -> Reply<ChangedRows> {
        let make = |entry: &DatasetEntry, row| {
            index(entry)?.with_texts(row, &request.texts).map_err(|error| fault(&error))
        };
        self.change_row(&request.dataset, request.row, &request.version, 0, make)
    }

    pub(crate) fn delete_row(&self, request: DeleteRow) -> Reply<ChangedRows> {
        let make = |entry: &DatasetEntry, row| index(entry)?.without(row).map_err(|error| fault(&error));
        self.change_row(&request.dataset, request.row, &request.version, 1, make)
    }

    fn change_row(
        &self,
        dataset: &DatasetId,
        row: u64,
        version: &str,
        rows: u64,
        make: impl FnOnce(&DatasetEntry, usize) -> Reply<Patch>,
    ) -> Reply<ChangedRows> {
        let mut changes = lock(&self.datasets.changes);
        let (_, entry) = self.dataset(dataset)?;
        let opened = opened_pictures(&entry);
        let before = opened.and_then(|opened| self.row_state(&entry, row, opened));
        // The index that `make` reads may already be of a changed file; `apply` compares once more, byte by byte.
        let patch = make(&entry, usize::try_from(row).unwrap_or(usize::MAX))?;
        let hash = patch.apply(Path::new(&entry.json), version).map_err(|error| fault(&error))?;
        let done = changes.entry(dataset.clone()).or_default();
        if done.len() == REMEMBERED {
            done.remove(0);
        }
        done.push(Change { row, patch: patch.inverse(), hash, rows });
        let left = done.len();
        let there = rows == 0;
        let after = opened.filter(|_| there).and_then(|opened| self.row_state(&entry, row, opened));
        let change = match (before, after) {
            (Some(before), Some(after)) => Some(RowChange::Edited(before, after)),
            (Some(before), None) if !there => Some(RowChange::Gone(before)),
            _ => None,
        };
        self.after_change(&entry, row, left, change)
    }

    /// How the doctor sees a row; nothing if it cannot be read.
    fn row_state(&self, entry: &DatasetEntry, row: u64, opened: bool) -> Option<RowState> {
        let index = self.datasets.browsed.index(Path::new(&entry.json)).ok()?;
        let record = index.record(usize::try_from(row).ok()?).ok()?;
        Some(RowState::of(&record, ImageFolder::open(Path::new(&entry.image_folder)).ok().as_ref(), opened))
    }

    pub(crate) fn undo_row_change(&self, request: DatasetRef) -> Reply<ChangedRows> {
        let mut changes = lock(&self.datasets.changes);
        let (_, entry) = self.dataset(&request.dataset)?;
        let done = changes.entry(request.dataset).or_default();
        let Some(last) = done.pop() else {
            return Err(not_found("there is no change of this session to take back"));
        };
        // A row that was taken out is not there; another one has its number.
        let opened = opened_pictures(&entry);
        let state = || opened.and_then(|opened| self.row_state(&entry, last.row, opened));
        let before = if last.rows == 0 { state() } else { None };
        match last.patch.apply(Path::new(&entry.json), &last.hash) {
            Ok(_) => {
                let change = match (before, state()) {
                    (Some(before), Some(after)) => Some(RowChange::Edited(before, after)),
                    (None, Some(after)) if last.rows > 0 => Some(RowChange::Come(after)),
                    _ => None,
                };
                self.after_change(&entry, last.row, done.len(), change)
            }
            Err(error @ EditError::Dataset(DatasetError::Changed { .. })) => {
                // None of them fits this file any more.
                done.clear();
                Err(fault(&error).hint("What was changed here can no longer be taken back; the file is as somebody else left it."))
            }
            Err(error) => {
                done.push(last);
                Err(fault(&error))
            }
        }
    }

    fn after_change(
        &self,
        entry: &DatasetEntry,
        row: u64,
        changes: usize,
        change: Option<RowChange>,
    ) -> Reply<ChangedRows> {
        let rows = match self.datasets.browsed.index(Path::new(&entry.json)) {
            Ok(index) => Some(index.len() as u64),
            Err(DatasetError::Empty { .. }) => Some(0),
            // Somebody else was here meanwhile; the next look at the rows says what is wrong.
            Err(_) => None,
        };
        let dataset = self.change_dataset(&entry.id, |entry| {
            entry.rows = rows;
            follow(entry, row, change);
        })?;
        Ok(ChangedRows { dataset, row, changes: u32::try_from(changes).unwrap_or(u32::MAX) })
    }

    /// Adds a corrected answer to a data set of the library, with copies of its pictures.
    pub(crate) fn file_row(
        &self,
        dataset: Option<DatasetId>,
        question: &str,
        pictures: &[PathBuf],
        answer: &str,
    ) -> Reply<FiledCorrection> {
        let _alone = self.datasets.alone();
        let library = self.library()?;
        let id = match dataset {
            Some(id) => id,
            None => {
                // One whose file is gone keeps its name, and its place has a number.
                let ours = |entry: &DatasetEntry| {
                    let rest = entry.name.strip_prefix(CORRECTIONS);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
                        && Path::new(&entry.json).is_file()
                };
                match DatasetList::read(&library)?.datasets.into_iter().find(ours) {
                    Some(entry) => entry.id,
                    None => self.create_dataset(CreateDataset { name: CORRECTIONS.to_owned() })?.id,
                }
            }
        };
        let (library, entry) = self.dataset(&id)?;
        let json = Path::new(&entry.json);
        if !library.holds(json) {
            return Err(bad_request(format!(
                "the data set `{}` lies outside the library; corrections go into one of the library's own",
                entry.name
            )));
        }
        let mut rows: Vec<Value> = match serde_json::from_str(&read_text(json)?) {
            Ok(Value::Array(rows)) => rows,
            _ => {
                return Err(bad_request(format!(
                    "corrections go into a data set that is a JSON list; `{}` is not",
                    entry.json
                )));
            }
        };
        let folder = Path::new(&entry.image_folder);
        let mut names = Vec::new();
        for picture in pictures {
            let name = picture.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let to = folder.join(&name);
            if !to.exists() {
                make_folder(folder)?;
                std::fs::copy(picture, &to).map_err(|error| io_fault("copy", picture, &error))?;
            }
            names.push(name);
        }
        let marks = "<image>\n".repeat(names.len());
        let number = rows.len() as u64;
        let mut row = json!({
            "id": format!("correction-{}", now()),
            "conversations": [
                { "from": "human", "value": format!("{marks}{}", question.trim()) },
                { "from": "gpt", "value": answer },
            ],
        });
        match names.as_slice() {
            [] => {}
            [one] => row["image"] = json!(one),
            several => row["image"] = json!(several),
        }
        rows.push(row);
        let opened = opened_pictures(&entry);
        let text = serde_json::to_vec_pretty(&rows).unwrap_or_default();
        replace(json, &text)?;
        let added = opened.and_then(|opened| self.row_state(&entry, number, opened)).map(RowChange::Come);
        let summary = self.change_dataset(&id, |entry| {
            entry.rows = Some(number + 1);
            follow(entry, number, added);
        })?;
        Ok(FiledCorrection { dataset: id, name: summary.name, row: number })
    }
}

/// Whether the doctor opened pictures, if what he said still holds.
fn opened_pictures(entry: &DatasetEntry) -> Option<bool> {
    entry.report_now().map(|report| report.health.opened_pictures)
}

/// Lets the report follow a change that was written; where nobody knows what changed, there is none any more.
fn follow(entry: &mut DatasetEntry, row: u64, change: Option<RowChange>) {
    let report = entry.report.take().zip(change).map(|(mut report, change)| {
        follow_change(&mut report, row, &change);
        report
    });
    entry.keep_report(report);
}

fn fault(error: &EditError) -> ErrorBody {
    match error {
        EditError::Dataset(DatasetError::Changed { file }) => {
            let message =
                format!("`{}` has changed since this row was read; nothing was written", file.display());
            ErrorBody::new(ErrorCode::Conflict, message)
                .hint("Look at the row as it is now, and change it again.")
        }
        EditError::Dataset(DatasetError::Read { file, source }) => io_fault("read", file, source),
        EditError::Write { file, source } => io_fault("write", file, source),
        EditError::NoRow { .. } => ErrorBody::new(ErrorCode::NotFound, error.to_string()),
        EditError::Turns { .. } => ErrorBody::new(ErrorCode::BadRequest, error.to_string()),
        _ => ErrorBody::new(ErrorCode::Damaged, error.to_string()),
    }
}
