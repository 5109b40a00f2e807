//! The run that computes: what it says, passed on at a pace that an interface can follow.

use std::time::{Duration, Instant};

use eyewright_protocol::{
    ErrorBody, ErrorCode, Event, JobOutcome, ListName, MetricRow, RunId, RunProgress, RunState, Severity,
    TrainEvent,
};
use eyewright_train::run::{Metrics, Outcome, Phase, RunEvent};

use super::findings::explain;
use super::folder::RunNote;
use super::load::{Load, LoadWatch};
use crate::studio::{Inner, lock, now};
use crate::worker::TaskEvent;

/// Measurements are told at most this often.
const PACE: Duration = Duration::from_millis(100);

/// What is held back for a moment.
pub(super) struct Flow {
    load: LoadWatch,
    rows: Vec<MetricRow>,
    told: Option<Instant>,
    findings: Vec<String>,
    seen: Vec<MetricRow>,
    finished: bool,
}

impl Flow {
    /// Of a run that begins now, on an NVIDIA card if one is given.
    pub(super) fn begin(card: Option<usize>) -> Self {
        Self {
            load: LoadWatch::start(card),
            rows: Vec::new(),
            told: None,
            findings: Vec::new(),
            seen: Vec::new(),
            finished: false,
        }
    }
}

/// A step's numbers for charts.
pub(super) fn metric_row(metrics: &Metrics) -> MetricRow {
    let rates = [metrics.lr.projector, metrics.lr.llm, metrics.lr.tower];
    MetricRow {
        step: metrics.step,
        seconds: None,
        loss: metrics.loss,
        validation_loss: None,
        lr: rates.into_iter().find(|rate| *rate > 0.0).or(Some(0.0)),
        grad_norm: metrics.grad_norm,
        tokens_per_second: Some(metrics.tokens_per_second),
        memory: Some(metrics.memory),
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Index | Phase::Survey => "checking",
        Phase::Load | Phase::Resume => "loading",
        Phase::Train => "training",
        Phase::Validate => "validating",
        Phase::Sample => "sampling",
        Phase::Save => "saving",
    }
}

impl Inner {
    /// One event of the run that computes.
    pub(super) fn run_said(&self, run: &RunId, event: TaskEvent, flow: &mut Flow) {
        match event {
            TaskEvent::Run(value) => match serde_json::from_value::<RunEvent>(value) {
                Ok(event) => self.run_event(run, event, flow),
                Err(error) => self
                    .tell_run(run, TrainEvent::Log { line: format!("an event was not understood: {error}") }),
            },
            TaskEvent::Done => {
                self.flush(run, flow, true);
                let state = if flow.finished { RunState::Finished } else { RunState::Stopped };
                self.run_over(run, state, None);
            }
            TaskEvent::Failed(error) => {
                self.flush(run, flow, true);
                let state = match error.code {
                    ErrorCode::WorkerStopped | ErrorCode::OutOfMemory => RunState::Interrupted,
                    ErrorCode::Cancelled => RunState::Stopped,
                    _ => RunState::Failed,
                };
                self.run_over(run, state, Some(error));
            }
            _ => {}
        }
    }

    fn run_event(&self, run: &RunId, event: RunEvent, flow: &mut Flow) {
        match event {
            RunEvent::PhaseStarted { phase, total } => {
                self.phase(run, phase, None, total);
                if phase == Phase::Train {
                    self.set_state(run, RunState::Running);
                }
            }
            RunEvent::PhaseProgress { phase, done, total } => self.phase(run, phase, Some(done), Some(total)),
            RunEvent::StepFinished(metrics) => {
                flow.rows.push(metric_row(&metrics));
                self.step(run, &metrics, flow.load.last());
                self.flush(run, flow, false);
            }
            RunEvent::CheckpointSaved { step, .. } => {
                self.tell_run(run, TrainEvent::CheckpointSaved { step });
                self.tell_run(run, TrainEvent::Log { line: format!("step {step}: a checkpoint is saved") });
            }
            RunEvent::SampleWritten { step, .. } => {
                let rows = self.sample_rows(run, step).unwrap_or_default();
                self.tell_run(run, TrainEvent::Sampled { step, rows });
            }
            RunEvent::Validated { step, loss, .. } => {
                let row = MetricRow { validation_loss: Some(loss), ..blank_row(step) };
                flow.rows.push(row);
                self.flush(run, flow, true);
            }
            RunEvent::Warning { message, .. } => self.tell_run(run, TrainEvent::Log { line: message }),
            RunEvent::Ended(summary) => {
                flow.finished = matches!(summary.outcome, Outcome::Finished | Outcome::StoppedEarly);
                self.flush(run, flow, true);
            }
            // The task fails with the same error, and with its code.
            RunEvent::Failed { .. } => {}
        }
    }

    fn phase(&self, run: &RunId, phase: Phase, done: Option<u64>, total: Option<u64>) {
        let progress = {
            let mut table = lock(&self.runs.table);
            let Some(current) = table.current.as_mut().filter(|current| current.run == *run) else { return };
            let word = phase_word(phase);
            let new_phase = current.progress.as_ref().is_none_or(|progress| progress.phase != word);
            let is_training = phase == Phase::Train;
            if is_training {
                current.steps = total.or(current.steps);
            }
            let progress = RunProgress {
                phase: word.to_owned(),
                step: if is_training { current.step } else { done.unwrap_or(current.step) },
                steps: if is_training { current.steps.unwrap_or(0) } else { total.unwrap_or(0) },
                elapsed: current.started.elapsed().as_secs_f64(),
                remaining: None,
                tokens_per_second: None,
                cpu_load: None,
                device_load: None,
                device_memory: None,
                process_memory: None,
            };
            if !is_training {
                current.job.progress(done.unwrap_or(0), total.unwrap_or(0), word);
            }
            current.progress = Some(progress.clone());
            if !new_phase && done != total {
                return; // the job's own progress is told at its pace
            }
            progress
        };
        self.tell_run(run, TrainEvent::Progress { progress });
    }

    fn step(&self, run: &RunId, metrics: &Metrics, load: Load) {
        let mut table = lock(&self.runs.table);
        let Some(current) = table.current.as_mut().filter(|current| current.run == *run) else { return };
        (current.step, current.steps, current.loss) = (metrics.step, Some(metrics.steps), metrics.loss);
        current.progress = Some(RunProgress {
            phase: "training".to_owned(),
            step: metrics.step,
            steps: metrics.steps,
            elapsed: current.started.elapsed().as_secs_f64(),
            remaining: Some(metrics.eta_seconds),
            tokens_per_second: Some(metrics.tokens_per_second),
            cpu_load: load.cpu,
            device_load: load.card.and_then(|card| card.load),
            device_memory: load.card.map(|card| card.memory),
            process_memory: Some(metrics.memory),
        });
        current.job.progress(metrics.step, metrics.steps, "steps");
    }

    /// Tells what was held back, if it is time.
    fn flush(&self, run: &RunId, flow: &mut Flow, now: bool) {
        let due = flow.told.is_none_or(|told| told.elapsed() >= PACE);
        if flow.rows.is_empty() || !(due || now) {
            return;
        }
        flow.told = Some(Instant::now());
        let rows = std::mem::take(&mut flow.rows);
        flow.seen.extend(rows.iter().cloned());
        self.tell_run(run, TrainEvent::Metrics { rows });
        let progress = lock(&self.runs.table).current.as_ref().and_then(|current| current.progress.clone());
        if let Some(progress) = progress {
            self.tell_run(run, TrainEvent::Progress { progress });
        }
        for finding in explain(&flow.seen) {
            if finding.severity != Severity::Note && !flow.findings.contains(&finding.finding) {
                flow.findings.push(finding.finding.clone());
                self.tell_run(run, TrainEvent::Finding { finding });
            }
        }
    }

    fn set_state(&self, run: &RunId, state: RunState) {
        {
            let mut table = lock(&self.runs.table);
            let Some(current) = table.current.as_mut().filter(|current| current.run == *run) else { return };
            if current.state == RunState::Stopping {
                return;
            }
            current.state = state;
        }
        self.change_note(run, |note| note.state = state);
        self.tell_summary(run);
    }

    fn change_note(&self, run: &RunId, change: impl FnOnce(&mut RunNote)) {
        let Ok(folder) = self.run_folder(run) else { return };
        if let Ok(mut note) = RunNote::read(&folder) {
            change(&mut note);
            let _ = note.write(&folder);
        }
    }

    /// The run has ended in some way: its row says how, and the next one begins.
    fn run_over(&self, run: &RunId, state: RunState, error: Option<ErrorBody>) {
        let current = lock(&self.runs.table).current.take_if(|current| current.run == *run);
        self.change_note(run, |note| {
            (note.state, note.ended, note.error) = (state, Some(now()), error.clone());
        });
        let saved_step =
            self.run_folder(run).ok().and_then(|folder| super::read::checkpoints(&folder).last().copied());
        let event = match (state, error.clone()) {
            (RunState::Finished, _) => TrainEvent::Finished,
            (RunState::Stopped, _) => TrainEvent::Stopped { saved_step },
            (_, Some(error)) => TrainEvent::Failed { error, resumable: saved_step.is_some() },
            _ => TrainEvent::Stopped { saved_step },
        };
        self.tell_run(run, event);
        if let Some(current) = current {
            current.job.end(match (state, error) {
                (RunState::Finished, _) => Ok(JobOutcome::Done),
                (_, Some(error)) => Err(error),
                _ => Err(ErrorBody::new(ErrorCode::Cancelled, "it was stopped")),
            });
        }
        self.tell_summary(run);
        self.changed(ListName::Runs);
        // Not on the thread that hears the worker: starting may need it.
        if let Some(here) = self.myself() {
            let _ = std::thread::Builder::new().name("queue".into()).spawn(move || here.pump());
        }
    }

    pub(super) fn run_failed(&self, run: &RunId, error: ErrorBody, state: RunState) {
        self.change_note(run, |note| {
            (note.state, note.ended, note.error) = (state, Some(now()), Some(error.clone()));
        });
        self.tell_run(run, TrainEvent::Failed { error, resumable: false });
        self.tell_summary(run);
        self.changed(ListName::Runs);
    }

    pub(super) fn tell_summary(&self, run: &RunId) {
        if let Ok(summary) = self.summary_of(run) {
            self.tell_run(run, TrainEvent::Summary { summary });
        }
    }

    fn tell_run(&self, run: &RunId, event: TrainEvent) {
        self.events.tell(Event::Train { run: run.clone(), event });
    }
}

pub(super) fn blank_row(step: u64) -> MetricRow {
    MetricRow {
        step,
        seconds: None,
        loss: None,
        validation_loss: None,
        lr: None,
        grad_norm: None,
        tokens_per_second: None,
        memory: None,
    }
}
