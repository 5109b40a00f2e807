//! From a plan to a trained model: the use case behind `eyewright train`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use eyewright_data::template::ChatTemplate;
use eyewright_ops::{DeviceChoice, open_device};
use eyewright_train::{
    checkpoint::Identity,
    plan::{RunPlan, Source},
    run::{
        FeatureCache, Outcome, Run, RunControl, RunDirectory, RunEvent, RunSummary, Sampler, Start,
        WarningKind,
    },
    step::Trainer,
};

use super::{
    answers::Questions,
    model::{Base, dtype_name, dtype_of, trainer_config},
    rows::{Rows, square_of},
};
use crate::AppError;

/// What to train, where, and on what.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The plan.
    pub plan: RunPlan,
    /// The run's folder.
    pub folder: PathBuf,
    /// Whether the run begins or goes on.
    pub start: Start,
    /// Where to compute.
    pub device: DeviceChoice,
}

/// Trains. Everything the run says goes to `on_event`, and to files in its folder.
///
/// # Errors
/// Whatever keeps the run from starting or going on; what the last checkpoint holds is not lost.
pub fn train(
    request: &TrainRequest,
    control: &RunControl,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<RunSummary, AppError> {
    // The folder comes first: a disk that cannot be written to is better known before the weights are read.
    let directory = match request.start {
        Start::Fresh => RunDirectory::create(&request.folder, &request.plan)?,
        Start::Resume => RunDirectory::open(&request.folder)?,
    };
    let mut told = false;
    let result = train_in(directory.clone(), request, control, &mut |event| {
        told |= matches!(event, RunEvent::Failed { .. });
        on_event(event);
    });
    // A run that is not let go on is what it was before; a new one that cannot begin has failed.
    if let Err(error) = &result
        && !told
        && request.start == Start::Fresh
    {
        on_event(directory.note_failure(error));
    }
    result
}

fn train_in(
    directory: RunDirectory,
    request: &TrainRequest,
    control: &RunControl,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<RunSummary, AppError> {
    let TrainRequest { plan, folder, start, device } = request;
    let started = Instant::now();
    let base = Base::find(plan)?;
    let Some(rows) = Rows::open(plan, &base, control, on_event)? else {
        return Ok(not_started(folder, started));
    };
    if *start == Start::Resume {
        directory.rewrite_plan(plan)?;
    }
    let device = open_device(*device)?;
    // What a model that was here before held goes back to the card.
    device.device.memory_cleanup();
    let dtype = dtype_of(plan, &device)?;
    let identity = Identity {
        step: 0,
        parent_step: None,
        plan: plan.fingerprint(),
        dataset: rows.hash.clone(),
        tokenizer: tokenizer_hash(&base.llm),
        dtype: dtype_name(dtype).to_owned(),
        validation_loss: None,
    };
    let description = serde_json::to_vec_pretty(&base.described(plan)).unwrap_or_default();
    let model = base.load(plan, &device, dtype, on_event)?;
    let mut warnings = rows.warnings;
    let features = match (plan.data.cache_features, &model.eye) {
        (true, Some(_)) if plan.tune.tower.is_trained() => {
            let message = "data.cache_features has no effect: the tower is trained".to_owned();
            warnings.push((WarningKind::Plan, message));
            None
        }
        (true, Some(eye)) => {
            let place = folder.parent().unwrap_or(Path::new(".")).join("features");
            Some(FeatureCache::open(&place, &tower_key(plan, &base), eye, dtype)?)
        }
        _ => None,
    };
    let questions = questions(plan, &base, &rows.source);
    let mut questions = match questions {
        asked if asked.is_empty() => None,
        asked => Some(Questions {
            asked,
            system: plan.data.system.clone(),
            max_new_tokens: plan.evaluation.max_new_tokens,
            tokenizer: Some(base.tokenizer),
            template: ChatTemplate::named(&plan.data.template)?.clone(),
            processor: base.processor.clone(),
            square: square_of(plan),
            device: device.device.clone(),
            dtype,
        }),
    };
    let run = Run {
        plan,
        trainer: Trainer::new(model, trainer_config(plan)),
        source: rows.source,
        order: rows.order,
        validation: rows.validation,
        sampler: questions.as_mut().map(|questions| questions as &mut dyn Sampler),
        features,
        directory,
        identity,
        model: description,
        control: control.clone(),
        warnings,
    };
    Ok(run.go(on_event)?)
}

/// Asked to stop while rows were checked.
fn not_started(folder: &Path, started: Instant) -> RunSummary {
    RunSummary {
        outcome: Outcome::StoppedNow,
        step: 0,
        steps: 0,
        loss: None,
        best: None,
        seconds: started.elapsed().as_secs_f64(),
        skipped: 0,
        folder: folder.to_owned(),
        checkpoint: None,
    }
}

/// Each question with its picture. Without pictures in the plan, all are about the first picture of the data; a model
/// that only reads is asked only what somebody thought of asking it.
fn questions(
    plan: &RunPlan,
    base: &Base,
    source: &eyewright_train::feed::RowSource,
) -> Vec<(Option<PathBuf>, String)> {
    let prompts = &plan.evaluation.prompts;
    let images: Vec<PathBuf> = plan.evaluation.images.iter().map(PathBuf::from).collect();
    if base.files.eye.is_none() {
        let own = plan.rows().any(|row| row.field.key == "evaluation.prompts" && row.source == Source::User);
        return if own { prompts.iter().map(|prompt| (None, prompt.clone())).collect() } else { Vec::new() };
    }
    let fallback = if images.is_empty() { first_picture(source) } else { None };
    let image = |index: usize| images.get(index).or_else(|| images.first()).or(fallback.as_ref()).cloned();
    prompts.iter().enumerate().map(|(index, prompt)| (image(index), prompt.clone())).collect()
}

/// Of the first rows that have one; a data set of text has none.
fn first_picture(source: &eyewright_train::feed::RowSource) -> Option<PathBuf> {
    let rows = (0..source.index.len().min(1000)).filter_map(|row| source.index.record(row).ok()?.ok());
    let mut pictures =
        rows.filter_map(|record| source.encoder.encode(&record).ok()?.pictures.into_iter().next());
    pictures.next()
}

/// Files that decide how text becomes ids.
pub(super) const TOKENIZER_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];

/// One hash of everything that decides how text becomes ids.
fn tokenizer_hash(folder: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    for name in TOKENIZER_FILES {
        if let Ok(bytes) = fs::read(folder.join(name)) {
            hasher.update(name.as_bytes()).update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// What decides the features of a picture, beside the picture.
fn tower_key(plan: &RunPlan, base: &Base) -> String {
    let folder = base.tower.as_ref().unwrap_or(&base.llm);
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).filter_map(|entry| {
        let about = entry.metadata().ok().filter(|about| about.is_file())?;
        Some(format!("{} {} {:?}", entry.file_name().display(), about.len(), about.modified().ok()))
    });
    let mut files: Vec<String> = files.collect();
    files.sort();
    format!("{} {files:?} {} {:?}", folder.display(), plan.model.select_layer, plan.data.square)
}
