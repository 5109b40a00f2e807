//! Lists of models and data sets: what the user added, wherever its files lie.

use std::path::Path;

use eyewright_protocol::{DatasetId, DoctorReport, ErrorBody, ErrorCode, ModelId, ModelPaths};
use serde::{Deserialize, Serialize};

use super::Library;
use super::files::{FileStamp, read_json, write_json};
use crate::studio::Reply;

/// A model on the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ModelEntry {
    pub(crate) id: ModelId,
    pub(crate) name: String,
    pub(crate) paths: ModelPaths,
}

/// `models.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ModelList {
    pub(crate) models: Vec<ModelEntry>,
}

/// A data set on the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DatasetEntry {
    pub(crate) id: DatasetId,
    pub(crate) name: String,
    pub(crate) json: String,
    pub(crate) image_folder: String,
    pub(crate) changed: u64,
    pub(crate) rows: Option<u64>,
    pub(crate) report: Option<DoctorReport>,
    /// What the file was when the report was made or last followed a correction.
    #[serde(default)]
    pub(crate) stamp: Option<FileStamp>,
}

impl DatasetEntry {
    /// Keeps what the doctor says of the file as it is now.
    pub(crate) fn keep_report(&mut self, report: Option<DoctorReport>) {
        (self.report, self.stamp) = (report, FileStamp::of(Path::new(&self.json)));
    }

    /// What the doctor said, as long as the file is what he looked at.
    pub(crate) fn report_now(&self) -> Option<&DoctorReport> {
        self.report
            .as_ref()
            .filter(|_| self.stamp.is_some() && self.stamp == FileStamp::of(Path::new(&self.json)))
    }
}

/// `datasets.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DatasetList {
    pub(crate) datasets: Vec<DatasetEntry>,
}

macro_rules! list_file {
    ($list:ident, $entry:ident, $id:ident, $field:ident, $file:literal, $what:literal) => {
        impl $list {
            pub(crate) fn read(library: &Library) -> Reply<Self> {
                let file = library.folder().join($file);
                if file.exists() { read_json(&file) } else { Ok(Self::default()) }
            }

            pub(crate) fn write(&self, library: &Library) -> Reply<()> {
                write_json(&library.folder().join($file), self)
            }

            #[allow(
                dead_code,
                reason = "a model may also be found by itself, so its list alone is not asked"
            )]
            pub(crate) fn find(&self, id: &$id) -> Reply<&$entry> {
                self.$field.iter().find(|entry| entry.id == *id).ok_or_else(|| {
                    ErrorBody::new(
                        ErrorCode::NotFound,
                        format!(concat!("there is no ", $what, " `{}` in the library"), id),
                    )
                })
            }

            /// A name for a new entry that no other has.
            pub(crate) fn free_id(&self, text: &str) -> Reply<$id> {
                let base = super::free_name(Path::new("/nonexistent-folder"), text, $what);
                let taken = |id: &str| self.$field.iter().any(|entry| entry.id.as_str() == id);
                let mut id = base.clone();
                let mut number = 2;
                while taken(&id) {
                    id = format!("{base}-{number}");
                    number += 1;
                }
                $id::try_from(id).map_err(|error| ErrorBody::new(ErrorCode::BadRequest, error))
            }
        }
    };
}

list_file!(ModelList, ModelEntry, ModelId, models, "models.json", "model");
list_file!(DatasetList, DatasetEntry, DatasetId, datasets, "datasets.json", "dataset");
