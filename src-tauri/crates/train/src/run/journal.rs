//! What a run writes down as it goes: numbers, events and a log.
//!
//! Lines are appended and flushed, not synced: after a power cut the last lines may be missing or torn, and a
//! resumed run cuts them off. Lines of steps after the checkpoint it resumes from are cut off too, because those
//! steps are taken again.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Metrics, RunError, RunEvent, WarningKind, tensorboard::TensorBoard};
use crate::checkpoint::{LocalDisk, replace_file};

/// The open files of a run.
#[derive(Debug)]
pub(super) struct Journal {
    metrics: Lines,
    events: Lines,
    log: Lines,
    tensorboard: TensorBoard,
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    fn open(path: PathBuf) -> Result<Self, RunError> {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(RunError::disk("open", &path))?;
        Ok(Self { path, file })
    }

    fn add(&mut self, line: &str) -> Result<(), RunError> {
        // One write per line, so that a reader never sees half of one.
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes()).map_err(RunError::disk("write", &self.path))
    }
}

/// Steps between two lines of the log.
const LOGGED_STEPS: u64 = 10;

impl Journal {
    /// Opens the files of a run that goes on after `step`.
    pub(super) fn open(folder: &Path, step: u64) -> Result<Self, RunError> {
        let metrics = folder.join("metrics.jsonl");
        keep_lines(&metrics, |line| {
            serde_json::from_str::<Metrics>(line).is_ok_and(|metrics| metrics.step <= step)
        })?;
        let events = folder.join("events.jsonl");
        keep_lines(&events, |line| serde_json::from_str::<serde_json::Value>(line).is_ok())?;
        Ok(Self {
            metrics: Lines::open(metrics)?,
            events: Lines::open(events)?,
            log: Lines::open(folder.join("log.txt"))?,
            tensorboard: TensorBoard::create(&folder.join("tensorboard"), step)?,
        })
    }

    /// Writes down an event.
    pub(super) fn note(&mut self, event: &RunEvent) -> Result<(), RunError> {
        let json = |value: serde_json::Result<String>, path: &Path| {
            value.map_err(std::io::Error::from).map_err(RunError::disk("write", path))
        };
        match event {
            RunEvent::PhaseProgress { .. } => return Ok(()),
            RunEvent::StepFinished(metrics) => {
                let line = json(serde_json::to_string(metrics), &self.metrics.path)?;
                self.metrics.add(&line)?;
                self.tensorboard.step(metrics)?;
                let logged = metrics.step.is_multiple_of(LOGGED_STEPS)
                    || metrics.step == 1
                    || metrics.step == metrics.steps;
                if !logged {
                    return Ok(());
                }
            }
            event => {
                if let RunEvent::Validated { step, loss, .. } = event {
                    self.tensorboard.scalars(*step, &[("validation/loss", *loss)])?;
                }
                self.events.add(&event_line(event))?;
            }
        }
        self.log.add(&format!("{} {}", utc_now(), in_words(event)))
    }
}

/// Writes down what ended a run whose journal may be gone, or full of half a line.
///
/// Nothing is done about a disk that refuses: the error that ended the run is the one to be told.
pub(super) fn note_failure(folder: &Path, event: &RunEvent) {
    let lines =
        [("events.jsonl", event_line(event)), ("log.txt", format!("{} {}", utc_now(), in_words(event)))];
    for (name, line) in lines {
        let path = folder.join(name);
        let Ok(mut lines) = Lines::open(path.clone()) else { continue };
        // A line of its own, so that half a line before it does not take it along.
        let break_before = if last_byte(&path).is_ok_and(|byte| byte != b'\n') { "\n" } else { "" };
        let _ = lines.add(&format!("{break_before}{line}"));
    }
}

/// The last byte of a file; an error if it has none.
fn last_byte(path: &Path) -> std::io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// An event as a line of `events.jsonl`.
fn event_line(event: &RunEvent) -> String {
    let mut value = serde_json::json!({ "time": utc_now() });
    if let (Some(line), Ok(serde_json::Value::Object(fields))) =
        (value.as_object_mut(), serde_json::to_value(event))
    {
        line.extend(fields);
    }
    value.to_string()
}

/// An event as a line of the log.
fn in_words(event: &RunEvent) -> String {
    match event {
        RunEvent::PhaseStarted { phase, .. } => phase.words().to_owned(),
        RunEvent::PhaseProgress { phase, done, total } => format!("{} {done}/{total}", phase.words()),
        RunEvent::StepFinished(m) => {
            let number = |value: Option<f64>| value.map_or("nan".to_owned(), |value| format!("{value:.4}"));
            format!(
                "step {}/{} loss {} grad norm {} {:.0} tokens/s {:.0} ms",
                m.step,
                m.steps,
                number(m.loss),
                number(m.grad_norm),
                m.tokens_per_second,
                m.ms
            )
        }
        RunEvent::CheckpointSaved { step, folder, .. } => {
            format!("step {step}: checkpoint in {}", folder.display())
        }
        RunEvent::SampleWritten { step, samples, .. } => {
            let answer = |sample: &super::Sample| format!("\n    {} -> {}", sample.prompt, sample.answer);
            format!("step {step}: answers{}", samples.iter().map(answer).collect::<String>())
        }
        RunEvent::Validated { step, loss, best, .. } => {
            format!(
                "step {step}: validation loss {loss:.4}{}",
                if *best { ", the lowest so far" } else { "" }
            )
        }
        RunEvent::Warning { kind, message } => match kind {
            WarningKind::SkippedStep => format!("skipped: {message}"),
            _ => format!("warning: {message}"),
        },
        RunEvent::Ended(summary) => {
            format!("ended ({:?}) after {} of {} steps", summary.outcome, summary.step, summary.steps)
        }
        RunEvent::Failed { message } => format!("failed: {message}"),
    }
}

/// Rewrites a file without the lines that are not kept; a torn last line is never kept.
fn keep_lines(path: &Path, keep: impl Fn(&str) -> bool) -> Result<(), RunError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(RunError::disk("read", path))?,
    };
    let before = file.metadata().map_err(RunError::disk("read", path))?.len();
    let mut kept = String::new();
    for line in BufReader::new(file).lines() {
        // Half a letter at the end of a torn line is no reason to lose the others.
        let Ok(line) = line else { break };
        if keep(&line) {
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    if kept.len() as u64 == before { Ok(()) } else { Ok(replace_file(&LocalDisk, path, kept.as_bytes())?) }
}

/// The time as `2026-11-25T02:03:04Z`.
pub(super) fn utc_now() -> String {
    utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Days to a date by Howard Hinnant's `civil_from_days`.
fn utc(seconds: u64) -> String {
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Memory that this process holds at the moment, in bytes; 0 where the system does not say.
pub(super) fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_right() {
        // Checked with `date -u -d @N`.
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(utc(seconds), expected);
        }
    }

    #[test]
    fn a_failure_is_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("events.jsonl"), "{\"event\": \"x\"}\n{\"eve").unwrap();
        note_failure(folder.path(), &RunEvent::Failed { message: "why".to_owned() });
        let text = fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["message"]), (&"failed".into(), &"why".into()));
        assert_eq!(text.lines().count(), 3);
        assert!(fs::read_to_string(folder.path().join("log.txt")).unwrap().ends_with(" failed: why\n"));
    }

    #[test]
    fn torn_and_future_lines_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.jsonl");
        fs::write(&file, "{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n{\"st").unwrap();
        let step = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?.get("step")?.as_u64();
        keep_lines(&file, |line| step(line).is_some_and(|step| step <= 2)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\"step\": 1}\n{\"step\": 2}\n");
    }
}
