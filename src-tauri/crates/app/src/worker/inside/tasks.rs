//! What is done for each task?

use std::sync::mpsc;
use std::time::{Duration, Instant};

use eyewright_interop::InteropError;
use eyewright_ops::{DeviceChoice, DeviceError};
use eyewright_protocol::{ErrorBody, ErrorCode, ExportCheck, ExportReport, ExportedFile, RunEstimate};
use eyewright_train::plan::RunPlan;
use eyewright_train::run::{Phase, RunControl, RunEvent, RunSummary, Start};

use super::{Buttons, Order, Voice, chat};
use crate::AppError;
use crate::export::{Alphas, Check, ExportRequest, ExportSettings, export};
use crate::studio::{Reply, body};
use crate::training::{PeakMemory, TrainRequest, note_others, train};
use crate::worker::messages::{ExportTask, RunButton, Task, TaskEvent, TrainTask, form};

/// Steps of a dry run; the first ones also pay for compiling and warming up.
const DRY_STEPS: u64 = 3;

/// Does one task, and for a model those that follow on it. Gives back an order it could not serve.
pub(super) fn perform(order: Order, todo: &mpsc::Receiver<Order>, voice: &Voice) -> Option<Order> {
    let id = order.id;
    if let Some(Ok(device)) = order.task.device().map(str::parse) {
        note_others(device);
    }
    let done = match &order.task {
        Task::Load(_) | Task::Answer(_) => return chat::serve(order, todo, voice),
        // Whatever was loaded was let go of before this was reached.
        Task::Unload => Ok(TaskEvent::Done),
        Task::Abort => std::process::abort(),
        Task::Train(task) => {
            let mut tell = |event: &RunEvent| {
                if let Ok(value) = serde_json::to_value(event) {
                    voice.tell(id, TaskEvent::Run(value));
                }
            };
            run(task, &order.buttons, &mut tell).map(|_| TaskEvent::Done)
        }
        Task::Export(task) => write_export(task, id, voice),
        Task::Estimate(task) => estimate(task, &order, voice),
    };
    voice.tell(id, done.unwrap_or_else(TaskEvent::Failed));
    None
}

/// The device of a task.
fn chosen(name: &str) -> Reply<DeviceChoice> {
    name.parse().map_err(|error: DeviceError| body(&error.into()))
}

/// Trains the run in a folder. Buttons are looked at whenever the run says something, which it does at every step.
fn run(task: &TrainTask, buttons: &Buttons, tell: &mut dyn FnMut(&RunEvent)) -> Reply<RunSummary> {
    let fault = |error: AppError| body(&error);
    let plan = RunPlan::read(&task.folder.join("plan.toml")).map_err(|error| fault(error.into()))?;
    let device = chosen(&task.device)?;
    let start = if task.resume { Start::Resume } else { Start::Fresh };
    let request = TrainRequest { plan, folder: task.folder.clone(), start, device };
    let control = RunControl::default();
    let asked = control.clone();
    let mut on_event = |event: RunEvent| {
        tell(&event);
        press(buttons, &asked);
    };
    press(buttons, &control);
    train(&request, &control, &mut on_event).map_err(fault)
}

fn press(buttons: &Buttons, control: &RunControl) {
    for button in buttons.take() {
        match button {
            RunButton::SampleNow => control.sample_now(),
            RunButton::SaveNow => control.save_now(),
            RunButton::StopAndSave => control.stop(),
            RunButton::StopNow => control.stop_now(),
        }
    }
}

/// Writes a model in another form and reads it back.
fn write_export(task: &ExportTask, id: u64, voice: &Voice) -> Reply<TaskEvent> {
    let fault = |error: AppError| body(&error);
    let refused = |error: InteropError| fault(error.into());
    let format = form(task.format);
    let settings = match &task.dtype {
        Some(name) => ExportSettings::default().with_dtype(format, name).map_err(refused)?,
        None => ExportSettings::default(),
    };
    let request = ExportRequest {
        paths: chat::stack_paths(&task.model.paths),
        format,
        folder: task.folder.clone(),
        settings,
        alphas: Alphas::default(),
        verify: true,
        device: chosen(&task.model.device)?,
    };
    let (mut phase, mut done, mut told) = ("", 0, Instant::now());
    let mut progress = |now: &'static str, bytes: u64| {
        if now != phase {
            (phase, done) = (now, 0);
        } else if told.elapsed() < Duration::from_millis(100) {
            done += bytes;
            return;
        }
        done += bytes;
        told = Instant::now();
        voice.tell(id, TaskEvent::Progress { done, total: 0, unit: phase.to_owned() });
    };
    let report = export(&request, &mut progress).map_err(fault)?;
    Ok(TaskEvent::Exported(ExportReport {
        format: task.format,
        folder: report.folder.display().to_string(),
        files: report.files.into_iter().map(|(name, bytes)| ExportedFile { name, bytes }).collect(),
        // A comparison that fails is an error above.
        checks: report
            .checks
            .into_iter()
            .map(|check| ExportCheck {
                answers: check.what == Check::ANSWERS,
                what: check.what,
                passed: true,
                detail: check.result,
                equal: check.equal as u64,
                all: check.all as u64,
            })
            .collect(),
        verified: report.verified,
        snippet: report.snippet,
    }))
}

/// A few real steps, then nothing is kept.
fn estimate(task: &TrainTask, order: &Order, voice: &Voice) -> Reply<TaskEvent> {
    let device = chosen(&task.device)?;
    let peak = PeakMemory::start(device);
    let mut last = None;
    let mut made = 0;
    let mut tell = |event: &RunEvent| match event {
        RunEvent::PhaseProgress { phase: Phase::Load, done, total } => {
            voice
                .tell(order.id, TaskEvent::Progress { done: *done, total: *total, unit: "bytes".to_owned() });
        }
        RunEvent::StepFinished(metrics) => {
            made += 1;
            if made == 1 {
                // Compiling and tuning take memory that the run itself does not.
                peak.restart();
            }
            last = Some((metrics.ms / 1e3, metrics.steps));
            voice.tell(
                order.id,
                TaskEvent::Progress { done: made, total: DRY_STEPS, unit: "steps".to_owned() },
            );
            if made >= DRY_STEPS {
                order.buttons.press(RunButton::StopNow);
            }
        }
        _ => {}
    };
    run(task, &order.buttons, &mut tell)?;
    if order.cancel.is_cancelled() {
        return Err(ErrorBody::new(ErrorCode::Cancelled, "the dry run was stopped"));
    }
    let (seconds_per_step, steps) =
        last.ok_or_else(|| ErrorBody::new(ErrorCode::NotReady, "the run has no step to measure"))?;
    Ok(TaskEvent::Estimated(RunEstimate {
        steps,
        seconds_per_step,
        seconds: 0.0,
        device_memory: Some(peak.bytes()).filter(|bytes| *bytes > 0),
        forecast: 0,
    }))
}
