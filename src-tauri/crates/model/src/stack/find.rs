//! Which parts of a model lie in the given folders?

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    StackError, TrainedModel, TrainedPart,
    fit::{check_layer, check_widths},
    trained::TRAINED,
};
use crate::{
    adapter::{Adapter, AdapterConfig},
    clip::{ClipConfig, FeatureSelect, TowerConfig},
    config::ConfigFile,
    llm::DecoderConfig,
    projector::ProjectorConfig,
    weights::{Checkpoint, KeyMap},
};

/// Where the user says the parts are.
#[derive(Clone, Debug, Default)]
pub struct StackPaths {
    /// A language model's folder, a complete llava-hf folder, or a run of our own (or one of its checkpoints).
    pub model: PathBuf,
    /// A CLIP folder, unless another folder brings the tower.
    pub visual_encoder: Option<PathBuf>,
    /// A folder as XTuner exports it (`projector/`, `llm_adapter/`, `visual_encoder_adapter/`,
    /// `visual_encoder/`), a bare projector folder, a `.pth`/`.bin` file with a projector in it, or a run of our
    /// own (or one of its checkpoints).
    pub llava: Option<PathBuf>,
    /// Which hidden state of the tower is read; LLaVA's is -2.
    pub visual_select_layer: Option<i64>,
}

/// A part's configuration and where its tensors are.
#[derive(Clone, Debug)]
pub struct PartFiles<C> {
    /// What the part is.
    pub config: C,
    /// Its tensors; several parts may share one checkpoint.
    pub checkpoint: Arc<Checkpoint>,
    /// How the checkpoint spells their names.
    pub keys: KeyMap,
}

/// Tower and projector.
#[derive(Clone, Debug)]
pub struct EyeFiles {
    /// The vision tower.
    pub tower: PartFiles<TowerConfig>,
    /// The projector.
    pub projector: PartFiles<ProjectorConfig>,
    /// The folder whose `preprocessor_config.json` says how pictures are prepared.
    pub preprocessor: PathBuf,
}

/// What the folders turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackKind {
    /// A language model that cannot see.
    LanguageModel,
    /// One folder with everything, as transformers writes it.
    LlavaHf,
    /// A language model, a tower and a projector given separately.
    Parts,
}

/// Everything needed to load a model, checked to fit together; no tensor has been read.
#[derive(Debug)]
pub struct StackFiles {
    /// What the folders turned out to be.
    pub kind: StackKind,
    /// The language model.
    pub llm: PartFiles<DecoderConfig>,
    /// What it sees with.
    pub eye: Option<EyeFiles>,
    /// LoRA beside the language model.
    pub llm_adapter: Option<Adapter>,
    /// LoRA beside the tower.
    pub tower_adapter: Option<Adapter>,
    /// What a run of our own says about its model.
    pub trained: Option<TrainedModel>,
}

impl StackPaths {
    /// The same paths, where a run of our own that stands for the whole model is replaced by its base and its
    /// checkpoint; and what the run says about its model.
    ///
    /// # Errors
    /// A run without a checkpoint, or one that is damaged.
    pub fn resolved(&self) -> Result<(Self, Option<TrainedModel>), StackError> {
        if let Some((trained, folder)) = TrainedModel::find(&self.model)? {
            if self.llava.is_some() {
                return Err(StackError::Complete { path: self.model.clone() });
            }
            let paths = Self { model: trained.llm.clone(), llava: Some(folder), ..self.clone() };
            return Ok((paths, Some(trained)));
        }
        let found = self.llava.as_deref().map(TrainedModel::find).transpose()?.flatten();
        Ok(match found {
            Some((trained, folder)) => (Self { llava: Some(folder), ..self.clone() }, Some(trained)),
            None => (self.clone(), None),
        })
    }
}

impl StackFiles {
    /// Finds and opens the parts.
    ///
    /// # Errors
    /// If a part is missing, damaged, or made for another one.
    pub fn find(paths: &StackPaths) -> Result<Self, StackError> {
        let (paths, trained) = &paths.resolved()?;
        for path in
            [Some(&paths.model), paths.visual_encoder.as_ref(), paths.llava.as_ref()].into_iter().flatten()
        {
            if !path.exists() {
                return Err(StackError::NotFound { path: path.clone() });
            }
        }
        let json = ConfigFile::read(&paths.model.join("config.json"))?;
        let stack = if let Some(trained) = trained {
            find_trained(paths, &json, trained)?
        } else if json.text("model_type")? == Some("llava") && json.get("mm_vision_tower").is_none() {
            if paths.llava.is_some() || paths.visual_encoder.is_some() {
                return Err(StackError::Complete { path: paths.model.clone() });
            }
            find_llava_hf(paths, &json)?
        } else if json.get("mm_vision_tower").is_some() && paths.llava.is_none() {
            find_llava_own(paths, &json)?
        } else {
            find_parts(paths, &json)?
        };
        if let Some(eye) = &stack.eye {
            check_widths(&eye.projector, eye.tower.config.clip.hidden, stack.llm.config.hidden)?;
            check_layer(&eye.tower.config, &eye.preprocessor)?;
        }
        Ok(stack)
    }

    /// Bytes of the tensors that will be read, at most.
    pub fn bytes(&self) -> u64 {
        let mut seen: Vec<&Arc<Checkpoint>> = vec![&self.llm.checkpoint];
        for checkpoint in self.eye.iter().flat_map(|eye| [&eye.tower.checkpoint, &eye.projector.checkpoint]) {
            if !seen.iter().any(|other| Arc::ptr_eq(other, checkpoint)) {
                seen.push(checkpoint);
            }
        }
        seen.iter().map(|checkpoint| checkpoint.bytes()).sum()
    }
}

fn find_llava_hf(paths: &StackPaths, json: &ConfigFile) -> Result<StackFiles, StackError> {
    let checkpoint = Arc::new(Checkpoint::open(&paths.model)?);
    let text = json.object("text_config")?.ok_or_else(|| json.missing("text_config"))?;
    let vision = json.object("vision_config")?.ok_or_else(|| json.missing("vision_config"))?;
    let mut llm = DecoderConfig::from_config(&text)?;
    if let Some(tied) = json.get("tie_word_embeddings").and_then(|value| value.as_bool()) {
        llm.tied_head =
            tied && text.get("tie_word_embeddings").is_none_or(|value| value.as_bool() == Some(true));
    }
    let clip = ClipConfig::from_config(&vision)?;
    let feature_layer = match json.get("vision_feature_layer") {
        None => -2,
        Some(value) => value.as_i64().ok_or_else(|| {
            json.wrong("vision_feature_layer", "one whole number (several layers are not supported)")
        })?,
    };
    let select = match json.text("vision_feature_select_strategy")?.unwrap_or("default") {
        "default" => FeatureSelect::Patches,
        "full" => FeatureSelect::Full,
        _ => return Err(json.wrong("vision_feature_select_strategy", "default or full").into()),
    };
    let activation = json.text("projector_hidden_act")?.unwrap_or("gelu");
    let projector = ProjectorConfig {
        vision_width: clip.hidden,
        text_width: llm.hidden,
        depth: 2,
        activation: activation
            .parse()
            .map_err(|_| json.wrong("projector_hidden_act", "a known activation, such as gelu"))?,
        bias: json.flag("multimodal_projector_bias", true)?,
    };
    let hint = "is this a LlavaForConditionalGeneration folder, fully downloaded?";
    let no = |part| StackError::NoPart { path: paths.model.clone(), part, hint };
    let llm_keys = KeyMap::of_language_model(&checkpoint).ok_or_else(|| no("language model"))?;
    let tower_keys = KeyMap::of_tower(&checkpoint).ok_or_else(|| no("vision tower"))?;
    let projector_keys = KeyMap::of_projector(&checkpoint).ok_or_else(|| no("projector"))?;
    let feature_layer = paths.visual_select_layer.unwrap_or(feature_layer);
    let tower = TowerConfig { clip, feature_layer, select };
    Ok(StackFiles {
        kind: StackKind::LlavaHf,
        llm: PartFiles { config: llm, checkpoint: checkpoint.clone(), keys: llm_keys },
        eye: Some(EyeFiles {
            tower: PartFiles { config: tower, checkpoint: checkpoint.clone(), keys: tower_keys },
            projector: PartFiles { config: projector, checkpoint, keys: projector_keys },
            preprocessor: paths.model.clone(),
        }),
        llm_adapter: None,
        tower_adapter: None,
        trained: None,
    })
}

fn find_parts(paths: &StackPaths, json: &ConfigFile) -> Result<StackFiles, StackError> {
    let llm = find_llm(&paths.model, json)?;
    let mut stack = reading_only(llm);
    let Some(llava) = &paths.llava else {
        return match &paths.visual_encoder {
            Some(tower) => Err(StackError::NoProjector { tower: tower.clone() }),
            None => Ok(stack),
        };
    };
    let own_tower = Some(llava.join("visual_encoder")).filter(|folder| folder.is_dir());
    let tower_folder = match (own_tower, &paths.visual_encoder) {
        (Some(_), Some(_)) => return Err(StackError::TwoTowers { path: llava.clone() }),
        (Some(own), None) => own,
        (None, Some(given)) => given.clone(),
        (None, None) => return Err(StackError::NoTower { llava: llava.clone() }),
    };
    let tower = find_tower(&tower_folder, paths.visual_select_layer)?;
    let projector = find_projector(llava)?;
    let mut eye = EyeFiles { tower, projector, preprocessor: tower_folder };
    if ["projector", "llm_adapter", "visual_encoder_adapter"].iter().any(|part| llava.join(part).is_dir()) {
        if is_another_model(llava, &paths.model) {
            return Err(StackError::OwnModel { path: llava.clone() });
        }
        let adapter = |name: &str| {
            let folder = llava.join(name);
            folder.is_dir().then(|| Adapter::open(&folder)).transpose()
        };
        stack.llm_adapter = adapter("llm_adapter")?;
        stack.tower_adapter = adapter("visual_encoder_adapter")?;
    } else if llava.join("adapter_config.json").is_file() {
        // As LLaVA's LoRA scripts leave it.
        stack.llm_adapter = Some(Adapter::open(llava)?);
    } else {
        take_from_pth(&mut stack, &mut eye)?;
    }
    stack.kind = StackKind::Parts;
    stack.eye = Some(eye);
    Ok(stack)
}

/// What a `.pth` (DeepSpeed's is a folder) holds beside the projector: adapters, or a part that was trained in full and
/// stands in its base's place.
fn take_from_pth(stack: &mut StackFiles, eye: &mut EyeFiles) -> Result<(), StackError> {
    let file = eye.projector.checkpoint.clone();
    stack.llm_adapter = adapter_in_pth(file.path(), "llm.", AdapterConfig::assumed(XTUNER_LLM))?;
    if stack.llm_adapter.is_none() && holds(&file, "llm.") {
        (stack.llm.checkpoint, stack.llm.keys) = (file.clone(), KeyMap::TRAINED_LLM);
    }
    stack.tower_adapter =
        adapter_in_pth(file.path(), "visual_encoder.", AdapterConfig::assumed(XTUNER_TOWER))?;
    if stack.tower_adapter.is_none() && holds(&file, "visual_encoder.") {
        (eye.tower.checkpoint, eye.tower.keys) = (file, KeyMap::TRAINED_TOWER);
    }
    Ok(())
}

fn holds(checkpoint: &Checkpoint, prefix: &str) -> bool {
    checkpoint.names().any(|name| name.starts_with(prefix))
}

/// Whether XTuner left a fully trained language model at the top of its folder, and another one was given.
fn is_another_model(llava: &Path, model: &Path) -> bool {
    let same = llava.canonicalize().ok() == model.canonicalize().ok();
    let weights = || Checkpoint::open(llava).ok().and_then(|file| KeyMap::of_language_model(&file));
    !same && llava.join("config.json").is_file() && weights().is_some()
}

/// A merged model as LLaVA's own repository writes it: the projector lies among the language model's tensors, the
/// tower in a folder that the configuration names or that lies inside.
fn find_llava_own(paths: &StackPaths, json: &ConfigFile) -> Result<StackFiles, StackError> {
    let mut fields = json.all().clone();
    let family = match json.text("model_type")? {
        Some("llava_qwen") => "qwen2",
        Some("llava_mistral") => "mistral",
        _ => "llama",
    };
    fields.insert("model_type".into(), family.into());
    let json = ConfigFile::from_json(json.file(), fields.into())?;
    let mut stack = reading_only(find_llm(&paths.model, &json)?);
    let named = json.text("mm_vision_tower")?.map(PathBuf::from);
    let inside = paths.model.join("clip-vision-tower");
    let candidates = [paths.visual_encoder.clone(), Some(inside), named];
    let tower = candidates.into_iter().flatten().find(|folder| folder.is_dir());
    let tower = tower.ok_or_else(|| StackError::NoTower { llava: paths.model.clone() })?;
    let layer = json.get("mm_vision_select_layer").and_then(serde_json::Value::as_i64);
    let layer = paths.visual_select_layer.or(layer);
    let projector = find_projector(&paths.model)?;
    stack.kind = StackKind::Parts;
    stack.eye = Some(EyeFiles { tower: find_tower(&tower, layer)?, projector, preprocessor: tower });
    Ok(stack)
}

fn reading_only(llm: PartFiles<DecoderConfig>) -> StackFiles {
    StackFiles {
        kind: StackKind::LanguageModel,
        llm,
        eye: None,
        llm_adapter: None,
        tower_adapter: None,
        trained: None,
    }
}

/// The base of a run of our own, with what the run has trained in its place.
fn find_trained(
    paths: &StackPaths,
    json: &ConfigFile,
    trained: &TrainedModel,
) -> Result<StackFiles, StackError> {
    let folder = paths.llava.as_deref().unwrap_or(&paths.model);
    let file = folder.join(TRAINED);
    let checkpoint = Arc::new(Checkpoint::open(&file)?);
    let layer = paths.visual_select_layer.or(Some(trained.select_layer));
    let mut stack = if json.text("model_type")? == Some("llava") {
        find_llava_hf(&StackPaths { visual_select_layer: layer, ..paths.clone() }, json)?
    } else {
        reading_only(find_llm(&paths.model, json)?)
    };
    if let Some(tower) = paths.visual_encoder.as_ref().or(trained.tower.as_ref()) {
        if !tower.exists() {
            return Err(StackError::NotFound { path: tower.clone() });
        }
        let (tower, preprocessor) = (find_tower(tower, layer)?, tower.clone());
        let projector = find_projector(&TrainedModel::projector_file(folder))?;
        stack.kind = StackKind::Parts;
        stack.eye = Some(EyeFiles { tower, projector, preprocessor });
    } else if let Some(eye) = &mut stack.eye {
        eye.projector = find_projector(&TrainedModel::projector_file(folder))?;
    }
    let no = |part| StackError::NoPart {
        path: file.clone(),
        part,
        hint: "the checkpoint does not hold what its model.json says; use another one",
    };
    match trained.llm_part {
        TrainedPart::Frozen => {}
        TrainedPart::Full => {
            stack.llm.keys = KeyMap::of_language_model(&checkpoint).ok_or_else(|| no("language model"))?;
            stack.llm.checkpoint = checkpoint.clone();
        }
        TrainedPart::Lora { alpha, .. } => {
            stack.llm_adapter = adapter_in_pth(&file, "llm.", AdapterConfig::plain(alpha))?;
        }
    }
    if let Some(eye) = &mut stack.eye {
        match trained.tower_part {
            TrainedPart::Frozen => {}
            TrainedPart::Full => {
                eye.tower.keys = KeyMap::of_tower(&checkpoint).ok_or_else(|| no("vision tower"))?;
                eye.tower.checkpoint = checkpoint;
            }
            TrainedPart::Lora { alpha, .. } => {
                stack.tower_adapter = adapter_in_pth(&file, "visual_encoder.", AdapterConfig::plain(alpha))?;
            }
        }
    }
    stack.trained = Some(trained.clone());
    Ok(stack)
}

/// The language model of a folder that is no llava-hf.
pub(super) fn find_llm(folder: &Path, json: &ConfigFile) -> Result<PartFiles<DecoderConfig>, StackError> {
    let checkpoint = Arc::new(Checkpoint::open(folder)?);
    let keys = KeyMap::of_language_model(&checkpoint).ok_or_else(|| StackError::NoPart {
        path: folder.to_owned(),
        part: "language model",
        hint: "give the folder of a chat model in Hugging Face form",
    })?;
    Ok(PartFiles { config: DecoderConfig::from_config(json)?, checkpoint, keys })
}

pub(super) fn find_tower(folder: &Path, layer: Option<i64>) -> Result<PartFiles<TowerConfig>, StackError> {
    let clip = ClipConfig::from_config(&ConfigFile::read(&folder.join("config.json"))?)?;
    let checkpoint = Arc::new(Checkpoint::open(folder)?);
    let keys = KeyMap::of_tower(&checkpoint).ok_or_else(|| StackError::NoPart {
        path: folder.to_owned(),
        part: "CLIP vision tower",
        hint: "give the folder of a CLIP model, such as clip-vit-large-patch14-336",
    })?;
    let mut config = TowerConfig::llava(clip);
    config.feature_layer = layer.unwrap_or(config.feature_layer);
    Ok(PartFiles { config, checkpoint, keys })
}

/// A projector's folder says what it is; in a bare file, or in a whole llava-hf model, shapes do.
pub(super) fn find_projector(llava: &Path) -> Result<PartFiles<ProjectorConfig>, StackError> {
    let inner = llava.join("projector");
    let beside = llava.join("non_lora_trainables.bin");
    let place = match TrainedModel::find(llava)? {
        None if beside.is_file() => beside,
        Some((_, folder)) => TrainedModel::projector_file(&folder),
        None if inner.is_dir() => inner,
        None => llava.to_owned(),
    };
    let checkpoint = Arc::new(Checkpoint::open(&place)?);
    let no_projector = || StackError::NoPart {
        path: place.clone(),
        part: "projector",
        hint: "expected `projector/` with config.json and weights, or a file with projector tensors",
    };
    let keys = KeyMap::of_projector(&checkpoint).ok_or_else(no_projector)?;
    let json = place.join("config.json");
    let json = (place.is_dir() && json.is_file()).then(|| ConfigFile::read(&json)).transpose()?;
    let own = json.filter(|json| json.get("llm_hidden_size").is_some());
    let config = match own {
        Some(json) => ProjectorConfig::from_config(&json)?,
        None => config_from_shapes(&checkpoint, keys).ok_or_else(no_projector)?,
    };
    Ok(PartFiles { config, checkpoint, keys })
}

/// XTuner and LLaVA both put an exact GELU between the layers.
fn config_from_shapes(checkpoint: &Checkpoint, keys: KeyMap) -> Option<ProjectorConfig> {
    let shape = |index: usize| checkpoint.get(&keys.in_file(&format!("model.{}.weight", 2 * index)));
    let &[text_width, vision_width] = shape(0)?.shape.as_slice() else { return None };
    Some(ProjectorConfig {
        vision_width,
        text_width,
        depth: (0..16).take_while(|index| shape(*index).is_some()).count(),
        activation: eyewright_ops::Activation::Gelu,
        bias: checkpoint.get(&keys.in_file("model.0.bias")).is_some(),
    })
}

/// A `.pth` does not say its adapters' alpha. These are ranks and alphas of XTuner's LLaVA configurations.
const XTUNER_LLM: (usize, f64) = (512, 256.0);
const XTUNER_TOWER: (usize, f64) = (64, 16.0);

fn adapter_in_pth(file: &Path, prefix: &str, config: AdapterConfig) -> Result<Option<Adapter>, StackError> {
    let checkpoint = Checkpoint::open(file)?;
    if !checkpoint.names().any(|name| name.starts_with(prefix) && name.contains(".lora_")) {
        return Ok(None);
    }
    Ok(Some(Adapter::within(checkpoint, prefix, config)?))
}
