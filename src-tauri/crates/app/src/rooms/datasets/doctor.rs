//! The doctor: which faults a row has, and a check of every row.

use std::path::Path;

use eyewright_data::dataset::{ImageFolder, Record, RowProblem as Fault};
use eyewright_data::image::{DecodeLimits, open};
use eyewright_protocol::{
    DatasetHealth, DoctorFinding, DoctorReport, ErrorBody, ErrorCode, RowFault, RowProblem, Severity,
};

use super::index;
use crate::AppError;
use crate::library::DatasetEntry;
use crate::studio::{JobHandle, Reply, body, now};

fn kind(fault: &Fault) -> RowFault {
    match fault {
        Fault::Form { .. } => RowFault::Form,
        Fault::NoConversation => RowFault::NoConversation,
        Fault::Role { .. } => RowFault::Role,
        Fault::Order { .. } => RowFault::Order,
        Fault::EmptyAnswer { .. } => RowFault::EmptyAnswer,
        Fault::NoPicture { .. } => RowFault::MissingPicture,
        Fault::Picture { .. } => RowFault::DamagedPicture,
        Fault::OutsideFolder { .. } => RowFault::OutsideFolder,
        Fault::Conversation(_) => RowFault::ImageMarks,
        Fault::NothingToLearn => RowFault::NothingToLearn,
        // Those depend on a model, and this check knows of none.
        Fault::NoEye | Fault::OverLong { .. } | Fault::Positions { .. } => RowFault::Other,
    }
}

pub(super) fn row_problem(fault: &Fault) -> RowProblem {
    // Whatever is found without a model makes training refuse the row.
    RowProblem { problem: kind(fault), severity: Severity::Fatal, message: fault.to_string() }
}

/// All faults of a row, whatever model it is for.
pub(super) fn faults(
    record: &Result<Record, Fault>,
    folder: Option<&ImageFolder>,
    open_pictures: bool,
) -> Vec<Fault> {
    let record = match record {
        Ok(record) => record,
        Err(fault) => return vec![fault.clone()],
    };
    let mut found: Vec<Fault> = record.turns().err().into_iter().collect();
    let Some(folder) = folder else { return found };
    for name in &record.images {
        match folder.resolve(name) {
            Err(fault) => found.push(fault),
            Ok(path) if open_pictures => {
                if let Err(error) = open(&path, &DecodeLimits::default()) {
                    found.push(Fault::Picture { name: name.clone(), reason: error.to_string() });
                }
            }
            Ok(_) => {}
        }
    }
    found
}

/// Every row of a data set, on this thread; stops when asked.
pub(super) fn check(entry: &DatasetEntry, open_pictures: bool, job: &JobHandle) -> Reply<DoctorReport> {
    let index = index(entry)?;
    let folder =
        ImageFolder::open(Path::new(&entry.image_folder)).map_err(|error| body(&AppError::from(error)))?;
    let total = index.len() as u64;
    let mut findings: Vec<DoctorFinding> = Vec::new();
    let (mut fatal, mut with_pictures, mut turns) = (0, 0, 0);
    let mut pictures = std::collections::HashSet::new();
    for row in 0..index.len() {
        if job.cancel.is_cancelled() {
            return Err(ErrorBody::new(ErrorCode::Cancelled, "the check was stopped"));
        }
        job.progress(row as u64, total, "rows");
        let record = index.record(row).map_err(|error| body(&AppError::from(error)))?;
        let found = faults(&record, Some(&folder), open_pictures);
        fatal += u64::from(!found.is_empty());
        for fault in found {
            let RowProblem { problem, severity, message } = row_problem(&fault);
            match findings.iter_mut().find(|finding| finding.problem == problem) {
                Some(finding) => {
                    finding.count += 1;
                    if finding.rows.len() < 100 {
                        finding.rows.push(row as u64);
                    }
                }
                None => findings.push(DoctorFinding {
                    problem,
                    severity,
                    message,
                    count: 1,
                    rows: vec![row as u64],
                }),
            }
        }
        if let Ok(record) = record {
            with_pictures += u64::from(!record.images.is_empty());
            turns += record.messages.len() as u64 / 2;
            pictures.extend(record.images);
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.count));
    Ok(DoctorReport {
        health: DatasetHealth {
            rows: total,
            fatal,
            warnings: 0,
            opened_pictures: open_pictures,
            checked: now(),
        },
        findings,
        rows_with_pictures: with_pictures,
        pictures: pictures.len() as u64,
        turns,
    })
}
