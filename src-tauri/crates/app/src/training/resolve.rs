//! How do a preset or model folders, a recipe and the user's wishes become one plan?

use std::path::{Path, PathBuf};

use eyewright_data::{
    template::{ChatTemplate, GuessHints},
    tokenizer::Tokenizer,
};
use eyewright_model::{clip::ClipConfig, config::ConfigFile, llm::DecoderConfig};
use eyewright_ops::DeviceChoice;
use eyewright_train::{
    plan::{
        Forecast, LlmShapes, MemoryForecast, Overrides, Parts, Platform, Preset, Recipe, RunPlan,
        TowerShapes, TrainableParameters, Value, forecast, resolve,
    },
    run::RunDirectory,
};

use super::find_model_folder;
use crate::AppError;

/// What somebody wants to train.
#[derive(Clone, Debug, Default)]
pub struct PlanRequest {
    /// A preset's name or file; without one, the model's folders say what the network is.
    pub preset: Option<String>,
    /// A recipe's name or file.
    pub recipe: Option<String>,
    /// A TOML file of values, which may be another run's `plan.toml`.
    pub config: Option<PathBuf>,
    /// Single values; they win over the file.
    pub overrides: Overrides,
    /// Folders with further presets and recipes of the user's.
    pub users_presets: Option<PathBuf>,
    /// See [`PlanRequest::users_presets`].
    pub users_recipes: Option<PathBuf>,
}

/// A plan with what it was made of.
#[derive(Clone, Debug)]
pub struct ResolvedPlan {
    /// The plan.
    pub plan: RunPlan,
    /// The recipe, for its advice.
    pub recipe: Recipe,
    /// The network.
    pub preset: Preset,
}

impl ResolvedPlan {
    /// How many numbers are trained.
    pub fn parameters(&self) -> TrainableParameters {
        let mut parameters = TrainableParameters::of(&self.plan, &self.preset.llm, &self.preset.tower);
        if self.plan.model.tower.is_empty() {
            parameters.tower = Default::default();
            parameters.projector = Default::default();
        }
        parameters
    }

    /// How much memory the run will take at its peak, for the longest row the plan lets through.
    pub fn memory(&self, platform: Platform) -> MemoryForecast {
        forecast(&self.plan, &Forecast::longest_row(&self.plan, self.preset.llm, self.preset.tower, platform))
    }
}

impl ResolvedPlan {
    /// As [`Self::memory`], on a device and for rows of so many positions.
    pub fn memory_for(&self, device: DeviceChoice, sequence: usize) -> MemoryForecast {
        let platform = match device {
            DeviceChoice::Cuda(_) => Platform::Cuda,
            DeviceChoice::Vulkan | DeviceChoice::Metal | DeviceChoice::Wgpu => Platform::Wgpu,
            DeviceChoice::Auto | DeviceChoice::Cpu => Platform::Cpu,
        };
        let longest = Forecast::longest_row(&self.plan, self.preset.llm, self.preset.tower, platform);
        forecast(&self.plan, &Forecast { sequence, ..longest })
    }
}

/// Makes a plan. Reads small files only; no data, no weights, no device.
///
/// # Errors
/// An unknown preset or recipe, values that do not fit, or model folders that cannot be read.
pub fn resolve_plan(request: &PlanRequest) -> Result<ResolvedPlan, AppError> {
    let mut overrides = match &request.config {
        Some(file) => Overrides::read(file)?,
        None => Overrides::default(),
    };
    let mut wishes = request.overrides.clone();
    wishes.preset = request.preset.clone().or(wishes.preset);
    wishes.recipe = request.recipe.clone().or(wishes.recipe);
    overrides.override_with(&wishes);
    let recipe = overrides.recipe.clone().filter(|name| !name.is_empty());
    let recipe = recipe.ok_or_else(|| AppError::NoRecipe { names: Recipe::names(None) })?;
    let recipe = Recipe::find(&recipe, request.users_recipes.as_deref())?;
    let wish = |key: &str| match overrides.settings().get(key) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let preset = match overrides.preset.clone().filter(|name| !name.is_empty()) {
        Some(name) => {
            let preset = Preset::find(&name, request.users_presets.as_deref())?;
            let llm = wish("model.llm").or_else(|| preset.llm_source()).unwrap_or_default();
            let tower = wish("model.tower").or_else(|| preset.tower_source()).unwrap_or_default();
            with_real_shapes(preset, &llm, &tower)
        }
        None => {
            let llm = wish("model.llm").ok_or_else(|| AppError::NoModel { names: Preset::names(None) })?;
            preset_of_folders(&llm, &wish("model.tower").unwrap_or_default())?
        }
    };
    let plan = resolve(&preset, &recipe, &overrides)?;
    Ok(ResolvedPlan { plan, recipe, preset })
}

/// The plan of a run that is to be resumed, with wishes that do not decide training.
///
/// # Errors
/// There is no run, its plan is damaged, or a wish would change the course of training.
pub fn plan_of_run(folder: &Path, wishes: &Overrides) -> Result<RunPlan, AppError> {
    let file = RunDirectory::plan_file(folder)?;
    let there = RunPlan::read(&file)?;
    let here = there.with_wishes(wishes)?;
    let differences = here.differences(&there);
    if differences.is_empty() {
        Ok(here)
    } else {
        Err(eyewright_train::run::RunError::OtherPlan { differences }.into())
    }
}

/// What lies on disk is the truth about sizes; a preset's are for models that are not there yet.
fn with_real_shapes(preset: Preset, llm: &str, tower: &str) -> Preset {
    let decoder = find_model_folder(llm).and_then(|folder| decoder_config(&folder).ok());
    let clip = find_model_folder(tower).and_then(|folder| clip_config(&folder).ok());
    match decoder {
        Some((decoder, _)) => {
            preset.with_shapes(LlmShapes::from(&decoder), clip.as_ref().map(TowerShapes::from))
        }
        None => preset,
    }
}

fn preset_of_folders(llm: &str, tower: &str) -> Result<Preset, AppError> {
    let llm_folder = existing(llm)?;
    let (decoder, own_clip) = decoder_config(&llm_folder)?;
    let (tower, clip) = match (own_clip, tower.is_empty()) {
        (Some(clip), true) => (llm.to_owned(), Some(clip)),
        (_, true) => (String::new(), None),
        (_, false) => (tower.to_owned(), Some(clip_config(&existing(tower)?)?)),
    };
    let template = guess_template(&llm_folder, &decoder.model_type)?;
    let parts = Parts {
        llm_folder: llm,
        tower_folder: &tower,
        llm: LlmShapes::from(&decoder),
        tower: clip.as_ref().map(TowerShapes::from),
        max_position: decoder.max_position,
        template: &template,
    };
    Ok(Preset::of_parts(&parts)?)
}

/// The folder, or an error that says where it was looked for.
pub(super) fn existing(name: &str) -> Result<PathBuf, AppError> {
    find_model_folder(name).ok_or_else(|| AppError::NoModelFolder { name: name.to_owned() })
}

fn decoder_config(folder: &Path) -> Result<(DecoderConfig, Option<ClipConfig>), AppError> {
    let json = ConfigFile::read(&folder.join("config.json"))?;
    let vision = json.object("vision_config")?;
    match json.object("text_config")? {
        Some(text) => {
            let clip = vision.as_ref().map(ClipConfig::from_config).transpose()?;
            Ok((DecoderConfig::from_config(&text)?, clip))
        }
        None => Ok((DecoderConfig::from_config(&json)?, None)),
    }
}

fn clip_config(folder: &Path) -> Result<ClipConfig, AppError> {
    let json = ConfigFile::read(&folder.join("config.json"))?;
    let llava = json.text("model_type")? == Some("llava");
    let vision = if llava { json.object("vision_config")? } else { None };
    Ok(ClipConfig::from_config(vision.as_ref().unwrap_or(&json))?)
}

fn guess_template(folder: &Path, model_type: &str) -> Result<String, AppError> {
    let tokenizer = Tokenizer::open(folder)?;
    let hints = GuessHints {
        model_type: Some(model_type),
        has_token: &|token| tokenizer.id(token).is_some(),
        chat_template: tokenizer.chat_template(),
        folder_name: folder.file_name().and_then(|name| name.to_str()),
    };
    Ok(ChatTemplate::guess(&hints).0.name().to_owned())
}
