//! How does a run look in a terminal: a bar that moves, or plain lines in a pipe?

use std::{
    collections::HashSet,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use eyewright_app::training::{Metrics, Phase, RunEvent, RunPlan};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows events as they come.
pub(crate) struct RunView {
    json: bool,
    bar: ProgressBar,
    phase: Option<Phase>,
    named: HashSet<Phase>,
    said: Instant,
    warnings: usize,
}

/// Between two lines about steps in a pipe.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Warnings of the same run that are shown; all are in its log.
const SHOWN_WARNINGS: usize = 10;

impl RunView {
    pub(crate) fn new(json: bool, plan: &RunPlan) -> Self {
        let terminal = io::stderr().is_terminal() && !json;
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if !json {
            let rows = plan.train.batch * plan.train.accumulation;
            let _ = writeln!(io::stderr(), "recipe {}, {rows} rows a step", plan.recipe());
        }
        Self { json, bar, phase: None, named: HashSet::new(), said: Instant::now() - LINE_EVERY, warnings: 0 }
    }

    pub(crate) fn show(&mut self, event: &RunEvent) {
        if self.json {
            if !matches!(event, RunEvent::PhaseProgress { .. })
                && let Ok(line) = serde_json::to_string(event)
            {
                said(&line);
            }
            return;
        }
        match event {
            RunEvent::PhaseStarted { phase, total } => self.start(*phase, *total),
            RunEvent::PhaseProgress { done, total, .. } => {
                self.bar.set_length(*total);
                self.bar.set_position(*done);
            }
            RunEvent::StepFinished(metrics) => self.step(metrics),
            RunEvent::CheckpointSaved { step, folder, bytes, .. } => {
                let mib = *bytes as f64 / f64::from(1 << 20);
                self.line(&format!("step {step}: saved {} ({mib:.1} MiB)", folder.display()));
            }
            RunEvent::SampleWritten { step, samples, .. } => {
                for sample in samples {
                    let (prompt, answer) = (sample.prompt.trim(), sample.answer.trim());
                    self.line(&format!("step {step}: {prompt}\n    → {answer}"));
                }
            }
            RunEvent::Validated { step, loss, best, .. } => {
                let best = if *best { ", the lowest so far" } else { "" };
                self.line(&format!("step {step}: validation loss {loss:.4}{best}"));
            }
            RunEvent::Warning { message, .. } => {
                self.warnings += 1;
                if self.warnings <= SHOWN_WARNINGS {
                    self.line(&format!("warning: {message}"));
                } else if self.warnings == SHOWN_WARNINGS + 1 {
                    self.line("more warnings are in log.txt");
                }
            }
            // The program itself says what went wrong.
            RunEvent::Ended(_) | RunEvent::Failed { .. } => {}
        }
    }

    fn start(&mut self, phase: Phase, total: Option<u64>) {
        self.phase = Some(phase);
        self.bar.set_length(total.unwrap_or(0));
        self.bar.set_position(0);
        let style = match (phase, total) {
            (Phase::Index | Phase::Load, _) => "{prefix:22} {bar:30} {bytes} of {total_bytes}",
            (Phase::Train, _) => "{prefix:22} {bar:30} {percent:>3}% {msg}",
            (_, Some(_)) => "{prefix:22} {bar:30} {pos} of {len}",
            (_, None) => "{prefix:22}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style);
        }
        self.bar.set_prefix(phase.words());
        // In a pipe one line for each kind of work is enough; some tell their result anyway.
        let tells = matches!(phase, Phase::Save | Phase::Sample | Phase::Validate);
        if self.bar.is_hidden() && !tells && self.named.insert(phase) {
            let _ = writeln!(io::stderr(), "{}", phase.words());
        }
    }

    fn step(&mut self, metrics: &Metrics) {
        if self.phase != Some(Phase::Train) {
            self.start(Phase::Train, Some(metrics.steps));
        }
        let loss = metrics.loss.map_or("no number".to_owned(), |loss| format!("{loss:.4}"));
        let eta = in_words(metrics.eta_seconds);
        let speed = metrics.tokens_per_second;
        self.bar.set_length(metrics.steps);
        self.bar.set_position(metrics.step);
        self.bar.set_message(format!(
            "step {}/{} loss {loss} {speed:.0} tokens/s, {eta} left",
            metrics.step, metrics.steps
        ));
        let last = metrics.step == metrics.steps;
        if self.bar.is_hidden() && (last || metrics.step == 1 || self.said.elapsed() >= LINE_EVERY) {
            self.said = Instant::now();
            let percent = 100 * metrics.step / metrics.steps.max(1);
            said(&format!(
                "step {}/{} {percent}% loss {loss} {speed:.0} tokens/s {:.0} ms, {eta} left",
                metrics.step, metrics.steps, metrics.ms
            ));
        }
    }

    fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            said(text);
        } else {
            self.bar.println(text);
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A reader that has gone is no reason to stop training: everything is in the run's folder too.
fn said(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Seconds as people say them.
pub(crate) fn in_words(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}
