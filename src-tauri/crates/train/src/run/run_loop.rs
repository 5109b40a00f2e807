//! The loop: step after step, with everything that happens between two steps.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Instant};

use burn::tensor::{Device, Tensor};
use eyewright_data::dataset::Order;
use eyewright_model::llava::Llava;

use super::{
    FeatureCache, LearningRates, Metrics, Outcome, Phase, Request, RunControl, RunDirectory, RunError,
    RunEvent, RunSummary, Sample, SampleFault, WarningKind,
    journal::{Journal, memory},
    state::{RunState, contents, restore},
};
use crate::{
    checkpoint::{CheckpointStore, CheckpointStoreConfig, Identity, Keep, LocalDisk},
    exact::Exact,
    feed::{Feed, FeedConfig, HostBatch, RowSource},
    plan::{EarlyStopping, RunPlan},
    schedule::{RunLength, Schedule, ScheduleConfig},
    step::{MicroBatch, Pictures, Rates, Skipped, StepReport, Trainer},
};

/// Somebody who answers the test questions with the model as it is.
pub trait Sampler {
    /// Answers all of them.
    ///
    /// # Errors
    /// A picture that cannot be read, or a model that cannot answer; the run goes on.
    fn answer(&mut self, model: &Llava) -> Result<Vec<Sample>, SampleFault>;
}

/// Everything a run needs; [`Run::go`] does it.
pub struct Run<'r> {
    /// What to do.
    pub plan: &'r RunPlan,
    /// The model, prepared to be trained.
    pub trainer: Trainer,
    /// Where rows come from.
    pub source: Arc<RowSource>,
    /// In which order.
    pub order: Order,
    /// Rows that are measured: where from, and which.
    pub validation: Option<(Arc<RowSource>, Vec<u32>)>,
    /// Answers test questions.
    pub sampler: Option<&'r mut dyn Sampler>,
    /// What a frozen tower has seen.
    pub features: Option<FeatureCache>,
    /// The run's folder.
    pub directory: RunDirectory,
    /// What checkpoints say about themselves; the step and the loss are filled in here.
    pub identity: Identity,
    /// Content of each checkpoint's `model.json`.
    pub model: Vec<u8>,
    /// Requests from outside.
    pub control: RunControl,
    /// Warnings from before the run, to be written down.
    pub warnings: Vec<(WarningKind, String)>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// Steps that the pace and the reported loss are taken from.
const RECENT: usize = 10;
/// So many steps in a row without a number end a run.
const NOT_FINITE_LIMIT: u64 = 3;

/// What a run remembers between two steps.
struct Going<'r, 'e> {
    run: Run<'r>,
    device: Device,
    schedule: Schedule,
    length: RunLength,
    state: RunState,
    journal: Journal,
    started: Instant,
    saved: Instant,
    saved_step: Option<u64>,
    recent: VecDeque<(f64, f64)>,
    on_event: &'e mut dyn FnMut(RunEvent),
}

impl<'r> Run<'r> {
    /// Trains until the plan is fulfilled or somebody asks to stop.
    ///
    /// # Errors
    /// See [`RunError`]. The last checkpoint is whole whatever happens.
    pub fn go(mut self, on_event: &mut dyn FnMut(RunEvent)) -> Result<RunSummary, RunError> {
        let keep = Keep { last: self.plan.checkpoint.keep_last, best: self.plan.checkpoint.keep_best };
        let store = CheckpointStoreConfig { folder: self.directory.checkpoints(), keep }.init(&LocalDisk)?;
        let device = self.trainer.model().decoder.device().clone();
        let resumption = store.resume()?;
        let state = match &resumption.checkpoint {
            None => RunState::default(),
            Some(checkpoint) => {
                on_event(RunEvent::PhaseStarted { phase: Phase::Resume, total: None });
                self.check(&checkpoint.manifest.identity)?;
                let state = restore(&mut self.trainer, checkpoint, &device)?;
                store.discard_after(state.step)?;
                self.identity.parent_step = Some(state.step);
                state
            }
        };
        let length = self.plan.train.run_length(self.order.len() as u64);
        let schedule = ScheduleConfig {
            total: length.iterations,
            warmup_ratio: self.plan.schedule.warmup_ratio,
            decay: self.plan.schedule.decay,
        };
        let schedule = schedule.init();
        if schedule.warmup_left_out() && state.step == 0 {
            let message = format!("too few batches ({}) to warm up; the run has none", length.iterations);
            self.warnings.push((WarningKind::Plan, message));
        }
        let damaged =
            resumption.damaged.iter().map(|error| (WarningKind::DamagedCheckpoint, error.to_string()));
        self.warnings.extend(damaged);
        let directory = self.directory.clone();
        let journal = Journal::open(directory.path(), state.step)?;
        let now = Instant::now();
        let saved_step = resumption.checkpoint.is_some().then_some(state.step);
        let going = Going {
            device,
            schedule,
            length,
            state,
            journal,
            started: now,
            saved: now,
            saved_step,
            recent: VecDeque::new(),
            on_event: &mut *on_event,
            run: self,
        };
        let result = going.go(&store);
        if let Err(error) = &result {
            on_event(directory.note_failure(error));
        }
        result
    }

    /// A checkpoint that this run can go on from.
    fn check(&self, there: &Identity) -> Result<(), RunError> {
        let here = &self.identity;
        if here.dataset != there.dataset {
            return Err(RunError::OtherData { file: self.source.index.path().to_owned() });
        }
        if here.tokenizer != there.tokenizer {
            return Err(RunError::OtherTokenizer { folder: PathBuf::from(&self.plan.model.llm) });
        }
        if here.dtype != there.dtype {
            return Err(RunError::OtherDtype { here: here.dtype.clone(), there: there.dtype.clone() });
        }
        Ok(())
    }
}

impl Going<'_, '_> {
    fn go(mut self, store: &CheckpointStore<'_>) -> Result<RunSummary, RunError> {
        for (kind, message) in std::mem::take(&mut self.run.warnings) {
            self.tell(RunEvent::Warning { kind, message })?;
        }
        if self.state.step == 0 {
            self.validate()?;
            self.sample()?;
        }
        self.tell(RunEvent::PhaseStarted { phase: Phase::Train, total: Some(self.length.steps) })?;
        let mut feed = self.feed();
        let mut outcome = Outcome::Finished;
        while self.state.step < self.length.steps {
            let began = Instant::now();
            let (batches, rows) = self.next_batches(&mut feed)?;
            let waited = began.elapsed();
            let rates = self.rates();
            let step = self.state.step + 1;
            let report = self.run.trainer.step(&batches, rates);
            let report = report.map_err(|source| RunError::Step { step, source })?;
            self.state.step = self.run.trainer.progress().steps;
            let (all, wait) = (began.elapsed().as_secs_f64() * 1e3, waited.as_secs_f64() * 1e3);
            let metrics = self.metrics(&report, rates, all, wait);
            self.tell(RunEvent::StepFinished(metrics))?;
            self.count_not_finite(&report, &rows)?;
            if let Some(end) = self.between_steps(store)? {
                outcome = end;
                break;
            }
        }
        self.end(store, outcome)
    }

    /// Measures, saves and answers where it is due; an outcome ends the run.
    fn between_steps(&mut self, store: &CheckpointStore<'_>) -> Result<Option<Outcome>, RunError> {
        let step = self.state.step;
        let last = step >= self.length.steps;
        let request = self.run.control.request();
        if request == Request::StopNow {
            return Ok(Some(Outcome::StoppedNow));
        }
        let evaluate = last || due(step, self.run.plan.evaluation.every);
        let loss = if evaluate && request == Request::None { self.validate()? } else { None };
        let improved = loss.is_some() && self.state.best.is_some_and(|(best, _)| best == step);
        let minutes = self.run.plan.checkpoint.every_minutes;
        let (save_asked, sample_asked) = (self.run.control.take_save(), self.run.control.take_sample());
        let save = save_asked
            || last
            || request == Request::Stop
            || due(step, self.run.plan.checkpoint.every)
            || (improved && self.run.plan.checkpoint.keep_best)
            || (minutes != u64::MAX && self.saved.elapsed().as_secs() >= minutes.saturating_mul(60));
        let early = match self.run.plan.early_stopping {
            EarlyStopping::After { patience, .. } => !last && loss.is_some() && self.state.stale >= patience,
            EarlyStopping::Off => false,
        };
        if save || early {
            self.save(store, loss)?;
        }
        if (evaluate && request == Request::None) || sample_asked {
            self.sample()?;
        }
        Ok(match (request, early) {
            (Request::Stop, _) if !last => Some(Outcome::Stopped),
            (_, true) => Some(Outcome::StoppedEarly),
            _ => None,
        })
    }

    fn end(mut self, store: &CheckpointStore<'_>, outcome: Outcome) -> Result<RunSummary, RunError> {
        let best = store.best()?;
        let checkpoint = match (outcome, best) {
            (Outcome::StoppedEarly, Some(best)) => Some(best),
            _ => store.list()?.pop(),
        };
        let losses = self.recent.iter().map(|(loss, _)| *loss).filter(|loss| loss.is_finite());
        let losses: Vec<f64> = losses.collect();
        let summary = RunSummary {
            outcome,
            step: self.state.step,
            steps: self.length.steps,
            loss: (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64),
            best: self.state.best.map(|(step, loss)| (step, loss.0)),
            seconds: self.started.elapsed().as_secs_f64(),
            skipped: self.state.skipped,
            folder: self.run.directory.path().to_owned(),
            checkpoint: checkpoint.map(|checkpoint| checkpoint.folder),
        };
        self.tell(RunEvent::Ended(summary.clone()))?;
        Ok(summary)
    }

    fn tell(&mut self, event: RunEvent) -> Result<(), RunError> {
        self.journal.note(&event)?;
        (self.on_event)(event);
        Ok(())
    }

    fn feed(&self) -> Feed {
        let features = self.run.features.clone();
        let accumulation = self.run.plan.train.accumulation as u64;
        FeedConfig {
            source: Arc::clone(&self.run.source),
            order: self.run.order.clone(),
            batch: self.run.plan.train.batch,
            workers: self.run.plan.data.workers,
            first: self.state.step * accumulation,
            end: self.length.iterations,
            wants_pixels: Arc::new(move |file| features.as_ref().is_none_or(|cache| !cache.has(file))),
        }
        .init()
    }

    /// The micro-batches of a step, and the numbers of their rows.
    fn next_batches(&mut self, feed: &mut Feed) -> Result<(Vec<MicroBatch>, Vec<u32>), RunError> {
        let (mut batches, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..self.run.plan.train.accumulation {
            let Some(batch) = feed.next() else { break };
            let batch = batch?;
            for (row, problem) in &batch.left_out {
                let message = format!("row {} is left out: {problem}", row + 1);
                self.tell(RunEvent::Warning { kind: WarningKind::BadRows, message })?;
            }
            rows.extend(&batch.numbers);
            let source = Arc::clone(&self.run.source);
            batches.push(self.on_device(batch, &source)?);
        }
        Ok((batches, rows))
    }

    fn on_device(&self, batch: HostBatch, source: &RowSource) -> Result<MicroBatch, RunError> {
        let HostBatch { rows, pictures, .. } = batch;
        let eye = self.run.trainer.model().eye.as_ref();
        let pictures = match (&self.run.features, eye) {
            _ if pictures.is_empty() => Pictures::None,
            (Some(cache), Some(eye)) => {
                let mut features: Vec<Tensor<3>> = Vec::with_capacity(pictures.len());
                for picture in pictures {
                    features.push(match cache.load(&picture.file, &self.device) {
                        Some(known) => known,
                        None if picture.pixels.is_empty() => {
                            // It was there a moment ago; somebody has cleared the cache.
                            let pixels = source.pixels(&picture.file)?;
                            cache.compute(&picture.file, &pixels, eye, &self.device)?
                        }
                        None => cache.compute(&picture.file, &picture.pixels, eye, &self.device)?,
                    });
                }
                Pictures::Features(Tensor::cat(features, 0))
            }
            _ => Pictures::Pixels(pictures.into_iter().map(|picture| picture.pixels).collect()),
        };
        Ok(MicroBatch { rows, pictures })
    }

    fn rates(&self) -> Rates {
        let accumulation = self.run.plan.train.accumulation as u64;
        let factor = self.schedule.factor_of_step(self.state.step, accumulation);
        let highest = &self.run.plan.rates;
        Rates {
            projector: highest.projector * factor,
            llm: highest.llm * factor,
            tower: highest.tower * factor,
        }
    }

    fn metrics(&mut self, report: &StepReport, rates: Rates, ms: f64, wait_ms: f64) -> Metrics {
        self.recent.push_back((report.loss, ms));
        while self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let pace = self.recent.iter().map(|(_, ms)| ms).sum::<f64>() / self.recent.len().max(1) as f64;
        let left = self.length.steps.saturating_sub(self.state.step);
        let tune = &self.run.plan.tune;
        let rate = |tune: &crate::plan::Tune, rate| if tune.is_trained() { rate } else { 0.0 };
        let seen = self.state.step * self.run.plan.train.accumulation as u64;
        Metrics {
            step: self.state.step,
            steps: self.length.steps,
            epoch: seen.min(self.length.iterations) as f64 / self.length.per_epoch.max(1) as f64,
            loss: Some(report.loss).filter(|loss| loss.is_finite()),
            lr: LearningRates {
                projector: rate(&tune.projector, rates.projector),
                llm: rate(&tune.llm, rates.llm),
                tower: rate(&tune.tower, rates.tower),
            },
            grad_norm: Some(report.grad_norm).filter(|norm| norm.is_finite()),
            tokens: report.tokens as u64,
            learned_tokens: report.supervised_tokens as u64,
            tokens_per_second: report.tokens as f64 / (ms / 1e3).max(1e-9),
            ms,
            wait_ms,
            memory: memory(),
            eta_seconds: left as f64 * pace / 1e3,
            skipped: report.skipped.map(|skipped| word_of(skipped).to_owned()),
        }
    }

    /// A step without a number is told and counted; the third in a row ends the run.
    fn count_not_finite(&mut self, report: &StepReport, rows: &[u32]) -> Result<(), RunError> {
        let Some(skipped) = report.skipped else {
            self.state.not_finite = 0;
            return Ok(());
        };
        self.state.skipped += 1;
        let step = self.state.step;
        let message = match skipped {
            Skipped::Loss => format!("step {step}: the loss is no number; nothing was changed"),
            Skipped::Gradient => format!("step {step}: a gradient is no number; nothing was changed"),
            Skipped::LossScale { next } => {
                format!("step {step}: a gradient overflowed f16; the loss scale is now {next}")
            }
        };
        self.tell(RunEvent::Warning { kind: WarningKind::SkippedStep, message })?;
        if !matches!(skipped, Skipped::LossScale { .. }) {
            self.state.not_finite += 1;
        }
        if self.state.not_finite < NOT_FINITE_LIMIT {
            return Ok(());
        }
        let cause = match skipped {
            Skipped::Loss => {
                "Likely the learning rate is too high (divide it by ten), or a weight or picture has such numbers \
                 already."
            }
            _ => {
                "Likely the learning rate is too high (divide it by ten), or max_grad_norm is 0 (set it to 1)."
            }
        };
        let kept = match self.saved_step {
            Some(saved) => format!("The checkpoint of step {saved} is good"),
            None => {
                "No checkpoint was written yet; the weights are as they were before these steps".to_owned()
            }
        };
        Err(RunError::NotFinite { step, rows: rows.to_vec(), cause, kept })
    }

    fn save(&mut self, store: &CheckpointStore<'_>, loss: Option<f64>) -> Result<(), RunError> {
        if self.saved_step == Some(self.state.step) {
            return Ok(());
        }
        let began = Instant::now();
        self.tell(RunEvent::PhaseStarted { phase: Phase::Save, total: None })?;
        let contents = contents(&mut self.run.trainer, &mut self.state, &self.run.model)?;
        let identity = Identity {
            step: self.state.step,
            validation_loss: loss.filter(|loss| loss.is_finite()),
            ..self.run.identity.clone()
        };
        let saved = store.save(identity, contents)?;
        if let Some(error) = saved.not_removed {
            let message = format!("an old checkpoint could not be removed: {error}");
            self.tell(RunEvent::Warning { kind: WarningKind::NotRemoved, message })?;
        }
        self.saved = Instant::now();
        self.saved_step = Some(self.state.step);
        self.tell(RunEvent::CheckpointSaved {
            step: self.state.step,
            bytes: saved.checkpoint.manifest.bytes(),
            folder: saved.checkpoint.folder,
            ms: began.elapsed().as_secs_f64() * 1e3,
            removed: saved.removed,
        })
    }

    fn sample(&mut self) -> Result<(), RunError> {
        if self.run.sampler.is_none() {
            return Ok(());
        }
        self.tell(RunEvent::PhaseStarted { phase: Phase::Sample, total: None })?;
        let model = self.run.trainer.model();
        let Some(answered) = self.run.sampler.as_mut().map(|sampler| sampler.answer(model)) else {
            return Ok(());
        };
        let step = self.state.step;
        match answered {
            Ok(samples) => {
                let folder = self.run.directory.write_samples(step, &samples)?;
                self.tell(RunEvent::SampleWritten { step, folder, samples })
            }
            Err(error) => {
                let message = format!("step {step}: the test questions could not be answered: {error}");
                self.tell(RunEvent::Warning { kind: WarningKind::Sample, message })
            }
        }
    }

    /// The loss on the validation rows, if there are any.
    fn validate(&mut self) -> Result<Option<f64>, RunError> {
        let Some((source, rows)) = self.run.validation.clone() else { return Ok(None) };
        let size = self.run.plan.train.batch.max(1);
        let total = rows.len().div_ceil(size) as u64;
        self.tell(RunEvent::PhaseStarted { phase: Phase::Validate, total: Some(total) })?;
        let step = self.state.step;
        let (mut sum, mut tokens) = (0.0, 0);
        for (done, numbers) in rows.chunks(size).enumerate() {
            if self.run.control.is_stopping() {
                return Ok(None);
            }
            let batch = source.load(numbers, &|_| true)?;
            if batch.rows.is_empty() {
                continue;
            }
            let batch = self.on_device(batch, &source)?;
            let seen = self.run.trainer.evaluate(&[batch]);
            let seen = seen.map_err(|source| RunError::Step { step, source })?;
            sum += seen.loss * seen.supervised_tokens as f64;
            tokens += seen.supervised_tokens as u64;
            (self.on_event)(RunEvent::PhaseProgress { phase: Phase::Validate, done: done as u64 + 1, total });
        }
        let loss = sum / tokens.max(1) as f64;
        let least = match self.run.plan.early_stopping {
            EarlyStopping::After { min_delta, .. } => min_delta,
            EarlyStopping::Off => 0.0,
        };
        let best = loss.is_finite() && self.state.best.is_none_or(|(_, best)| loss < best.0 - least);
        if best {
            self.state.best = Some((step, Exact(loss)));
            self.state.stale = 0;
        } else {
            self.state.stale += 1;
        }
        self.tell(RunEvent::Validated { step, loss, tokens, best })?;
        Ok(Some(loss))
    }
}

fn due(step: u64, every: u64) -> bool {
    every != u64::MAX && step.is_multiple_of(every.max(1))
}

fn word_of(skipped: Skipped) -> &'static str {
    match skipped {
        Skipped::Loss => "loss",
        Skipped::Gradient => "gradient",
        Skipped::LossScale { .. } => "loss_scale",
    }
}
