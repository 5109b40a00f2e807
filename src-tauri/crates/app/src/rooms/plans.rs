//! Plans: what a draft becomes, what it costs, and what keeps it from starting.

use std::collections::BTreeMap;
use std::path::Path;

use eyewright_data::dataset::ImageFolder;
use eyewright_protocol::{
    FieldKind, FixWord, MemoryBar, MemoryPart, Nothing, PlanFix, PlanProblem, PlanRow, PreviewRun,
    ProblemWord, ReadDraft, RecipeCard, RunDraft, RunPreview, SourceWord, StageWord,
};
use eyewright_train::plan::{
    Kind, Overrides, PartMemory, PlanError, Platform, Recipe, RunPlan, Source, Stage, Validation, Value,
};

use super::bad_request;
use crate::AppError;
use crate::studio::{Inner, Reply, body};
use crate::training::{PlanRequest, ResolvedPlan, find_model_folder, resolve_plan};

/// Paths without which nothing runs.
const NEVER_EMPTY: &[&str] = &["data.json", "data.image_folder", "model.llm"];
/// Longest TOML text that is read.
const LONGEST: usize = 1 << 20;

/// A draft's text value for a value, as `--set` takes it.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn stage_word(stage: Stage) -> StageWord {
    match stage {
        Stage::Pretrain => StageWord::Pretrain,
        Stage::Finetune => StageWord::Finetune,
    }
}

/// What is recommended for a key, and who recommends it.
type Usual = BTreeMap<&'static str, (String, Source)>;

/// What a plan would be if nothing were chosen that one can do without. `bare` has nothing chosen at all.
fn usual(plain: &RunPlan, bare: Option<&RunPlan>) -> Usual {
    let of = |plan: &RunPlan| -> Usual {
        plan.rows().map(|row| (row.field.key, (text_of(row.value), row.source))).collect()
    };
    let bare = bare.map(of).unwrap_or_default();
    let mut found = of(plain);
    for (key, (value, source)) in &mut found {
        // What was chosen is no recommendation.
        if *source == Source::User {
            (*value, *source) = bare.get(key).cloned().unwrap_or((String::new(), Source::User));
        }
    }
    found
}

/// A plan's keys as the interface shows them.
pub(crate) fn plan_rows(plan: &RunPlan, usual: &Usual, recipe: Option<&Recipe>) -> Vec<PlanRow> {
    plan.rows()
        .map(|row| {
            let value = text_of(row.value);
            let (recommended, by) =
                usual.get(row.field.key).cloned().unwrap_or_else(|| (value.clone(), row.source));
            // A recipe's advice is about its own value; a network or the user may bring another one.
            let recipe = recipe.filter(|_| by != Source::Preset && value == recommended);
            PlanRow {
                key: row.field.key.to_owned(),
                flag: row.field.flag.to_owned(),
                kind: kind(&row.field.kind),
                recommended,
                value,
                source: match row.source {
                    Source::Recipe => SourceWord::Recipe,
                    Source::Preset => SourceWord::Preset,
                    Source::User => SourceWord::User,
                    Source::Derived => SourceWord::Derived,
                },
                advice: recipe.map_or(row.field.advice, |recipe| recipe.advice(row.field)).to_owned(),
            }
        })
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "bounds of fields are small or endless")]
fn kind(kind: &Kind) -> FieldKind {
    let bound = |number: f64| (number.abs() < 1e15).then_some(number);
    match kind {
        Kind::Flag => FieldKind::Flag,
        Kind::Integer(min, max) => FieldKind::Integer { min: bound(*min as f64), max: bound(*max as f64) },
        Kind::Number(min, max) => FieldKind::Number { min: bound(*min), max: bound(*max) },
        Kind::Text => FieldKind::Text,
        Kind::Path => FieldKind::Path,
        Kind::Choice(words) => {
            FieldKind::Choice { words: words.iter().map(|word| (*word).to_owned()).collect() }
        }
        Kind::List => FieldKind::List,
    }
}

fn problem(blocks: bool, key: Option<&str>, problem: ProblemWord, name: &str) -> PlanProblem {
    PlanProblem { blocks, key: key.map(str::to_owned), problem, name: name.to_owned(), detail: None }
}

/// A problem that the core has words for. Where a value came from is plain here: from the wizard.
fn told(key: Option<&str>, what: ProblemWord, error: &impl ToString) -> PlanProblem {
    let text = error.to_string();
    let text = ["--set: ", "the plan: "].iter().find_map(|origin| text.strip_prefix(origin)).unwrap_or(&text);
    PlanProblem { detail: Some(text.to_owned()), ..problem(true, key, what, "") }
}

/// The key of a plan that an error is about.
fn key_of(error: &AppError) -> Option<&'static str> {
    match error {
        AppError::Plan(PlanError::BadValue { key, .. }) => Some(key),
        AppError::Plan(PlanError::Contradiction { first, .. }) => Some(first),
        _ => None,
    }
}

impl Inner {
    pub(crate) fn list_recipes(&self, _: Nothing) -> Reply<Vec<RecipeCard>> {
        let users = self.library()?.folder().join("recipes");
        let found =
            Recipe::names(Some(&users)).into_iter().filter_map(|name| Recipe::find(&name, Some(&users)).ok());
        Ok(found
            .map(|recipe| {
                let stage = recipe.settings().get("stage").map(text_of).unwrap_or_default();
                RecipeCard {
                    stage: if stage == "pretrain" { StageWord::Pretrain } else { StageWord::Finetune },
                    name: recipe.name,
                    summary: recipe.summary,
                }
            })
            .collect())
    }

    /// The request of a draft. Values that are no values are left out and named.
    fn plan_request(&self, draft: &RunDraft, problems: &mut Vec<PlanProblem>) -> Reply<PlanRequest> {
        let library = self.library()?;
        let mut overrides = Overrides::default();
        let chosen = draft.values.iter().filter(|(key, text)| {
            // A plan that was saved before everything was chosen comes back with gaps.
            !(text.is_empty() && NEVER_EMPTY.contains(&key.as_str()))
        });
        for (key, text) in chosen {
            if let Err(error) = overrides.set(key, text) {
                problems.push(told(Some(key), ProblemWord::NoSuchValue, &error));
            }
        }
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        Ok(PlanRequest {
            preset: named(&draft.preset),
            recipe: named(&draft.recipe),
            config: None,
            overrides,
            users_presets: Some(library.folder().join("presets")),
            users_recipes: Some(library.folder().join("recipes")),
        })
    }

    /// A draft as a plan that can be run.
    pub(crate) fn resolved(&self, draft: &RunDraft) -> Reply<ResolvedPlan> {
        let mut problems = Vec::new();
        let request = self.plan_request(draft, &mut problems)?;
        if let Some(first) = problems.first() {
            return Err(bad_request(first.detail.clone().unwrap_or_default()));
        }
        resolve_plan(&request).map_err(|error| body(&error))
    }

    pub(crate) fn preview_run(&self, request: PreviewRun) -> Reply<RunPreview> {
        let mut problems = Vec::new();
        let mut wanted = self.plan_request(&request.draft, &mut problems)?;
        if request.after.is_some() {
            // The projector will come from the run before; what stands there now does not matter.
            let _ = wanted.overrides.set("model.pretrained", "");
        }
        let resolved = match with_gaps_filled(&mut wanted, &mut problems) {
            Ok(resolved) => resolved,
            Err(error) => {
                problems.push(told(key_of(&error), ProblemWord::Unresolved, &error));
                return Ok(empty(problems));
            }
        };
        // A command with empty paths would not run.
        let gaps = problems.iter().any(|problem| problem.problem == ProblemWord::NotChosen);
        let plan = &resolved.plan;
        let with = |overrides| PlanRequest { overrides, ..wanted.clone() };
        let plain = resolve_plan(&with(only_needed(&wanted.overrides))).ok();
        let bare = with_gaps_filled(&mut with(Overrides::default()), &mut Vec::new()).ok();
        let usual = plain.map(|plain| usual(&plain.plan, bare.as_ref().map(|bare| &bare.plan)));
        self.look_at_files(plan, request.after.is_some(), &mut problems);
        let rows = self.rows_of(plan, &mut problems);
        let steps = rows.and_then(|rows| steps(plan, rows));
        let memory = self.memory_bar(&resolved);
        let fixes = match memory.fits {
            Some(false) => self.fixes(&wanted, memory.total, memory.device_memory),
            _ => Vec::new(),
        };
        if memory.fits == Some(false) {
            problems.push(problem(false, None, ProblemWord::TooLarge, ""));
        }
        if let Some(run) = self.runs.running() {
            problems.push(problem(false, None, ProblemWord::RunGoingOn, run.as_str()));
        }
        Ok(RunPreview {
            rows: plan_rows(plan, &usual.unwrap_or_default(), Some(&resolved.recipe)),
            stage: Some(stage_word(plan.stage)),
            command: match request.after {
                _ if gaps => String::new(),
                // The folder that the first command names when it ends.
                Some(_) => format!("{} --pretrained PRETRAINED", plan.to_command()),
                None => plan.to_command(),
            },
            toml: plan.to_toml(),
            memory: Some(memory),
            fixes,
            steps,
            rows_total: rows,
            trained_parameters: Some(resolved.parameters().trained()),
            ready: !problems.iter().any(|problem| problem.blocks),
            problems,
        })
    }

    /// What can be seen from outside: are the folders there, do the parts fit?
    fn look_at_files(&self, plan: &RunPlan, chained: bool, problems: &mut Vec<PlanProblem>) {
        let parts = [("model.llm", &plan.model.llm), ("model.tower", &plan.model.tower)];
        for (key, name) in parts {
            if !name.is_empty() && find_model_folder(name).is_none() {
                problems.push(problem(true, Some(key), ProblemWord::ModelNotHere, name));
            }
        }
        if plan.model.tower.is_empty() {
            problems.push(problem(false, Some("model.tower"), ProblemWord::NoTower, ""));
        }
        let pretrained =
            plan.rows().find(|row| row.field.key == "model.pretrained").map(|row| text_of(row.value));
        match pretrained.filter(|path| !path.is_empty()) {
            Some(path) if !Path::new(&path).exists() => {
                problems.push(problem(true, Some("model.pretrained"), ProblemWord::PathNotThere, &path));
            }
            None if plan.stage == Stage::Finetune && !chained && !plan.model.tower.is_empty() => {
                problems.push(problem(false, Some("model.pretrained"), ProblemWord::RandomProjector, ""));
            }
            _ => {}
        }
        let json = plan.data.json.display().to_string();
        if !json.is_empty() && !plan.data.json.is_file() {
            problems.push(problem(true, Some("data.json"), ProblemWord::PathNotThere, &json));
        }
        if let Validation::File(file) = &plan.data.validation
            && !file.is_file()
        {
            let name = file.display().to_string();
            problems.push(problem(true, Some("data.validation_file"), ProblemWord::PathNotThere, &name));
        }
        for picture in &plan.evaluation.images {
            if !Path::new(picture).is_file() {
                problems.push(problem(true, Some("evaluation.images"), ProblemWord::PathNotThere, picture));
            }
        }
        for obstacle in self.runs.preflight.obstacles(plan) {
            problems.push(told(Some(obstacle.key), ProblemWord::Unusable, &obstacle.error));
        }
    }

    /// Rows of the data file that a run will use, as far as its first rows tell.
    fn rows_of(&self, plan: &RunPlan, problems: &mut Vec<PlanProblem>) -> Option<u64> {
        if let Validation::File(file) = &plan.data.validation {
            self.rows_of_file(plan, file, "data.validation_file", problems);
        }
        self.rows_of_file(plan, &plan.data.json, "data.json", problems)
    }

    /// A file is read once as long as it stays as it is.
    fn rows_of_file(
        &self,
        plan: &RunPlan,
        file: &Path,
        key: &'static str,
        problems: &mut Vec<PlanProblem>,
    ) -> Option<u64> {
        if !file.is_file() {
            return None;
        }
        let data = match self.runs.data.look(file) {
            Ok(data) => data,
            Err(error) => {
                problems.push(told(Some(key), ProblemWord::UnreadableData, &error));
                return None;
            }
        };
        if data.rows == 0 {
            problems.push(problem(true, Some(key), ProblemWord::NoRows, ""));
            return Some(0);
        }
        let folder = (!plan.model.tower.is_empty()).then(|| ImageFolder::open(&plan.data.image_folder));
        // A folder that is not there has been told of.
        let Ok(folder) = folder.transpose() else { return Some(data.rows) };
        let first = data.first_rows(folder.as_ref(), plan.tune.llm.is_trained());
        let none_is_good = first.bad + first.useless == first.all;
        let skips = plan.data.skip_bad_rows;
        if none_is_good || (first.bad > 0 && !skips) {
            let (word, count) = match none_is_good {
                true => (ProblemWord::NoGoodRows, first.all),
                false => (ProblemWord::BadRows, first.bad),
            };
            let detail = match first.example {
                Some((row, fault)) => format!("row {row}: {fault}"),
                None => AppError::NoPictures { file: file.to_owned() }.to_string(),
            };
            // Of a long file those behind may be good.
            let blocks = first.all == data.rows || (first.bad > 0 && !skips);
            let found = problem(blocks, Some(key), word, &count.to_string());
            problems.push(PlanProblem { detail: Some(detail), ..found });
        }
        Some(data.rows - first.bad - first.useless)
    }

    pub(crate) fn platform(&self) -> Platform {
        let device = self.settings.get().device;
        let chosen = self.machine.chosen().unwrap_or(device);
        match chosen.split(':').next() {
            Some("cuda") => Platform::Cuda,
            Some("vulkan" | "metal" | "wgpu") => Platform::Wgpu,
            _ => Platform::Cpu,
        }
    }

    pub(crate) fn memory_bar(&self, resolved: &ResolvedPlan) -> MemoryBar {
        let forecast = resolved.memory(self.platform());
        let part = |part: &str, memory: &PartMemory| MemoryPart {
            part: part.to_owned(),
            weights: memory.weights,
            optimiser: memory.optimiser,
            gradients: memory.gradients,
            activations: memory.activations,
        };
        let rest =
            |name: &str, bytes| part(name, &PartMemory { activations: bytes, ..PartMemory::default() });
        let device_memory = self.machine.known_memory();
        MemoryBar {
            parts: vec![
                part("language model", &forecast.llm),
                part("tower", &forecast.tower),
                part("projector", &forecast.projector),
                rest("logits", forecast.logits),
                rest("workspace", forecast.workspace),
            ],
            total: forecast.total(),
            fits: device_memory.map(|memory| forecast.total() <= memory),
            device_memory,
            device_name: self.machine.chosen().unwrap_or_default(),
        }
    }

    /// Changes that make the forecast smaller, the least painful first.
    fn fixes(&self, request: &PlanRequest, now: u64, room: Option<u64>) -> Vec<PlanFix> {
        let Ok(resolved) = resolve_plan(request) else { return Vec::new() };
        let (batch, accumulation) = (resolved.plan.train.batch, resolved.plan.train.accumulation);
        let mut ways: Vec<(FixWord, Vec<(&str, String)>)> = vec![
            (FixWord::RecomputeActivations, vec![("train.activation_checkpointing", "true".to_owned())]),
            (FixWord::FourBits, vec![("model.quantisation", "nf4-double".to_owned())]),
            (FixWord::Adapters, vec![("tune.llm.mode", "lora".to_owned())]),
        ];
        let mut half = batch / 2;
        while half >= 1 {
            let pair = vec![
                ("train.batch", half.to_string()),
                ("train.accumulation", (accumulation * (batch / half)).to_string()),
            ];
            ways.push((FixWord::SmallerBatches, pair));
            half /= 2;
        }
        let mut fixes: Vec<PlanFix> = ways
            .into_iter()
            .filter_map(|(way, values)| {
                let mut changed = request.clone();
                values.iter().try_for_each(|(key, value)| changed.overrides.set(key, value)).ok()?;
                let total = resolve_plan(&changed).ok()?.memory(self.platform()).total();
                let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
                (total < now).then_some(PlanFix { way, values, total })
            })
            .collect();
        // Of several batches that fit, the largest is enough.
        let fits = |fix: &PlanFix| room.is_some_and(|room| fix.total <= room);
        if let Some(first) = fixes.iter().position(|fix| fix.values.contains_key("train.batch") && fits(fix))
        {
            fixes.truncate(first + 1);
        }
        fixes
    }

    pub(crate) fn read_draft(&self, request: ReadDraft) -> Reply<RunDraft> {
        if request.toml.len() > LONGEST {
            return Err(bad_request("the text is far longer than any plan"));
        }
        let overrides = Overrides::from_toml("the text", &request.toml)
            .map_err(|error| bad_request(error.to_string()))?;
        Ok(draft_of(&overrides, None))
    }
}

/// A draft with every value of some overrides.
pub(crate) fn draft_of(overrides: &Overrides, name: Option<String>) -> RunDraft {
    let values = overrides.settings().iter().map(|(field, value)| (field.key.to_owned(), text_of(value)));
    RunDraft {
        recipe: overrides.recipe.clone().unwrap_or_default(),
        preset: overrides.preset.clone().unwrap_or_default(),
        values: values.collect(),
        name,
        device: None,
    }
}

/// Resolves a plan also when paths are not chosen yet, and names what is missing.
fn with_gaps_filled(
    request: &mut PlanRequest,
    problems: &mut Vec<PlanProblem>,
) -> Result<ResolvedPlan, AppError> {
    match resolve_plan(request) {
        Err(AppError::Plan(PlanError::Missing { keys })) => {
            for key in keys {
                // The pictures are beside the data, wherever that will be.
                if key != "data.image_folder" {
                    problems.push(problem(true, Some(key), ProblemWord::NotChosen, key));
                }
                request.overrides.set(key, "")?;
            }
            resolve_plan(request)
        }
        other => other,
    }
}

/// What a plan cannot be without, so that everything else is as recommended.
fn only_needed(overrides: &Overrides) -> Overrides {
    let mut needed = Overrides::default();
    (needed.preset, needed.recipe) = (overrides.preset.clone(), overrides.recipe.clone());
    let kept = ["data.json", "model.llm", "model.tower", "data.template", "data.image_folder"];
    for (field, value) in overrides.settings().iter().filter(|(field, _)| kept.contains(&field.key)) {
        let _ = needed.set(field.key, &text_of(value));
    }
    needed
}

/// Optimiser steps over the rows.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts of rows"
)]
pub(crate) fn steps(plan: &RunPlan, rows: u64) -> Option<u64> {
    let share = plan.rows().find(|row| row.field.key == "data.validation_fraction")?;
    let fraction = match share.value {
        Value::Number(number) => *number,
        _ => 0.0,
    };
    let measured = (rows as f64 * fraction).round() as u64;
    Some(plan.train.run_length(rows.saturating_sub(measured)).steps)
}

fn empty(problems: Vec<PlanProblem>) -> RunPreview {
    RunPreview {
        rows: Vec::new(),
        stage: None,
        command: String::new(),
        toml: String::new(),
        memory: None,
        fixes: Vec::new(),
        steps: None,
        rows_total: None,
        trained_parameters: None,
        problems,
        ready: false,
    }
}
