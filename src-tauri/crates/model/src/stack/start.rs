//! Which parts does training start from, and how do they reach the device?
//!
//! Unlike a model to chat with, a model to be trained may have no projector yet, and its language model may be
//! stored in 4 bits.

use std::path::PathBuf;

use burn::tensor::{DType, Device};

use super::{
    PartFiles, StackError, StackFiles, StackPaths,
    find::{find_llm, find_projector, find_tower},
    fit::{check_layer, check_widths},
    load::{load_decoder, load_projector, load_tower},
};
use crate::{
    clip::TowerConfig,
    config::ConfigFile,
    llava::{Llava, VisionEye},
    llm::DecoderConfig,
    projector::ProjectorConfig,
    quant::Precision,
};

/// Where the parts of a model to be trained are.
#[derive(Clone, Debug, Default)]
pub struct StartPaths {
    /// A language model's folder, or a complete llava-hf folder.
    pub llm: PathBuf,
    /// A CLIP folder; none for a model that only reads, or if the other folder brings one.
    pub tower: Option<PathBuf>,
    /// Where the projector starts; none for random numbers.
    pub projector: Option<PathBuf>,
    /// Linear layers of the projector.
    pub projector_depth: usize,
    /// Hidden state of the tower that is read.
    pub select_layer: i64,
}

/// Everything needed to load a model that is to be trained; no tensor has been read.
#[derive(Debug)]
pub struct StartFiles {
    /// The language model.
    pub llm: PartFiles<DecoderConfig>,
    /// What it will see with.
    pub eye: Option<StartEye>,
}

/// Tower and projector of a model to be trained.
#[derive(Debug)]
pub struct StartEye {
    /// The tower.
    pub tower: PartFiles<TowerConfig>,
    /// The folder whose `preprocessor_config.json` says how pictures are prepared.
    pub preprocessor: PathBuf,
    /// What the projector is.
    pub projector_config: ProjectorConfig,
    /// Its numbers; random ones if absent.
    pub projector: Option<PartFiles<ProjectorConfig>>,
}

impl StartFiles {
    /// Finds and opens the parts.
    ///
    /// # Errors
    /// A part is missing, damaged, or made for another one. A projector that does not fit is never replaced by
    /// random numbers.
    pub fn find(paths: &StartPaths) -> Result<Self, StackError> {
        for path in [Some(&paths.llm), paths.tower.as_ref(), paths.projector.as_ref()].into_iter().flatten() {
            if !path.exists() {
                return Err(StackError::NotFound { path: path.clone() });
            }
        }
        let json = ConfigFile::read(&paths.llm.join("config.json"))?;
        if json.text("model_type")? == Some("llava") {
            return Self::find_complete(paths);
        }
        let llm = find_llm(&paths.llm, &json)?;
        let Some(folder) = &paths.tower else {
            return match &paths.projector {
                Some(projector) => Err(StackError::NoTower { llava: projector.clone() }),
                None => Ok(Self { llm, eye: None }),
            };
        };
        let tower = find_tower(folder, Some(paths.select_layer))?;
        let projector = paths.projector.as_deref().map(find_projector).transpose()?;
        let config = ProjectorConfig {
            vision_width: tower.config.clip.hidden,
            text_width: llm.config.hidden,
            depth: paths.projector_depth,
            activation: eyewright_ops::Activation::Gelu,
            bias: true,
        };
        let eye = StartEye { tower, preprocessor: folder.clone(), projector_config: config, projector };
        Self { llm, eye: Some(eye) }.checked(paths)
    }

    fn find_complete(paths: &StartPaths) -> Result<Self, StackError> {
        if paths.tower.as_ref().is_some_and(|tower| tower != &paths.llm) {
            return Err(StackError::TwoTowers { path: paths.llm.clone() });
        }
        let whole = StackFiles::find(&StackPaths {
            model: paths.llm.clone(),
            visual_select_layer: Some(paths.select_layer),
            ..StackPaths::default()
        })?;
        let projector = paths.projector.as_deref().map(find_projector).transpose()?;
        let eye = whole.eye.map(|eye| StartEye {
            tower: eye.tower,
            preprocessor: eye.preprocessor,
            projector_config: eye.projector.config.clone(),
            projector: Some(projector.unwrap_or(eye.projector)),
        });
        Self { llm: whole.llm, eye }.checked(paths)
    }

    /// The projector that was found fits tower, language model and plan; its own config is taken over.
    fn checked(mut self, paths: &StartPaths) -> Result<Self, StackError> {
        let Some(eye) = &mut self.eye else { return Ok(self) };
        check_layer(&eye.tower.config, &eye.preprocessor)?;
        let Some(found) = &eye.projector else { return Ok(self) };
        check_widths(found, eye.tower.config.clip.hidden, self.llm.config.hidden)?;
        let (depth, expected) = (found.config.depth, paths.projector_depth);
        if depth != expected {
            let projector = found.checkpoint.path().to_owned();
            return Err(StackError::ProjectorDepth { projector, found: depth, expected });
        }
        eye.projector_config = found.config.clone();
        Ok(self)
    }

    /// Bytes of the tensors that will be read, at most.
    pub fn bytes(&self) -> u64 {
        let eye = self.eye.as_ref();
        let tower = eye.map_or(0, |eye| eye.tower.checkpoint.bytes());
        let projector = eye.and_then(|eye| eye.projector.as_ref());
        self.llm.checkpoint.bytes() + tower + projector.map_or(0, |projector| projector.checkpoint.bytes())
    }

    /// Reads all parts into `dtype`, the language model's blocks as `precision` says. A projector without numbers
    /// gets random ones from `seed`. `progress` is told bytes as they are read.
    ///
    /// # Errors
    /// If a checkpoint does not fit its configuration or a file is damaged.
    pub fn load(
        &self,
        device: &Device,
        dtype: DType,
        precision: Precision,
        seed: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Llava, StackError> {
        let decoder = load_decoder(&self.llm, precision, device, dtype, progress)?;
        let Some(eye) = &self.eye else { return Ok(Llava { decoder, eye: None }) };
        let tower = load_tower(&eye.tower, device, dtype, progress)?;
        let projector = match &eye.projector {
            Some(found) => load_projector(found, device, dtype, progress)?,
            None => eye.projector_config.fresh(seed, device),
        };
        Ok(Llava { decoder, eye: Some(VisionEye { tower, projector }) })
    }
}
