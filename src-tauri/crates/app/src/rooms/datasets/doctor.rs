//! The doctor: which faults a row has, and a check of every row.

use std::path::Path;

use eyewright_data::conversation::check_images;
use eyewright_data::dataset::{ImageFolder, Record, RowProblem as Fault};
use eyewright_data::image::{DecodeLimits, open};
use eyewright_protocol::{
    DatasetHealth, DoctorFinding, DoctorReport, ErrorBody, ErrorCode, RowFault, RowProblem, Severity,
};

use super::index;
use crate::AppError;
use crate::library::DatasetEntry;
use crate::studio::{JobHandle, Reply, body, now};

/// Rows of a finding that are noted by number.
const NOTED: usize = 100;

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
pub(in crate::rooms) fn faults(
    record: &Result<Record, Fault>,
    folder: Option<&ImageFolder>,
    open_pictures: bool,
) -> Vec<Fault> {
    let record = match record {
        Ok(record) => record,
        Err(fault) => return vec![fault.clone()],
    };
    let pictures = record.images.len();
    let turns = record.turns();
    let fits = turns.and_then(|turns| check_images(&turns, pictures).map_err(Fault::Conversation));
    let mut found: Vec<Fault> = fits.err().into_iter().collect();
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

/// The rows of a finding that the last check noted.
pub(super) fn noted_rows(report: Option<&DoctorReport>, problem: RowFault) -> Vec<usize> {
    let findings = report.into_iter().flat_map(|report| &report.findings);
    let rows = findings.filter(|finding| finding.problem == problem).flat_map(|finding| &finding.rows);
    rows.filter_map(|row| usize::try_from(*row).ok()).collect()
}

/// What the doctor sees in one row.
pub(super) struct RowState {
    faults: Vec<Fault>,
    has_pictures: bool,
    turns: u64,
}

impl RowState {
    pub(super) fn of(
        record: &Result<Record, Fault>,
        folder: Option<&ImageFolder>,
        open_pictures: bool,
    ) -> Self {
        Self {
            faults: faults(record, folder, open_pictures),
            has_pictures: record.as_ref().is_ok_and(|record| !record.images.is_empty()),
            turns: record.as_ref().map_or(0, |record| record.messages.len() as u64 / 2),
        }
    }
}

/// Counts a fault of a row; several of one kind in one row count once.
fn note(findings: &mut Vec<DoctorFinding>, row: u64, fault: &Fault) {
    let RowProblem { problem, severity, message } = row_problem(fault);
    match findings.iter_mut().find(|finding| finding.problem == problem) {
        Some(finding) if finding.rows.contains(&row) => {}
        Some(finding) => {
            finding.count += 1;
            if finding.rows.len() < NOTED {
                let place = finding.rows.partition_point(|other| *other < row);
                finding.rows.insert(place, row);
            }
        }
        None => findings.push(DoctorFinding { problem, severity, message, count: 1, rows: vec![row] }),
    }
}

/// Keeps a report true when one row is changed, goes (`after` is none) or comes back (`before` is none). Only the number
/// of different pictures stays as it was counted.
pub(super) fn follow_change(
    report: &mut DoctorReport,
    row: u64,
    before: Option<&RowState>,
    after: Option<&RowState>,
) {
    if let Some(before) = before {
        let left: Vec<RowFault> = before.faults.iter().map(kind).collect();
        for finding in report.findings.iter_mut().filter(|finding| left.contains(&finding.problem)) {
            finding.count -= finding.count.min(1);
            if finding.rows.first() == Some(&row) {
                finding.message.clear();
            }
            finding.rows.retain(|other| *other != row);
        }
        report.findings.retain(|finding| finding.count > 0);
        let was = |yes: bool, count: u64| count.saturating_sub(u64::from(yes));
        report.health.fatal = was(!before.faults.is_empty(), report.health.fatal);
        report.rows_with_pictures = was(before.has_pictures, report.rows_with_pictures);
        report.health.rows = was(true, report.health.rows);
        report.turns = report.turns.saturating_sub(before.turns);
    }
    for other in report.findings.iter_mut().flat_map(|finding| &mut finding.rows) {
        match (before, after) {
            (Some(_), None) if *other > row => *other -= 1,
            (None, Some(_)) if *other >= row => *other += 1,
            _ => {}
        }
    }
    if let Some(after) = after {
        for fault in &after.faults {
            note(&mut report.findings, row, fault);
        }
        report.health.fatal += u64::from(!after.faults.is_empty());
        report.rows_with_pictures += u64::from(after.has_pictures);
        report.health.rows += 1;
        report.turns += after.turns;
    }
    sort(&mut report.findings);
}

/// The most frequent first, then the one that comes first.
fn sort(findings: &mut [DoctorFinding]) {
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.count), finding.rows.first().copied()));
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
        for fault in &found {
            note(&mut findings, row as u64, fault);
        }
        if let Ok(record) = record {
            with_pictures += u64::from(!record.images.is_empty());
            turns += record.messages.len() as u64 / 2;
            pictures.extend(record.images);
        }
    }
    sort(&mut findings);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> RowState {
        RowState::of(&Record::parse(json), None, false)
    }

    fn report_of(rows: &[&RowState]) -> DoctorReport {
        let health = DatasetHealth { rows: 0, fatal: 0, warnings: 0, opened_pictures: false, checked: 0 };
        let mut report =
            DoctorReport { health, findings: Vec::new(), rows_with_pictures: 0, pictures: 0, turns: 0 };
        for (row, state) in (0..).zip(rows) {
            follow_change(&mut report, row, None, Some(state));
        }
        report
    }

    #[test]
    fn a_report_stays_true_when_rows_change_go_and_come_back() {
        let good = state(r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}"#);
        let mute = state(r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":" "}]}"#);
        let unmarked = state(
            r#"{"image":"a.png","conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}"#,
        );
        let rows_of = |report: &DoctorReport, problem| noted_rows(Some(report), problem);
        let same = |mut report: DoctorReport, mut other: DoctorReport| {
            // The example may be of a row that is not as it was.
            let findings = report.findings.iter_mut().chain(&mut other.findings);
            findings.for_each(|finding| finding.message.clear());
            assert_eq!(report, other);
        };
        let mut report = report_of(&[&good, &mute, &unmarked, &mute]);
        assert_eq!(rows_of(&report, RowFault::EmptyAnswer), [1, 3]);
        assert_eq!(rows_of(&report, RowFault::ImageMarks), [2], "a picture without its mark");
        assert_eq!((report.health.rows, report.health.fatal, report.rows_with_pictures), (4, 3, 1));

        follow_change(&mut report, 1, Some(&mute), Some(&good));
        same(report.clone(), report_of(&[&good, &good, &unmarked, &mute]));
        follow_change(&mut report, 2, Some(&unmarked), None);
        same(report.clone(), report_of(&[&good, &good, &mute]));
        follow_change(&mut report, 2, None, Some(&unmarked));
        same(report, report_of(&[&good, &good, &unmarked, &mute]));
    }
}
