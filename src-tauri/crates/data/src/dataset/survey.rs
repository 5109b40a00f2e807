//! Which rows of a data set can be trained on, and how long are they? Asked once, before the first step.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use super::{DatasetError, DatasetIndex, RowEncoder, RowProblem};

/// A row that can be trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSize {
    /// Its number in the file, from 0.
    pub row: u32,
    /// Its tokens, a picture counting as one.
    pub tokens: u32,
    /// Its pictures.
    pub pictures: u16,
    /// Its end was cut off.
    pub truncated: bool,
}

/// A row that cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its number in the file, from 0.
    pub row: usize,
    /// Its own name, if it has one.
    pub id: Option<String>,
    /// Why not.
    pub problem: RowProblem,
}

/// What a data set is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Rows that can be trained on, in the order of the file.
    pub rows: Vec<RowSize>,
    /// Rows that cannot, the first [`Survey::LISTED`] of them.
    pub bad: Vec<BadRow>,
    /// How many cannot.
    pub bad_count: usize,
    /// Rows whose key is `conversation`.
    pub misspelt: usize,
}

impl Survey {
    /// Bad rows that are kept with their reasons.
    pub const LISTED: usize = 1000;

    /// Rows without pictures.
    pub fn text_only(&self) -> usize {
        self.rows.iter().filter(|row| row.pictures == 0).count()
    }

    /// Rows whose end was cut off.
    pub fn truncated(&self) -> usize {
        self.rows.iter().filter(|row| row.truncated).count()
    }
}

/// Rows that a thread takes at a time.
const PORTION: usize = 256;

#[derive(Default)]
struct Portion {
    rows: Vec<RowSize>,
    bad: Vec<BadRow>,
    misspelt: usize,
}

/// Encodes every row of a file on `threads` threads. `progress` is told rows done and rows in all, and answers
/// whether to go on; a survey that was stopped is `None`.
///
/// # Errors
/// The file cannot be read any more. Bad rows are no errors: they are in the result.
pub fn survey(
    index: &DatasetIndex,
    encoder: &RowEncoder,
    threads: usize,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Survey>, DatasetError> {
    let total = index.len();
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut portions: BTreeMap<usize, Portion> = BTreeMap::new();
    let mut fault = None;
    thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel(threads.max(1) * 2);
        for _ in 0..threads.max(1) {
            let (send, next, stopped) = (send.clone(), &next, &stopped);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let start = next.fetch_add(PORTION, Ordering::Relaxed);
                    if start >= total {
                        break;
                    }
                    let result = portion(index, encoder, start..(start + PORTION).min(total));
                    if send.send((start, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut done = 0;
        for (start, result) in receive {
            match result {
                Ok(portion) => {
                    done += PORTION.min(total - start);
                    portions.insert(start, portion);
                }
                Err(error) => fault = Some(error),
            }
            if fault.is_some() || !progress(done.min(total), total) {
                stopped.store(true, Ordering::Relaxed);
            }
        }
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    if stopped.into_inner() {
        return Ok(None);
    }
    let mut survey = Survey::default();
    for portion in portions.into_values() {
        survey.rows.extend(portion.rows);
        survey.bad_count += portion.bad.len();
        let room = Survey::LISTED.saturating_sub(survey.bad.len());
        survey.bad.extend(portion.bad.into_iter().take(room));
        survey.misspelt += portion.misspelt;
    }
    Ok(Some(survey))
}

fn portion(
    index: &DatasetIndex,
    encoder: &RowEncoder,
    rows: std::ops::Range<usize>,
) -> Result<Portion, DatasetError> {
    let mut portion = Portion::default();
    for row in rows {
        let record = match index.record(row)? {
            Ok(record) => record,
            Err(problem) => {
                portion.bad.push(BadRow { row, id: None, problem });
                continue;
            }
        };
        portion.misspelt += usize::from(record.misspelt);
        match encoder.encode(&record) {
            Ok(encoded) => portion.rows.push(RowSize {
                row: row as u32,
                tokens: encoded.example.tokens.len() as u32,
                pictures: encoded.pictures.len().min(usize::from(u16::MAX)) as u16,
                truncated: encoded.example.truncated,
            }),
            Err(problem) => portion.bad.push(BadRow { row, id: record.id, problem }),
        }
    }
    Ok(portion)
}
