//! What a run's folder says: its row, its page, its numbers, its answers, its log.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use eyewright_protocol::{
    CheckpointCard, CheckpointRef, LogText, MetricRow, MetricsPage, Nothing, ReadLog, ReadMetrics, RunDetail,
    RunId, RunRef, RunState, RunSummary, SampleGrid, SampleRow, WrittenText,
};
use eyewright_train::plan::{Recipe, RunPlan};
use eyewright_train::run::{Metrics, RunEvent, Sample};

use super::findings::explain;
use super::folder::RunNote;
use super::live::{blank_row, metric_row};
use crate::library::{folder_bytes, names_in, read_json};
use crate::rooms::plans::{plan_rows, stage_word};
use crate::studio::{Inner, Reply, io_fault, lock};

/// The end of a file, from the first whole line on; empty if there is no file.
pub(super) fn last_lines(file: &Path, bytes: u64) -> String {
    tail(file, bytes).map(|(text, _)| text).unwrap_or_default()
}

fn tail(file: &Path, bytes: u64) -> std::io::Result<(String, bool)> {
    let mut opened = File::open(file)?;
    let length = opened.metadata()?.len();
    let from = length.saturating_sub(bytes);
    opened.seek(SeekFrom::Start(from))?;
    let mut content = Vec::new();
    opened.take(bytes).read_to_end(&mut content)?;
    let text = String::from_utf8_lossy(&content);
    let whole = if from == 0 { &text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    Ok((whole.to_owned(), from > 0))
}

/// Steps of complete checkpoints, ascending.
pub(super) fn checkpoints(folder: &Path) -> Vec<u64> {
    let inside = folder.join("checkpoints");
    let whole =
        names_in(&inside).into_iter().filter(|name| inside.join(name).join("MANIFEST.json").is_file());
    let mut steps: Vec<u64> = whole.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).collect();
    steps.sort_unstable();
    steps
}

/// Validation losses by step, and the best step.
fn validations(folder: &Path) -> (BTreeMap<u64, f64>, Option<u64>) {
    let text = last_lines(&folder.join("events.jsonl"), 32 << 20);
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("\"validated\"")) {
        if let Ok(RunEvent::Validated { step, loss, .. }) = serde_json::from_str(line) {
            found.insert(step, loss);
        }
    }
    let best = found.iter().min_by(|one, other| one.1.total_cmp(other.1)).map(|(step, _)| *step);
    (found, best)
}

impl Inner {
    pub(crate) fn list_runs(&self, _: Nothing) -> Reply<Vec<RunSummary>> {
        let library = self.library()?;
        let ids = names_in(&library.runs()).into_iter().filter_map(|name| RunId::try_from(name).ok());
        let mut runs: Vec<RunSummary> = ids
            .filter(|run| {
                self.run_folder(run).and_then(|folder| RunNote::read(&folder)).is_ok_and(|note| !note.hidden)
            })
            .filter_map(|run| self.summary_of(&run).ok())
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.created));
        Ok(runs)
    }

    pub(super) fn summary_of(&self, run: &RunId) -> Reply<RunSummary> {
        let folder = self.run_folder(run)?;
        let note = RunNote::read(&folder)?;
        let plan = RunPlan::read(&folder.join("plan.toml")).ok();
        let last = last_lines(&folder.join("metrics.jsonl"), 16 << 10);
        let last: Option<Metrics> = last.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        let mut summary = RunSummary {
            id: run.clone(),
            name: note.name,
            folder: folder.display().to_string(),
            state: note.state,
            stage: plan.as_ref().map(|plan| stage_word(plan.stage)),
            recipe: plan.as_ref().map(|plan| plan.recipe().to_owned()).unwrap_or_default(),
            preset: plan.as_ref().map(|plan| plan.preset().to_owned()).unwrap_or_default(),
            data: plan.as_ref().map(|plan| plan.data.json.display().to_string()).unwrap_or_default(),
            step: last.as_ref().map_or(0, |metrics| metrics.step),
            steps: last.as_ref().map(|metrics| metrics.steps),
            loss: last.and_then(|metrics| metrics.loss),
            saved: !checkpoints(&folder).is_empty(),
            created: note.created,
            ended: note.ended,
            place: None,
            error: note.error,
        };
        let table = lock(&self.runs.table);
        summary.place =
            table.queue.iter().position(|waiting| waiting.run == *run).and_then(|at| u32::try_from(at).ok());
        match table.current.as_ref().filter(|current| current.run == *run) {
            Some(current) => {
                summary.state = current.state;
                if current.step > 0 {
                    summary.step = current.step;
                    summary.loss = current.loss;
                }
                summary.steps = current.steps.or(summary.steps);
            }
            // A note can only say so of the run that is going on here.
            None if matches!(summary.state, RunState::Preparing | RunState::Running | RunState::Stopping) => {
                summary.state = RunState::Interrupted;
            }
            None => {}
        }
        Ok(summary)
    }

    pub(crate) fn get_run(&self, request: RunRef) -> Reply<RunDetail> {
        let folder = self.run_folder(&request.run)?;
        let plan = RunPlan::read(&folder.join("plan.toml"));
        let plan = plan.map_err(|error| crate::rooms::bad_request(error.to_string()))?;
        let users = self.library()?.folder().join("recipes");
        let recipe = Recipe::find(plan.recipe(), Some(&users)).ok();
        let (_, best) = validations(&folder);
        let cards = checkpoints(&folder).into_iter().map(|step| CheckpointCard {
            checkpoint: CheckpointRef { run: request.run.clone(), step: Some(step) },
            step,
            bytes: folder_bytes(&folder.join("checkpoints").join(format!("step-{step:06}"))),
            best: best == Some(step),
            complete: true,
        });
        let metrics =
            self.read_metrics(ReadMetrics { run: request.run.clone(), offset: 0, limit: Some(20_000) })?;
        let table = lock(&self.runs.table);
        let current = table.current.as_ref().filter(|current| current.run == request.run);
        let progress = current.and_then(|current| current.progress.clone());
        drop(table);
        Ok(RunDetail {
            summary: self.summary_of(&request.run)?,
            plan: plan_rows(&plan, &BTreeMap::new(), recipe.as_ref()),
            command: plan.to_command(),
            checkpoints: cards.collect(),
            findings: explain(&metrics.rows),
            progress,
            began_from: RunNote::read(&folder)?.began_from,
        })
    }

    pub(crate) fn read_metrics(&self, request: ReadMetrics) -> Reply<MetricsPage> {
        let folder = self.run_folder(&request.run)?;
        let limit = request.limit.unwrap_or(5_000).min(20_000) as usize;
        let file = folder.join("metrics.jsonl");
        let mut page = MetricsPage { rows: Vec::new(), next: request.offset, more: false };
        let (losses, _) = validations(&folder);
        // Measured before the first step, which has numbers of its own only afterwards.
        if let (0, Some(loss)) = (request.offset, losses.get(&0)) {
            page.rows.push(MetricRow { validation_loss: Some(*loss), ..blank_row(0) });
        }
        let Ok(mut opened) = File::open(&file) else { return Ok(page) };
        let fault = |error| io_fault("read", &file, &error);
        let length = opened.metadata().map_err(fault)?.len();
        if request.offset > length {
            page.next = 0; // the run was begun again
            page.more = length > 0;
            return Ok(page);
        }
        opened.seek(SeekFrom::Start(request.offset)).map_err(fault)?;
        let mut content = Vec::new();
        opened.take(64 << 20).read_to_end(&mut content).map_err(fault)?;
        for (read, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if read >= limit {
                page.more = true;
                break;
            }
            // A line that is being written is read next time.
            if !line.ends_with(b"\n") {
                break;
            }
            page.next += line.len() as u64;
            if let Ok(metrics) = serde_json::from_slice::<Metrics>(line) {
                let row = metric_row(&metrics);
                page.rows.push(MetricRow { validation_loss: losses.get(&row.step).copied(), ..row });
            }
        }
        Ok(page)
    }

    pub(crate) fn export_metrics(&self, request: RunRef) -> Reply<WrittenText> {
        let mut text = "step,loss,validation_loss,lr,grad_norm,tokens_per_second,memory\n".to_owned();
        let mut offset = 0;
        loop {
            let page =
                self.read_metrics(ReadMetrics { run: request.run.clone(), offset, limit: Some(20_000) })?;
            let cell = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            for row in &page.rows {
                let memory = row.memory.map(|bytes| bytes.to_string()).unwrap_or_default();
                let cells =
                    [row.loss, row.validation_loss, row.lr, row.grad_norm, row.tokens_per_second].map(cell);
                let _ = writeln!(text, "{},{},{memory}", row.step, cells.join(","));
            }
            offset = page.next;
            if !page.more {
                break;
            }
        }
        Ok(WrittenText { name: format!("{}.csv", request.run), text })
    }

    pub(crate) fn list_samples(&self, request: RunRef) -> Reply<SampleGrid> {
        let folder = self.run_folder(&request.run)?.join("samples");
        let steps =
            names_in(&folder).into_iter().filter_map(|name| name.strip_prefix("step-")?.parse::<u64>().ok());
        let mut steps: Vec<u64> = steps.collect();
        steps.sort_unstable();
        let mut rows: Vec<SampleRow> = Vec::new();
        for (column, step) in steps.iter().enumerate() {
            for row in self.sample_rows(&request.run, *step)? {
                let answer = row.answers.into_iter().next().flatten();
                let same =
                    |known: &&mut SampleRow| known.prompt == row.prompt && known.picture == row.picture;
                match rows.iter_mut().find(same) {
                    Some(known) => known.answers[column] = answer,
                    None => {
                        let mut answers = vec![None; steps.len()];
                        answers[column] = answer;
                        rows.push(SampleRow { picture: row.picture, prompt: row.prompt, answers });
                    }
                }
            }
        }
        Ok(SampleGrid { steps, rows })
    }

    /// The answers of one step, one cell each.
    pub(super) fn sample_rows(&self, run: &RunId, step: u64) -> Reply<Vec<SampleRow>> {
        let folder = self.run_folder(run)?.join("samples").join(format!("step-{step:06}"));
        let samples =
            (0..10_000).map(|index| folder.join(format!("{index}.json"))).take_while(|file| file.is_file());
        samples
            .map(|file| {
                let sample: Sample = read_json(&file)?;
                let picture = sample.image.map(|path| {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    self.pictures.unopened(&path, &name)
                });
                Ok(SampleRow { picture, prompt: sample.prompt, answers: vec![Some(sample.answer)] })
            })
            .collect()
    }

    pub(crate) fn read_log(&self, request: ReadLog) -> Reply<LogText> {
        let file = self.run_folder(&request.run)?.join("log.txt");
        let (text, cut) = tail(&file, u64::from(request.bytes.min(1 << 20))).unwrap_or_default();
        Ok(LogText { text, file: file.display().to_string(), cut })
    }
}
