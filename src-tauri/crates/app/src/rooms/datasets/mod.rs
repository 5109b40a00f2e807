//! Data sets: the list, pages of rows, splits, and rows that corrections add.

mod doctor;

use std::io::Write;
use std::path::{Path, PathBuf};

use eyewright_data::conversation::Role;
use eyewright_data::dataset::{DatasetIndex, ImageFolder};
use eyewright_protocol::{
    AddDataset, CheckDataset, CreateDataset, DatasetId, DatasetRef, DatasetRow, DatasetSummary,
    DeleteDataset, DoctorReport, ErrorBody, ErrorCode, FiledCorrection, JobInfo, JobKind, JobOutcome,
    ListName, ListRows, Nothing, PictureInfo, RenameDataset, RowPage, RowTurn, Speaker, SplitDataset,
    SplitResult,
};
use serde_json::{Value, json};

use self::doctor::{check, faults, row_problem};
use super::{bad_request, files_elsewhere, not_found, search_words};
use crate::AppError;
use crate::library::{DatasetEntry, DatasetList, Library, make_folder, read_text, remove_folder, replace};
use crate::studio::{Inner, Reply, body, io_fault, now};

/// Rows of one page.
const PAGE: u32 = 200;
/// Rows a search reads before it gives up.
const SEARCHED: usize = 200_000;

fn index(entry: &DatasetEntry) -> Reply<DatasetIndex> {
    DatasetIndex::open(Path::new(&entry.json), &mut |_, _| {}).map_err(|error| body(&AppError::from(error)))
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
        changed: entry.changed,
        health: entry.report.as_ref().map(|report| report.health.clone()),
        fault: (!json.is_file()).then(|| format!("`{}` is not there", entry.json)),
    }
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
        let name: String = name.trim().chars().filter(|char| !char.is_control()).take(100).collect();
        let entry = DatasetEntry {
            id: list.free_id(&name)?,
            name: if name.is_empty() { "data set".to_owned() } else { name },
            json: json.display().to_string(),
            image_folder: folder.display().to_string(),
            changed: now(),
            rows,
            report: None,
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
        let library = self.library()?;
        let id = DatasetList::read(&library)?.free_id(&request.name)?;
        let folder = library.datasets().join(id.as_str());
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
        let name: String = request.name.trim().chars().filter(|char| !char.is_control()).take(100).collect();
        if name.is_empty() {
            return Err(bad_request("a data set needs a name"));
        }
        self.change_dataset(&request.dataset, |entry| entry.name = name)
    }

    pub(crate) fn delete_dataset(&self, request: DeleteDataset) -> Reply<Nothing> {
        let (library, entry) = self.dataset(&request.dataset)?;
        let folder = Path::new(&entry.json).parent().map(Path::to_owned).unwrap_or_default();
        let ours =
            library.holds(&folder) && folder.starts_with(library.datasets()) && folder != library.datasets();
        if request.files && !ours {
            return Err(files_elsewhere(&entry.name));
        }
        let mut list = DatasetList::read(&library)?;
        list.datasets.retain(|other| other.id != entry.id);
        list.write(&library)?;
        if request.files {
            remove_folder(&folder)?;
        }
        self.changed(ListName::Datasets);
        Ok(Nothing {})
    }

    pub(crate) fn list_rows(&self, request: ListRows) -> Reply<RowPage> {
        let (_, entry) = self.dataset(&request.dataset)?;
        let index = index(&entry)?;
        let folder = ImageFolder::open(Path::new(&entry.image_folder)).ok();
        let limit = request.limit.clamp(1, PAGE) as usize;
        let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
        let words = search_words(request.search);
        let fault = |error| body(&AppError::from(error));
        if words.is_empty() && request.problems_only != Some(true) {
            let end = index.len().min(offset.saturating_add(limit));
            let rows =
                (offset..end).map(|row| self.row(&index, row, folder.as_ref())).collect::<Reply<_>>()?;
            return Ok(RowPage { rows, total: Some(index.len() as u64) });
        }
        let mut rows = Vec::new();
        let mut matches = 0;
        for row in 0..index.len().min(SEARCHED) {
            let text = index.text(row).map_err(fault)?.to_lowercase();
            if !words.iter().all(|word| text.contains(word)) {
                continue;
            }
            if request.problems_only == Some(true) {
                let record = index.record(row).map_err(fault)?;
                if faults(&record, folder.as_ref(), false).is_empty() {
                    continue;
                }
            }
            if matches >= offset && rows.len() < limit {
                rows.push(self.row(&index, row, folder.as_ref())?);
            }
            matches += 1;
        }
        Ok(RowPage { rows, total: (index.len() <= SEARCHED).then_some(matches as u64) })
    }

    fn row(&self, index: &DatasetIndex, row: usize, folder: Option<&ImageFolder>) -> Reply<DatasetRow> {
        let record = index.record(row).map_err(|error| body(&AppError::from(error)))?;
        let problems = faults(&record, folder, false).iter().map(row_problem).collect();
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
        let here =
            self.myself().ok_or_else(|| ErrorBody::new(ErrorCode::Internal, "the program is closing"))?;
        let (name, subject) = (entry.name.clone(), Some(entry.id.to_string()));
        let open_pictures = request.open_pictures.unwrap_or(false);
        Ok(self.jobs.spawn(JobKind::Check, name, subject, move |job| {
            let report = check(&entry, open_pictures, job)?;
            here.change_dataset(&entry.id, |entry| {
                entry.rows = Some(report.health.rows);
                entry.report = Some(report.clone());
            })?;
            Ok(JobOutcome::Checked { report })
        }))
    }

    pub(crate) fn dataset_report(&self, request: DatasetRef) -> Reply<Option<DoctorReport>> {
        Ok(self.dataset(&request.dataset)?.1.report)
    }

    pub(crate) fn split_dataset(&self, request: SplitDataset) -> Reply<JobInfo> {
        if !(request.validation > 0.0 && request.validation <= 0.5) {
            return Err(bad_request("the share for validation must be above 0 and at most 0.5"));
        }
        let (library, entry) = self.dataset(&request.dataset)?;
        let here =
            self.myself().ok_or_else(|| ErrorBody::new(ErrorCode::Internal, "the program is closing"))?;
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
                let id = DatasetList::read(&library)?.free_id(&name)?;
                let folder = library.datasets().join(id.as_str());
                make_folder(&folder)?;
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

    /// Adds a corrected answer to a data set of the library, with copies of its pictures.
    pub(crate) fn file_row(
        &self,
        dataset: Option<DatasetId>,
        question: &str,
        pictures: &[PathBuf],
        answer: &str,
    ) -> Reply<FiledCorrection> {
        let library = self.library()?;
        let id = match dataset {
            Some(id) => id,
            None => {
                let found = DatasetList::read(&library)?
                    .datasets
                    .into_iter()
                    .find(|entry| entry.name == "corrections");
                let here = found.filter(|entry| Path::new(&entry.json).is_file()).map(|entry| entry.id);
                match here {
                    Some(id) => id,
                    None => self.create_dataset(CreateDataset { name: "corrections".to_owned() })?.id,
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
        let text = serde_json::to_vec_pretty(&rows).unwrap_or_default();
        replace(json, &text)?;
        let summary = self.change_dataset(&id, |entry| {
            (entry.rows, entry.report) = (Some(number + 1), None);
        })?;
        Ok(FiledCorrection { dataset: id, name: summary.name, row: number })
    }
}
