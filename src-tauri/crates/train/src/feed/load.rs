//! How do the rows of one micro-batch become numbers?

use std::{path::PathBuf, sync::Arc};

use eyewright_data::{
    dataset::{DatasetError, DatasetIndex, RowEncoder, RowProblem},
    image::{DecodeLimits, ImageError, ImageProcessor, SquareMode, open},
};

use crate::step::Row;

/// Rows of one file, with all that is needed to prepare them.
#[derive(Debug)]
pub struct RowSource {
    /// Where the rows are.
    pub index: DatasetIndex,
    /// Rows to ids, labels and picture files.
    pub encoder: Arc<RowEncoder>,
    /// Pictures to pixels; absent for a model that cannot see.
    pub processor: Option<ImageProcessor>,
    /// How pictures become square.
    pub square: SquareMode,
    /// A row that turns out to be bad while it is trained on (a picture that cannot be decoded) is left out.
    pub skip_bad_rows: bool,
}

/// One picture of a micro-batch, off the device.
#[derive(Clone, Debug, PartialEq)]
pub struct HostPicture {
    /// Where it came from.
    pub file: PathBuf,
    /// Normalised pixels; empty where only its features are needed, which are known.
    pub pixels: Vec<f32>,
}

/// A micro-batch that is not on a device yet.
#[derive(Clone, Debug, Default)]
pub struct HostBatch {
    /// The conversations.
    pub rows: Vec<Row>,
    /// The pictures that their segments name by index.
    pub pictures: Vec<HostPicture>,
    /// Their numbers in the file, from 0.
    pub numbers: Vec<u32>,
    /// Rows that were left out, and why.
    pub left_out: Vec<(u32, RowProblem)>,
}

/// A micro-batch cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A row.
    #[error(
        "`{}`, row {}: {problem}. Repair the row, or leave such rows out with --skip-bad-rows",
        file.display(), row + 1
    )]
    Row {
        /// The data set.
        file: PathBuf,
        /// Counted from 0.
        row: u32,
        /// Why.
        problem: RowProblem,
    },
    /// A picture.
    #[error(transparent)]
    Picture(#[from] ImageError),
    /// A thread is gone.
    #[error("a thread that prepares rows has ended unexpectedly; resume the run")]
    ThreadGone,
}

impl RowSource {
    /// Reads, encodes and decodes rows. `wants_pixels` says of which picture files.
    ///
    /// # Errors
    /// The file, or a bad row unless those are left out.
    pub fn load(
        &self,
        numbers: &[u32],
        wants_pixels: &dyn Fn(&std::path::Path) -> bool,
    ) -> Result<HostBatch, FeedError> {
        let mut batch = HostBatch::default();
        for number in numbers {
            match self.row(*number, batch.pictures.len(), wants_pixels)? {
                Ok((row, pictures)) => {
                    batch.rows.push(row);
                    batch.pictures.extend(pictures);
                    batch.numbers.push(*number);
                }
                Err(problem) if self.skip_bad_rows => batch.left_out.push((*number, problem)),
                Err(problem) => {
                    return Err(FeedError::Row { file: self.index.path().to_owned(), row: *number, problem });
                }
            }
        }
        Ok(batch)
    }

    /// The pixels of one picture.
    ///
    /// # Errors
    /// It cannot be decoded.
    pub fn pixels(&self, file: &std::path::Path) -> Result<Vec<f32>, FeedError> {
        let picture = open(file, &DecodeLimits::default())?;
        Ok(self
            .processor
            .as_ref()
            .map(|processor| processor.preprocess(&picture, self.square))
            .unwrap_or_default())
    }

    fn row(
        &self,
        number: u32,
        first_picture: usize,
        wants_pixels: &dyn Fn(&std::path::Path) -> bool,
    ) -> Result<Result<(Row, Vec<HostPicture>), RowProblem>, DatasetError> {
        let record = match self.index.record(number as usize)? {
            Ok(record) => record,
            Err(problem) => return Ok(Err(problem)),
        };
        let prepared = self.encoder.encode(&record).and_then(|encoded| {
            let picture = |(file, name): (PathBuf, &String)| {
                let pixels = match &self.processor {
                    Some(processor) if wants_pixels(&file) => {
                        let picture = open(&file, &DecodeLimits::default()).map_err(|error| {
                            RowProblem::Picture { name: name.clone(), reason: error.fault.to_string() }
                        })?;
                        processor.preprocess(&picture, self.square)
                    }
                    _ => Vec::new(),
                };
                Ok(HostPicture { file, pixels })
            };
            let row = Row::from_example(&encoded.example, first_picture);
            let pictures = encoded.pictures.into_iter().zip(&record.images).map(picture);
            Ok((row, pictures.collect::<Result<_, RowProblem>>()?))
        });
        Ok(prepared)
    }
}
