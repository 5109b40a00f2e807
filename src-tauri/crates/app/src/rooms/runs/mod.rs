//! Runs: the queue, the one that computes, and what their folders say.

mod awake;
mod data;
mod findings;
mod folder;
mod live;
mod load;
mod read;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use eyewright_protocol::{
    CheckpointRef, DeleteRun, ErrorBody, ErrorCode, JobInfo, JobKind, JobOutcome, ListName, MoveQueued,
    Nothing, RenameRun, RunDraft, RunEstimate, RunId, RunProgress, RunRef, RunState, RunSummary, StartRun,
    StopHow, StopRun,
};
use eyewright_train::plan::{Overrides, ProjectorStart, RunPlan, Source, Validation};

use self::awake::Awake;
use self::data::DataFiles;
use super::plans::{draft_of, text_of};
use super::{bad_request, not_found};
use crate::card::card_of;
use crate::library::{free_name, free_title, remove_folder, replace};
use crate::studio::{Inner, JobHandle, Reply, body, lock, now};
use crate::training::Preflight;
use crate::worker::{ModelTask, RunButton, Task, TaskEvent, TrainTask};

use folder::RunNote;

/// The queue and the run that computes.
#[derive(Default)]
pub(crate) struct RunRoom {
    table: Mutex<Table>,
    /// Data files that were looked at.
    pub(crate) data: DataFiles,
    /// Models that were looked at.
    pub(crate) preflight: Preflight,
}

#[derive(Default)]
struct Table {
    queue: Vec<Waiting>,
    current: Option<Current>,
}

#[derive(Clone)]
struct Waiting {
    run: RunId,
    resume: bool,
}

struct Current {
    run: RunId,
    task: Option<u64>,
    job: JobHandle,
    state: RunState,
    progress: Option<RunProgress>,
    step: u64,
    steps: Option<u64>,
    loss: Option<f64>,
    started: Instant,
    _awake: Option<Awake>,
}

impl RunRoom {
    /// The run that computes now.
    pub(crate) fn running(&self) -> Option<RunId> {
        lock(&self.table).current.as_ref().map(|current| current.run.clone())
    }
}

impl Inner {
    pub(super) fn run_folder(&self, run: &RunId) -> Reply<PathBuf> {
        let folder = self.library()?.runs().join(run.as_str());
        if folder.join("plan.toml").is_file() {
            Ok(folder)
        } else {
            Err(not_found(format!("there is no run `{run}` in the library")))
        }
    }

    /// Runs that say they are going on, though this program has only begun, were interrupted.
    pub(crate) fn recover_runs(&self) {
        let Ok(library) = self.library() else { return };
        for name in crate::library::names_in(&library.runs()) {
            let folder = library.runs().join(&name);
            let Ok(mut note) = RunNote::read(&folder) else { continue };
            match note.state {
                RunState::Preparing | RunState::Running | RunState::Stopping => {
                    note.state = RunState::Interrupted;
                    let _ = note.write(&folder);
                }
                RunState::Queued => {
                    if let Ok(run) = RunId::try_from(name) {
                        lock(&self.runs.table).queue.push(Waiting { run, resume: note.resume });
                    }
                }
                _ => {}
            }
        }
    }

    pub(crate) fn start_run(&self, request: StartRun) -> Reply<Vec<RunSummary>> {
        if request.drafts.is_empty() || request.drafts.len() > 2 {
            return Err(bad_request("one run is started, or two in a chain"));
        }
        let busy = self.runs.running().is_some() || !lock(&self.runs.table).queue.is_empty();
        if busy && !request.queue {
            return Err(ErrorBody::new(ErrorCode::Busy, "another run is going on or waits")
                .hint("Put this one into the queue."));
        }
        let library = self.library()?;
        let mut before: Option<RunId> = None;
        let mut made = Vec::new();
        for mut draft in request.drafts {
            if let Some(run) = &before {
                let folder = library.runs().join(run.as_str());
                draft.values.insert("model.pretrained".to_owned(), folder.display().to_string());
            }
            let run = self.make_run(&draft, before.clone())?;
            lock(&self.runs.table).queue.push(Waiting { run: run.clone(), resume: false });
            before = Some(run.clone());
            made.push(run);
        }
        self.pump();
        self.changed(ListName::Runs);
        made.iter().map(|run| self.summary_of(run)).collect()
    }

    /// A run's folder with its plan, before anything else happens.
    fn make_run(&self, draft: &RunDraft, began_from: Option<RunId>) -> Reply<RunId> {
        let resolved = self.resolved(draft)?;
        let device = draft.device.clone().unwrap_or_else(|| self.settings.get().device);
        device.parse::<eyewright_ops::DeviceChoice>().map_err(|error| bad_request(error.to_string()))?;
        let library = self.library()?;
        let name = draft.name.as_ref().map(|name| name.trim()).filter(|name| !name.is_empty());
        let name: String = name
            .unwrap_or(&resolved.recipe.name)
            .chars()
            .filter(|char| !char.is_control())
            .take(100)
            .collect();
        let others = self.list_runs(Nothing {})?;
        let name = free_title(&name, |name| others.iter().any(|run| run.name == name));
        let id = free_name(&library.runs(), &name, "run");
        let run = RunId::try_from(id).map_err(bad_request)?;
        let folder = library.runs().join(run.as_str());
        replace(&folder.join("plan.toml"), resolved.plan.to_toml().as_bytes())?;
        let note = RunNote {
            name,
            created: now(),
            device,
            began_from,
            state: RunState::Queued,
            ..RunNote::default()
        };
        note.write(&folder)?;
        Ok(run)
    }

    /// Starts the next waiting run if none computes.
    pub(super) fn pump(&self) {
        loop {
            let next = {
                let mut table = lock(&self.runs.table);
                if table.current.is_some() || table.queue.is_empty() {
                    return;
                }
                table.queue.remove(0)
            };
            match self.begin_run(&next) {
                Ok(()) => return,
                Err(error) => self.run_failed(&next.run, error, RunState::Failed),
            }
        }
    }

    fn begin_run(&self, waiting: &Waiting) -> Reply<()> {
        let folder = self.run_folder(&waiting.run)?;
        let mut note = RunNote::read(&folder)?;
        if let Some(before) = &note.began_from {
            let state = RunNote::read(&self.run_folder(before)?)?.state;
            if state != RunState::Finished {
                return Err(ErrorBody::new(
                    ErrorCode::NotReady,
                    format!("the run `{before}`, which it begins from, did not finish"),
                )
                .hint("Resume that one, then this one."));
            }
        }
        (note.state, note.error, note.ended) = (RunState::Preparing, None, None);
        note.write(&folder)?;
        let job = self.jobs.add(JobKind::Train, note.name.clone(), Some(waiting.run.to_string()));
        job.start();
        let awake = if self.settings.get().keep_awake { Awake::begin() } else { None };
        lock(&self.runs.table).current = Some(Current {
            run: waiting.run.clone(),
            task: None,
            job: job.clone(),
            state: RunState::Preparing,
            progress: None,
            step: 0,
            steps: None,
            loss: None,
            started: Instant::now(),
            _awake: awake,
        });
        let Some(here) = self.myself() else { return Ok(()) };
        let device = self.machine.chosen().filter(|_| note.device == "auto").unwrap_or(note.device.clone());
        let card = device.parse().ok().and_then(card_of);
        let (run, mut flow) = (waiting.run.clone(), live::Flow::begin(card));
        let task = TrainTask { folder, device: note.device, resume: waiting.resume };
        let submitted =
            self.worker.submit(Task::Train(task), move |event| here.run_said(&run, event, &mut flow));
        self.machine.loaded(None);
        match submitted {
            Ok(task) => {
                let worker = self.worker.clone();
                job.on_cancel(move || {
                    let _ = worker.press(task, RunButton::StopAndSave);
                });
                if let Some(current) = &mut lock(&self.runs.table).current {
                    current.task = Some(task);
                }
                self.tell_summary(&waiting.run);
                Ok(())
            }
            Err(error) => {
                lock(&self.runs.table).current = None;
                job.end(Err(error.clone()));
                Err(error)
            }
        }
    }

    /// Presses a button of the run that computes.
    fn press(&self, run: &RunId, button: RunButton) -> Reply<()> {
        let task = {
            let mut table = lock(&self.runs.table);
            let current = table.current.as_mut().filter(|current| current.run == *run);
            let current = current.ok_or_else(|| bad_request(format!("the run `{run}` is not going on")))?;
            if matches!(button, RunButton::StopAndSave | RunButton::StopNow) {
                current.state = RunState::Stopping;
            }
            current.task
        };
        let task = task.ok_or_else(|| {
            ErrorBody::new(ErrorCode::Busy, "the run is only just starting").hint("Try again in a moment.")
        })?;
        self.worker.press(task, button)
    }

    pub(crate) fn stop_run(&self, request: StopRun) -> Reply<RunSummary> {
        let waiting = {
            let mut table = lock(&self.runs.table);
            let before = table.queue.len();
            table.queue.retain(|waiting| waiting.run != request.run);
            before != table.queue.len()
        };
        if waiting {
            let folder = self.run_folder(&request.run)?;
            let mut note = RunNote::read(&folder)?;
            note.state = RunState::Stopped;
            note.write(&folder)?;
        } else {
            self.run_folder(&request.run)?;
            let button = match request.how {
                StopHow::Save => RunButton::StopAndSave,
                StopHow::Discard => RunButton::StopNow,
            };
            self.press(&request.run, button)?;
        }
        self.tell_summary(&request.run);
        self.changed(ListName::Runs);
        self.summary_of(&request.run)
    }

    pub(crate) fn resume_run(&self, request: RunRef) -> Reply<RunSummary> {
        let folder = self.run_folder(&request.run)?;
        let mut note = RunNote::read(&folder)?;
        let known = {
            let table = lock(&self.runs.table);
            table.queue.iter().any(|waiting| waiting.run == request.run)
                || table.current.as_ref().is_some_and(|current| current.run == request.run)
        };
        if note.state == RunState::Finished {
            return Err(bad_request("this run is complete").hint("Duplicate it to train further."));
        }
        if !known {
            (note.state, note.resume) = (RunState::Queued, true);
            note.write(&folder)?;
            lock(&self.runs.table).queue.insert(0, Waiting { run: request.run.clone(), resume: true });
        }
        self.pump();
        self.changed(ListName::Runs);
        self.summary_of(&request.run)
    }

    pub(crate) fn sample_now(&self, request: RunRef) -> Reply<Nothing> {
        self.press(&request.run, RunButton::SampleNow).map(|()| Nothing {})
    }

    pub(crate) fn save_now(&self, request: RunRef) -> Reply<Nothing> {
        self.press(&request.run, RunButton::SaveNow).map(|()| Nothing {})
    }

    pub(crate) fn move_queued(&self, request: MoveQueued) -> Reply<Vec<RunSummary>> {
        let order: Vec<RunId> = {
            let mut table = lock(&self.runs.table);
            let at = table.queue.iter().position(|waiting| waiting.run == request.run);
            let at = at.ok_or_else(|| bad_request(format!("the run `{}` does not wait", request.run)))?;
            let to = (request.place as usize).min(table.queue.len().saturating_sub(1));
            let mut moved = table.queue.clone();
            let waiting = moved.remove(at);
            moved.insert(to, waiting);
            self.check_order(&moved)?;
            table.queue = moved;
            table.queue.iter().map(|waiting| waiting.run.clone()).collect()
        };
        self.changed(ListName::Runs);
        order.iter().map(|run| self.summary_of(run)).collect()
    }

    /// A run that begins from another one waits behind it.
    fn check_order(&self, queue: &[Waiting]) -> Reply<()> {
        for (place, waiting) in queue.iter().enumerate() {
            let note = RunNote::read(&self.run_folder(&waiting.run)?)?;
            let Some(before) = note.began_from else { continue };
            if queue[place..].iter().any(|other| other.run == before) {
                let message = format!("`{}` begins from what `{before}` leaves", note.name);
                return Err(bad_request(message).hint("It stays behind that run."));
            }
        }
        Ok(())
    }

    pub(crate) fn rename_run(&self, request: RenameRun) -> Reply<RunSummary> {
        let folder = self.run_folder(&request.run)?;
        let name: String = request.name.trim().chars().filter(|char| !char.is_control()).take(100).collect();
        if name.is_empty() {
            return Err(bad_request("a run needs a name"));
        }
        if self.list_runs(Nothing {})?.iter().any(|run| run.name == name && run.id != request.run) {
            return Err(ErrorBody::new(ErrorCode::AlreadyExists, format!("another run is called `{name}`")));
        }
        let mut note = RunNote::read(&folder)?;
        note.name = name;
        note.write(&folder)?;
        self.changed(ListName::Runs);
        self.summary_of(&request.run)
    }

    pub(crate) fn delete_run(&self, request: DeleteRun) -> Reply<Nothing> {
        let folder = self.run_folder(&request.run)?;
        if request.files {
            let message = format!("a run begins from `{}`, or waits to", request.run);
            self.check_unread(&folder, message, "Stop that one first, or take this one off the list alone.")?;
        }
        {
            let mut table = lock(&self.runs.table);
            if table.current.as_ref().is_some_and(|current| current.run == request.run) {
                return Err(ErrorBody::new(ErrorCode::Busy, "the run is going on").hint("Stop it first."));
            }
            table.queue.retain(|waiting| waiting.run != request.run);
        }
        if request.files {
            remove_folder(&folder)?;
        } else {
            let mut note = RunNote::read(&folder)?;
            note.hidden = true;
            note.write(&folder)?;
        }
        self.changed(ListName::Runs);
        Ok(Nothing {})
    }

    /// Refuses with these words what would take a folder away from a run that goes on or waits.
    pub(crate) fn check_unread(&self, folder: &Path, message: String, hint: &str) -> Reply<()> {
        if self.is_read(folder) { Err(ErrorBody::new(ErrorCode::Busy, message).hint(hint)) } else { Ok(()) }
    }

    fn is_read(&self, folder: &Path) -> bool {
        let runs: Vec<RunId> = {
            let table = lock(&self.runs.table);
            let waiting = table.queue.iter().map(|waiting| &waiting.run);
            table.current.iter().map(|current| &current.run).chain(waiting).cloned().collect()
        };
        runs.iter().filter_map(|run| self.run_folder(run).ok()).any(|run| {
            let Ok(plan) = RunPlan::read(&run.join("plan.toml")) else { return false };
            let pictures = plan.evaluation.images.iter().map(Path::new);
            let models = [&plan.model.llm, &plan.model.tower].into_iter().map(Path::new);
            let data = [&plan.data.json, &plan.data.image_folder].into_iter().map(PathBuf::as_path);
            let mut paths: Vec<&Path> = data.chain(models).chain(pictures).collect();
            if let ProjectorStart::Pretrained(projector) = &plan.model.projector {
                paths.push(projector);
            }
            if let Validation::File(file) = &plan.data.validation {
                paths.push(file);
            }
            paths.iter().any(|path| path.starts_with(folder))
        })
    }

    pub(crate) fn duplicate_run(&self, request: RunRef) -> Reply<RunDraft> {
        let folder = self.run_folder(&request.run)?;
        let plan =
            RunPlan::read(&folder.join("plan.toml")).map_err(|error| bad_request(error.to_string()))?;
        let mut overrides = Overrides::default();
        (overrides.preset, overrides.recipe) =
            (Some(plan.preset().to_owned()), Some(plan.recipe().to_owned()));
        for row in plan.rows().filter(|row| row.source == Source::User) {
            overrides
                .set(row.field.key, &text_of(row.value))
                .map_err(|error| bad_request(error.to_string()))?;
        }
        let note = RunNote::read(&folder)?;
        Ok(RunDraft { device: Some(note.device), ..draft_of(&overrides, Some(note.name)) })
    }

    /// A run's checkpoint in place of a model.
    pub(crate) fn put_on_top(&self, task: &mut ModelTask, checkpoint: &CheckpointRef) -> Reply<()> {
        let folder = self.run_folder(&checkpoint.run)?;
        let note = RunNote::read(&folder)?;
        let folder = match checkpoint.step {
            None => folder,
            Some(step) => {
                let chosen = folder.join("checkpoints").join(format!("step-{step:06}"));
                if !chosen.is_dir() {
                    return Err(not_found(format!(
                        "the run `{}` has no checkpoint at step {step} any more",
                        checkpoint.run
                    ))
                    .hint("A run keeps its newest and best ones; choose another one above the chat."));
                }
                chosen
            }
        };
        // An export names no model besides.
        let model = Some(&task.name).filter(|name| !name.is_empty()).map(|name| format!("{name} · "));
        let step = checkpoint.step.map(|step| format!(" · {step}"));
        task.name = format!("{}{}{}", model.unwrap_or_default(), note.name, step.unwrap_or_default());
        task.paths = eyewright_protocol::ModelPaths {
            model: folder.display().to_string(),
            visual_encoder: None,
            llava: None,
        };
        Ok(())
    }

    pub(crate) fn estimate_run(&self, draft: RunDraft) -> Reply<JobInfo> {
        self.device_is_free()?;
        let full = self.resolved(&draft)?;
        let steps = self.steps_of(&full.plan)?;
        let forecast = full.memory(self.platform()).total();
        let mut short = draft.clone();
        for (key, value) in
            [("evaluation.prompts", "[]"), ("evaluation.images", "[]"), ("data.cache_features", "false")]
        {
            short.values.insert(key.to_owned(), value.to_owned());
        }
        let plan = self.resolved(&short)?.plan;
        let library = self.library()?;
        let device = draft.device.unwrap_or_else(|| self.settings.get().device);
        let (worker, machine) = (self.worker.clone(), self.machine.clone());
        Ok(self.jobs.spawn(JobKind::Estimate, full.recipe.name.clone(), None, move |job| {
            let folder = library.folder().join("estimates").join(now().to_string());
            replace(&folder.join("plan.toml"), plan.to_toml().as_bytes())?;
            let task = Task::Estimate(TrainTask { folder: folder.clone(), device, resume: false });
            machine.loaded(None);
            let done = worker.run(task, Some(job), &mut |event| {
                if let TaskEvent::Progress { done, total, unit } = event {
                    job.progress(done, total, &unit);
                }
            });
            let _ = remove_folder(&folder);
            match done? {
                TaskEvent::Estimated(mut estimate) => {
                    (estimate.steps, estimate.forecast) = (steps, forecast);
                    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
                    let seconds = estimate.seconds_per_step * steps as f64;
                    Ok(JobOutcome::Estimated { estimate: RunEstimate { seconds, ..estimate } })
                }
                _ => Err(ErrorBody::new(ErrorCode::Cancelled, "the dry run was stopped")),
            }
        }))
    }

    fn steps_of(&self, plan: &RunPlan) -> Reply<u64> {
        let data = self.runs.data.look(&plan.data.json).map_err(|error| body(&error.into()))?;
        Ok(super::plans::steps(plan, data.rows).unwrap_or(0))
    }
}
