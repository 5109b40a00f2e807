//! Data sets: the list, pages of rows, checks and splits.

mod browsed;
mod doctor;
mod draw;
mod edit;

use std::io::Write;
use std::path::{Path, PathBuf};

use eyewright_data::conversation::Role;
use eyewright_data::dataset::{DatasetError, DatasetIndex, ImageFolder, RowProblem as Fault};
use eyewright_protocol::{
    AddDataset, CheckDataset, CreateDataset, DatasetId, DatasetRef, DatasetRow, DatasetSummary,
    DeleteDataset, DoctorReport, ErrorBody, ErrorCode, JobInfo, JobKind, JobOutcome, ListName, ListRows,
    Nothing, PictureInfo, RenameDataset, RowFault, RowPage, RowTurn, SetImageFolder, Speaker, SplitDataset,
    SplitResult,
};
use serde_json::Value;

pub(super) use self::doctor::faults;
use self::doctor::{check, kind, noted_rows, row_problem};
use self::draw::held_out;
pub(crate) use self::edit::DatasetRoom;
use super::{bad_request, files_elsewhere, not_found, search_words};
use crate::AppError;
use crate::library::{
    DatasetEntry, DatasetList, Library, free_name, free_title, make_folder, remove_folder, replace,
};
use crate::studio::{Inner, Reply, body, io_fault, now};

/// Rows of one page.
const PAGE: u32 = 200;
/// Rows a search reads before it gives up.
const SEARCHED: usize = 200_000;

fn index(entry: &DatasetEntry) -> Reply<DatasetIndex> {
    DatasetIndex::open(Path::new(&entry.json), &mut |_, _| {}).map_err(|error| body(&AppError::from(error)))
}

/// A name as the list shows it.
fn named(name: &str) -> Reply<String> {
    let name: String = name.trim().chars().filter(|char| !char.is_control()).take(100).collect();
    if name.is_empty() { Err(bad_request("a data set needs a name")) } else { Ok(name) }
}

fn summary(library: &Library, entry: &DatasetEntry) -> DatasetSummary {
    let json = Path::new(&entry.json);
    DatasetSummary {
        id: entry.id.clone(),
        name: entry.name.clone(),
        json: entry.json.clone(),
        image_folder: entry.image_folder.clone(),
        rows: entry.rows,
        in_library: library.holds(json),
        held_out: held_out(json),
        changed: entry.changed,
        health: entry.report_now().map(|report| report.health.clone()),
        fault: (!json.is_file()).then(|| format!("`{}` is not there", entry.json)),
    }
}

/// A folder for a new data set; one that was taken off the list keeps its own.
fn new_folder(library: &Library, name: &str) -> Reply<PathBuf> {
    let folder = library.datasets().join(free_name(&library.datasets(), name, "dataset"));
    make_folder(&folder)?;
    Ok(folder)
}

impl Inner {
    fn dataset(&self, id: &DatasetId) -> Reply<(Library, DatasetEntry)> {
        let library = self.library()?;
        let entry = DatasetList::read(&library)?.find(id)?.clone();
        Ok((library, entry))
    }

    fn change_dataset(
        &self,
        id: &DatasetId,
        change: impl FnOnce(&mut DatasetEntry),
    ) -> Reply<DatasetSummary> {
        let library = self.library()?;
        let mut list = DatasetList::read(&library)?;
        list.find(id)?;
        let mut changed = None;
        for entry in list.datasets.iter_mut().filter(|entry| entry.id == *id).take(1) {
            changed = Some(entry);
        }
        let entry = changed.ok_or_else(|| not_found(format!("there is no dataset `{id}`")))?;
        change(entry);
        entry.changed = now();
        let summary = summary(&library, entry);
        list.write(&library)?;
        self.changed(ListName::Datasets);
        Ok(summary)
    }

    fn put_dataset(
        &self,
        name: &str,
        json: &Path,
        folder: &Path,
        rows: Option<u64>,
    ) -> Reply<DatasetSummary> {
        let library = self.library()?;
        let mut list = DatasetList::read(&library)?;
        let name = named(name).unwrap_or_else(|_| "data set".to_owned());
        let name = free_title(&name, |name| list.datasets.iter().any(|entry| entry.name == name));
        let entry = DatasetEntry {
            id: list.free_id(&name)?,
            name,
            json: json.display().to_string(),
            image_folder: folder.display().to_string(),
            changed: now(),
            rows,
            report: None,
            stamp: None,
        };
        let made = summary(&library, &entry);
        list.datasets.push(entry);
        list.write(&library)?;
        self.changed(ListName::Datasets);
        Ok(made)
    }

    pub(crate) fn list_datasets(&self, _: Nothing) -> Reply<Vec<DatasetSummary>> {
        let library = self.library()?;
        let mut entries = DatasetList::read(&library)?.datasets;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.changed));
        Ok(entries.iter().map(|entry| summary(&library, entry)).collect())
    }

    pub(crate) fn add_dataset(&self, request: AddDataset) -> Reply<DatasetSummary> {
        let json = PathBuf::from(request.json.trim());
        if !json.is_absolute() {
            return Err(bad_request(format!("`{}` must be a full path", json.display())));
        }
        let rows = DatasetIndex::open(&json, &mut |_, _| {})
            .map_err(|error| body(&AppError::from(error)))?
            .len() as u64;
        let folder = request
            .image_folder
            .map(|folder| PathBuf::from(folder.trim()))
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.or_else(|| json.parent().map(Path::to_owned)).unwrap_or_default();
        ImageFolder::open(&folder).map_err(|error| body(&AppError::from(error)))?;
        let name = request
            .name
            .unwrap_or_else(|| json.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        self.put_dataset(&name, &json, &folder, Some(rows))
    }

    pub(crate) fn create_dataset(&self, request: CreateDataset) -> Reply<DatasetSummary> {
        let folder = new_folder(&self.library()?, &request.name)?;
        make_folder(&folder.join("pictures"))?;
        let json = folder.join("rows.json");
        replace(&json, b"[]\n")?;
        self.put_dataset(&request.name, &json, &folder.join("pictures"), Some(0))
    }

    pub(crate) fn get_dataset(&self, request: DatasetRef) -> Reply<DatasetSummary> {
        let (library, entry) = self.dataset(&request.dataset)?;
        Ok(summary(&library, &entry))
    }

    pub(crate) fn rename_dataset(&self, request: RenameDataset) -> Reply<DatasetSummary> {
        let name = named(&request.name)?;
        let list = DatasetList::read(&self.library()?)?;
        if list.datasets.iter().any(|entry| entry.name == name && entry.id != request.dataset) {
            return Err(ErrorBody::new(
                ErrorCode::AlreadyExists,
                format!("another data set is called `{name}`"),
            ));
        }
        self.change_dataset(&request.dataset, |entry| entry.name = name)
    }

    /// Its pictures are somewhere else, or have been moved.
    pub(crate) fn set_image_folder(&self, request: SetImageFolder) -> Reply<DatasetSummary> {
        let folder = PathBuf::from(request.image_folder.trim());
        if !folder.is_absolute() {
            return Err(bad_request(format!("`{}` must be a full path", folder.display())));
        }
        ImageFolder::open(&folder).map_err(|error| body(&AppError::from(error)))?;
        let _alone = self.datasets.alone();
        self.change_dataset(&request.dataset, |entry| {
            // What the doctor said was about other pictures.
            (entry.image_folder, entry.report) = (folder.display().to_string(), None);
        })
    }

    pub(crate) fn delete_dataset(&self, request: DeleteDataset) -> Reply<Nothing> {
        let (library, entry) = self.dataset(&request.dataset)?;
        let folder = Path::new(&entry.json).parent().map(Path::to_owned).unwrap_or_default();
        let ours =
            library.holds(&folder) && folder.starts_with(library.datasets()) && folder != library.datasets();
        if request.files && !ours {
            return Err(files_elsewhere(&entry.name));
        }
        if request.files {
            let message = format!("a run trains on `{}`, or waits to", entry.name);
            self.check_unread(&folder, message, "Stop it first, or take the data set off the list alone.")?;
        }
        let mut list = DatasetList::read(&library)?;
        list.datasets.retain(|other| other.id != entry.id);
        list.write(&library)?;
        self.datasets.forget(&entry.id);
        if request.files {
            remove_folder(&folder)?;
        }
        self.changed(ListName::Datasets);
        Ok(Nothing {})
    }

    pub(crate) fn list_rows(&self, request: ListRows) -> Reply<RowPage> {
        let (_, entry) = self.dataset(&request.dataset)?;
        let changes = self.datasets.changes(&entry.id);
        let index = match self.datasets.browsed.index(Path::new(&entry.json)) {
            Ok(index) => index,
            // A data set may still be empty, or be so again.
            Err(DatasetError::Empty { .. }) => {
                return Ok(RowPage { rows: Vec::new(), total: Some(0), changes });
            }
            Err(error) => return Err(body(&AppError::from(error))),
        };
        let folder = ImageFolder::open(Path::new(&entry.image_folder)).ok();
        let limit = request.limit.clamp(1, PAGE) as usize;
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let words = search_words(request.search);
        let fault = |error| body(&AppError::from(error));
        let noted = |problem| noted_rows(entry.report_now(), problem);
        // To see that a picture is damaged it must be opened, which takes too long for all of them.
        let damaged = noted(RowFault::DamagedPicture);
        let read = |row: usize| self.row(&index, row, folder.as_ref(), damaged.contains(&row));
        let wanted = request.finding.map(noted);
        if words.is_empty() && request.problems_only != Some(true) && wanted.is_none() {
            let end = index.len().min(offset.saturating_add(limit));
            let rows = (offset..end).map(read).collect::<Reply<_>>()?;
            return Ok(RowPage { rows, total: Some(index.len() as u64), changes });
        }
        let candidates: Box<dyn Iterator<Item = usize>> = match &wanted {
            Some(rows) => Box::new(rows.iter().copied().filter(|row| *row < index.len())),
            None => Box::new(0..index.len().min(SEARCHED)),
        };
        let mut rows = Vec::new();
        let mut matches = 0;
        for row in candidates {
            let text = index.text(row).map_err(fault)?.to_lowercase();
            if !words.iter().all(|word| text.contains(word)) {
                continue;
            }
            if request.problems_only == Some(true) || request.finding.is_some() {
                let record = index.record(row).map_err(fault)?;
                let found = faults(&record, folder.as_ref(), damaged.contains(&row));
                // What was found may be mended by now; without the folder nobody can tell.
                let wanted = |found: &Fault| request.finding.is_none_or(|finding| kind(found) == finding);
                if !found.iter().any(wanted) && (folder.is_some() || request.finding.is_none()) {
                    continue;
                }
            }
            if matches >= offset && rows.len() < limit {
                rows.push(read(row)?);
            }
            matches += 1;
        }
        let seen_all = wanted.is_some() || index.len() <= SEARCHED;
        Ok(RowPage { rows, total: seen_all.then_some(matches as u64), changes })
    }

    fn row(
        &self,
        index: &DatasetIndex,
        row: usize,
        folder: Option<&ImageFolder>,
        open_pictures: bool,
    ) -> Reply<DatasetRow> {
        let record = index.record(row).map_err(|error| body(&AppError::from(error)))?;
        let problems = faults(&record, folder, open_pictures).iter().map(row_problem).collect();
        let record = record.unwrap_or_default();
        let picture = |name: &String| match folder.map(|folder| folder.resolve(name)) {
            Some(Ok(path)) => self.pictures.unopened(&path, name),
            other => PictureInfo {
                fault: Some(
                    other
                        .and_then(Result::err)
                        .map_or_else(|| "the image folder is gone".to_owned(), |fault| fault.to_string()),
                ),
                ..self.pictures.unopened(Path::new(""), name)
            },
        };
        Ok(DatasetRow {
            number: row as u64,
            version: index.hash().to_owned(),
            id: record.id,
            pictures: record.images.iter().map(picture).collect(),
            turns: record
                .messages
                .into_iter()
                .map(|(role, text)| RowTurn {
                    speaker: match role {
                        Role::User => Speaker::Human,
                        Role::Assistant => Speaker::Gpt,
                    },
                    text,
                })
                .collect(),
            problems,
        })
    }

    pub(crate) fn check_dataset(&self, request: CheckDataset) -> Reply<JobInfo> {
        let (_, entry) = self.dataset(&request.dataset)?;
        let here = self.here()?;
        let (name, subject) = (entry.name.clone(), Some(entry.id.to_string()));
        let open_pictures = request.open_pictures.unwrap_or(false);
        Ok(self.jobs.spawn(JobKind::Check, name, subject, move |job| {
            let (report, hash) = check(&entry, open_pictures, job)?;
            // A correction that was made meanwhile is not in the report, and nobody makes one now.
            let _alone = here.datasets.alone();
            let same_place = here
                .dataset(&entry.id)
                .is_ok_and(|(_, now)| (&now.json, &now.image_folder) == (&entry.json, &entry.image_folder));
            let now = here.datasets.browsed.index(Path::new(&entry.json));
            if !same_place || !now.is_ok_and(|now| now.hash() == hash) {
                let message = format!("`{}` has changed while it was checked", entry.json);
                return Err(ErrorBody::new(ErrorCode::Conflict, message).hint("Check it again."));
            }
            here.change_dataset(&entry.id, |entry| {
                entry.rows = Some(report.health.rows);
                entry.keep_report(Some(report.clone()));
            })?;
            Ok(JobOutcome::Checked { report })
        }))
    }

    pub(crate) fn dataset_report(&self, request: DatasetRef) -> Reply<Option<DoctorReport>> {
        Ok(self.dataset(&request.dataset)?.1.report_now().cloned())
    }

    pub(crate) fn split_dataset(&self, request: SplitDataset) -> Reply<JobInfo> {
        if !(request.validation > 0.0 && request.validation <= 0.5) {
            return Err(bad_request("the share for validation must be above 0 and at most 0.5"));
        }
        let (library, entry) = self.dataset(&request.dataset)?;
        let here = self.here()?;
        let (name, subject) = (entry.name.clone(), Some(entry.id.to_string()));
        Ok(self.jobs.spawn(JobKind::Split, name, subject, move |job| {
            let index = index(&entry)?;
            let size =
                |row| eyewright_data::dataset::RowSize { row, tokens: 0, pictures: 0, truncated: false };
            let rows: Vec<_> = (0..u32::try_from(index.len()).unwrap_or(u32::MAX)).map(size).collect();
            let (train, measured) =
                eyewright_data::dataset::split(&rows, request.validation, u64::from(request.seed));
            if measured.is_empty() {
                return Err(bad_request("a data set of one row cannot be split"));
            }
            let total = rows.len() as u64;
            let mut done = 0;
            let mut write = |part: &str, rows: &[eyewright_data::dataset::RowSize]| {
                let name = format!("{} {part}", entry.name);
                let folder = new_folder(&library, &name)?;
                let file = folder.join("rows.jsonl");
                let staged = folder.join("rows.jsonl.part");
                let fault = |error| io_fault("write", &staged, &error);
                let mut out = std::io::BufWriter::new(std::fs::File::create(&staged).map_err(fault)?);
                for row in rows {
                    if job.cancel.is_cancelled() {
                        let _ = remove_folder(&folder);
                        return Err(ErrorBody::new(ErrorCode::Cancelled, "it was stopped"));
                    }
                    let text = index.text(row.row as usize).map_err(|error| body(&AppError::from(error)))?;
                    let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    writeln!(out, "{value}").map_err(fault)?;
                    done += 1;
                    job.progress(done, total, "rows");
                }
                out.into_inner().map_err(|error| fault(error.into_error()))?.sync_all().map_err(fault)?;
                std::fs::rename(&staged, &file).map_err(fault)?;
                here.put_dataset(&name, &file, Path::new(&entry.image_folder), Some(rows.len() as u64))
            };
            let train = write("train", &train)?;
            let validation = write("validation", &measured)?;
            Ok(JobOutcome::Split { result: SplitResult { train, validation } })
        }))
    }
}
