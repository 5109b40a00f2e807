//! What does a run's data file hold: how many rows, and what is wrong with the first ones?

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use eyewright_data::dataset::{DatasetError, DatasetIndex, ImageFolder, Record, RowProblem};

use crate::library::FileStamp;
use crate::rooms::datasets::faults;
use crate::studio::lock;

/// Rows that are looked at before a run starts; the run itself looks at all.
const FIRST: usize = 200;

/// A file's rows.
pub(crate) struct DataFile {
    /// How many there are.
    pub(crate) rows: u64,
    first: Vec<Result<Record, RowProblem>>,
}

/// What the first rows of a file are like, for a plan.
pub(crate) struct FirstRows {
    /// Rows that were looked at.
    pub(crate) all: u64,
    /// Rows that cannot be trained on.
    pub(crate) bad: u64,
    /// Rows that are left out with a warning: they have no picture, and only what sees is trained.
    pub(crate) useless: u64,
    /// What is wrong with the first bad one, and its number from 1.
    pub(crate) example: Option<(u64, RowProblem)>,
}

impl DataFile {
    fn read(file: &Path) -> Result<Self, DatasetError> {
        let index = DatasetIndex::open(file, &mut |_, _| {})?;
        let first = (0..index.len().min(FIRST)).map(|row| index.record(row)).collect::<Result<_, _>>()?;
        Ok(Self { rows: index.len() as u64, first })
    }

    /// Looks at the first rows and for their pictures in the folder, if the model has eyes; no picture is opened.
    pub(crate) fn first_rows(&self, folder: Option<&ImageFolder>, llm_is_trained: bool) -> FirstRows {
        let mut found = FirstRows { all: self.first.len() as u64, bad: 0, useless: 0, example: None };
        for (number, row) in (1..).zip(&self.first) {
            let has_pictures = row.as_ref().is_ok_and(|row| !row.images.is_empty());
            let blind = (folder.is_none() && has_pictures).then_some(RowProblem::NoEye);
            match faults(row, folder, false).into_iter().next().or(blind) {
                Some(fault) => {
                    found.bad += 1;
                    found.example.get_or_insert((number, fault));
                }
                None => found.useless += u64::from(!has_pictures && !llm_is_trained),
            }
        }
        found
    }
}

/// Files that were looked at, with what they were then.
#[derive(Default)]
pub(crate) struct DataFiles(Mutex<HashMap<PathBuf, (FileStamp, Arc<DataFile>)>>);

impl DataFiles {
    /// A file's rows, read only when it is new or has changed.
    pub(crate) fn look(&self, file: &Path) -> Result<Arc<DataFile>, DatasetError> {
        // Taken before the file is read: what changes meanwhile is read again the next time.
        let stamp = FileStamp::of(file);
        if let Some((of, known)) = lock(&self.0).get(file)
            && stamp == Some(*of)
        {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(DataFile::read(file)?);
        if let Some(stamp) = stamp {
            lock(&self.0).insert(file.to_owned(), (stamp, Arc::clone(&read)));
        }
        Ok(read)
    }
}
