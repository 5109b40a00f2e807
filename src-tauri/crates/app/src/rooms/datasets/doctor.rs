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

pub(super) fn kind(fault: &Fault) -> RowFault {
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
    /// One of each kind.
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
        let mut found: Vec<Fault> = Vec::new();
        for fault in faults(record, folder, open_pictures) {
            if found.iter().all(|other| kind(other) != kind(&fault)) {
                found.push(fault);
            }
        }
        Self {
            faults: found,
            has_pictures: record.as_ref().is_ok_and(|record| !record.images.is_empty()),
            turns: record.as_ref().map_or(0, |record| record.messages.len() as u64 / 2),
        }
    }
}

/// What happened to a row.
pub(super) enum RowChange {
    /// It says something else.
    Edited(RowState, RowState),
    /// It is not there any more; those behind it have moved up.
    Gone(RowState),
    /// It is there again, or new; those behind it have moved down.
    Come(RowState),
}

/// Keeps a report true when one row changes. Only the number of different pictures stays as it was counted.
pub(super) fn follow_change(report: &mut DoctorReport, row: u64, change: &RowChange) {
    let (before, after) = match change {
        RowChange::Edited(before, after) => (Some(before), Some(after)),
        RowChange::Gone(before) => (Some(before), None),
        RowChange::Come(after) => (None, Some(after)),
    };
    if let Some(before) = before {
        take_out(report, row, before);
    }
    for other in report.findings.iter_mut().flat_map(|finding| &mut finding.rows) {
        match change {
            RowChange::Gone(_) if *other > row => *other -= 1,
            RowChange::Come(_) if *other >= row => *other += 1,
            _ => {}
        }
    }
    if let Some(after) = after {
        put_in(report, row, after);
    }
    sort(&mut report.findings);
}

/// A report that every row has yet to be put into.
fn of_no_row(opened_pictures: bool, checked: u64) -> DoctorReport {
    let health = DatasetHealth { rows: 0, fatal: 0, warnings: 0, opened_pictures, checked };
    DoctorReport { health, findings: Vec::new(), rows_with_pictures: 0, pictures: 0, turns: 0 }
}

/// What was counted of a row is what the report says of it; the row itself is asked only beyond what is noted.
fn take_out(report: &mut DoctorReport, row: u64, before: &RowState) {
    let mut was_bad = false;
    for finding in &mut report.findings {
        let has = before.faults.iter().any(|fault| kind(fault) == finding.problem);
        let noted = finding.rows.contains(&row);
        if noted || (has && finding.count > finding.rows.len() as u64) {
            was_bad = true;
            finding.count -= finding.count.min(1);
            if finding.rows.first() == Some(&row) {
                finding.message.clear();
            }
            finding.rows.retain(|other| *other != row);
        }
    }
    report.findings.retain(|finding| finding.count > 0);
    report.health.fatal = report.health.fatal.saturating_sub(u64::from(was_bad));
    report.rows_with_pictures = report.rows_with_pictures.saturating_sub(u64::from(before.has_pictures));
    report.health.rows = report.health.rows.saturating_sub(1);
    report.turns = report.turns.saturating_sub(before.turns);
}

fn put_in(report: &mut DoctorReport, row: u64, state: &RowState) {
    for fault in &state.faults {
        note(&mut report.findings, row, fault);
    }
    report.health.fatal += u64::from(!state.faults.is_empty());
    report.rows_with_pictures += u64::from(state.has_pictures);
    report.health.rows += 1;
    report.turns += state.turns;
}

fn note(findings: &mut Vec<DoctorFinding>, row: u64, fault: &Fault) {
    let RowProblem { problem, severity, message } = row_problem(fault);
    let Some(finding) = findings.iter_mut().find(|finding| finding.problem == problem) else {
        findings.push(DoctorFinding { problem, severity, message, count: 1, rows: vec![row] });
        return;
    };
    finding.count += 1;
    if finding.rows.len() < NOTED {
        let place = finding.rows.partition_point(|other| *other < row);
        finding.rows.insert(place, row);
        if place == 0 {
            finding.message = message;
        }
    }
}

/// The most frequent first, then the one that comes first.
fn sort(findings: &mut [DoctorFinding]) {
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.count), finding.rows.first().copied()));
}

/// Every row of a data set, on this thread; stops when asked. Gives the hash of the file that was read, too.
pub(super) fn check(
    entry: &DatasetEntry,
    open_pictures: bool,
    job: &JobHandle,
) -> Reply<(DoctorReport, String)> {
    let index = index(entry)?;
    let folder =
        ImageFolder::open(Path::new(&entry.image_folder)).map_err(|error| body(&AppError::from(error)))?;
    let total = index.len() as u64;
    let mut report = of_no_row(open_pictures, now());
    let mut pictures = std::collections::HashSet::new();
    for row in 0..index.len() {
        if job.cancel.is_cancelled() {
            return Err(ErrorBody::new(ErrorCode::Cancelled, "the check was stopped"));
        }
        job.progress(row as u64, total, "rows");
        let record = index.record(row).map_err(|error| body(&AppError::from(error)))?;
        put_in(&mut report, row as u64, &RowState::of(&record, Some(&folder), open_pictures));
        if let Ok(record) = record {
            pictures.extend(record.images);
        }
    }
    sort(&mut report.findings);
    report.pictures = pictures.len() as u64;
    Ok((report, index.hash().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> RowState {
        RowState::of(&Record::parse(json), None, false)
    }

    fn good() -> RowState {
        state(r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}"#)
    }

    fn mute() -> RowState {
        state(r#"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":" "}]}"#)
    }

    fn unmarked() -> RowState {
        state(
            r#"{"image":"a.png","conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}"#,
        )
    }

    fn report_of(rows: impl IntoIterator<Item = RowState>) -> DoctorReport {
        let mut report = of_no_row(false, 0);
        for (row, state) in (0..).zip(rows) {
            put_in(&mut report, row, &state);
        }
        sort(&mut report.findings);
        report
    }

    /// Apart from examples, which may be of a row that is not as it was.
    fn same(mut report: DoctorReport, mut other: DoctorReport) {
        let findings = report.findings.iter_mut().chain(&mut other.findings);
        findings.for_each(|finding| finding.message.clear());
        assert_eq!(report, other);
    }

    fn rows_of(report: &DoctorReport, problem: RowFault) -> Vec<usize> {
        noted_rows(Some(report), problem)
    }

    #[test]
    fn a_report_stays_true_when_rows_change_go_and_come_back() {
        let mut report = report_of([good(), mute(), unmarked(), mute()]);
        assert_eq!(rows_of(&report, RowFault::EmptyAnswer), [1, 3]);
        assert_eq!(rows_of(&report, RowFault::ImageMarks), [2], "a picture without its mark");
        assert_eq!((report.health.rows, report.health.fatal, report.rows_with_pictures), (4, 3, 1));

        follow_change(&mut report, 1, &RowChange::Edited(mute(), good()));
        same(report.clone(), report_of([good(), good(), unmarked(), mute()]));
        assert_eq!(report.findings[1].message, "", "the example was row 1");
        follow_change(&mut report, 2, &RowChange::Gone(unmarked()));
        same(report.clone(), report_of([good(), good(), mute()]));
        follow_change(&mut report, 2, &RowChange::Come(unmarked()));
        same(report.clone(), report_of([good(), good(), unmarked(), mute()]));
        // A row whose picture was put there meanwhile: what was counted of it is taken back all the same.
        follow_change(&mut report, 2, &RowChange::Edited(good(), good()));
        assert_eq!((rows_of(&report, RowFault::ImageMarks), report.health.fatal), (vec![], 1));
        // A row that keeps its fault is an example again.
        follow_change(&mut report, 3, &RowChange::Edited(mute(), mute()));
        assert_eq!(report.findings[0].message, "answer 1 is empty");
    }

    #[test]
    fn rows_are_counted_and_not_faults_also_beyond_those_that_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = ImageFolder::open(folder.path()).unwrap();
        let two_gone = || {
            let said = r#"[{"from":"human","value":"<image><image>a"},{"from":"gpt","value":"b"}]"#;
            let json = format!(r#"{{"image":["a.png","b.png"],"conversations":{said}}}"#);
            RowState::of(&Record::parse(&json), Some(&folder), false)
        };
        let mut report = report_of((0..150).map(|_| two_gone()));
        let count = |report: &DoctorReport| report.findings.first().map_or(0, |finding| finding.count);
        assert_eq!((count(&report), report.health.fatal), (150, 150));
        for row in (0..150).rev() {
            follow_change(&mut report, row, &RowChange::Edited(two_gone(), good()));
        }
        assert_eq!((count(&report), report.health.fatal), (0, 0));
    }
}
