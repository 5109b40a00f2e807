//! Why do the given folders not make a model?

use std::path::PathBuf;

use crate::{
    adapter::AdapterError,
    config::ConfigError,
    weights::{LoadError, WeightsError},
};

/// Folders and files that do not make a model together.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A path that does not exist.
    #[error("`{}` does not exist", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A checkpoint does not fit its configuration.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An adapter does not fit.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A part that should be in a checkpoint is not.
    #[error("`{}` holds no {part}; {hint}", path.display())]
    NoPart {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        part: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A projector without a tower to feed it.
    #[error(
        "`{}` is a projector, but no vision tower is given; add `--visual-encoder FOLDER` (a CLIP model)",
        llava.display()
    )]
    NoTower {
        /// The projector's folder.
        llava: PathBuf,
    },
    /// A tower without a projector to translate for it.
    #[error(
        "a vision tower is given (`{}`) but no projector; add `--llava FOLDER` (with `projector/`, or a .pth)",
        tower.display()
    )]
    NoProjector {
        /// The tower's folder.
        tower: PathBuf,
    },
    /// A tower where one is already inside.
    #[error("`{}` brings its own vision tower, so `--visual-encoder` must not be given", path.display())]
    TwoTowers {
        /// The folder that brings one.
        path: PathBuf,
    },
    /// An eye for a model that has one.
    #[error("`{}` is a complete LLaVA model; `--llava` and `--visual-encoder` must not be given", path.display())]
    Complete {
        /// The model's folder.
        path: PathBuf,
    },
    /// A folder whose own language model would be passed over.
    #[error(
        "`{}` brings a language model that was trained in full; give that folder as the language model too",
        path.display()
    )]
    OwnModel {
        /// The folder that brings one.
        path: PathBuf,
    },
    /// The projector was made for a tower of another width.
    #[error(
        "the projector in `{}` maps {vision} → {text}; the vision tower's features are {tower} wide. \
         It was trained with another tower",
        projector.display()
    )]
    TowerWidth {
        /// The projector.
        projector: PathBuf,
        /// Its input width.
        vision: usize,
        /// Its output width.
        text: usize,
        /// The tower's width.
        tower: usize,
    },
    /// The projector was made for a language model of another width.
    #[error(
        "the projector in `{}` maps {vision} → {text}; the language model is {llm} wide. \
         It was trained for another language model",
        projector.display()
    )]
    TextWidth {
        /// The projector.
        projector: PathBuf,
        /// Its input width.
        vision: usize,
        /// Its output width.
        text: usize,
        /// The language model's width.
        llm: usize,
    },
    /// The layer to read does not exist in the tower.
    #[error(
        "vision feature layer {layer} does not exist; the tower in `{}` has {states} hidden states",
        config.display()
    )]
    FeatureLayer {
        /// The configuration that says how many layers there are.
        config: PathBuf,
        /// The layer asked for.
        layer: i64,
        /// Hidden states of the tower.
        states: usize,
    },
    /// The description in a checkpoint of our own.
    #[error("`{}` cannot be used: {reason}", file.display())]
    Trained {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A projector of another depth than asked for.
    #[error(
        "the projector in `{}` has {found} linear layer(s), the plan asks for {expected}; \
         set `model.projector_depth={found}`",
        projector.display()
    )]
    ProjectorDepth {
        /// The projector.
        projector: PathBuf,
        /// Its layers.
        found: usize,
        /// The plan's.
        expected: usize,
    },
}
