//! What can go wrong in a use case, as every door shows it?

use std::path::PathBuf;

use eyewright_data::{
    conversation::ConversationError,
    dataset::DatasetError,
    image::{ImageConfigError, ImageError},
    template::TemplateError,
    tokenizer::TokenizerError,
};
use eyewright_infer::ChatError;
use eyewright_model::{TuneError, config::ConfigError, stack::StackError, weights::WeightsError};
use eyewright_ops::DeviceError;
use eyewright_train::{plan::PlanError, run::RunError};

/// A use case failed; the message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another form of a model.
    #[error(transparent)]
    Interop(#[from] eyewright_interop::InteropError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model's parts.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A configuration file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A picture.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// How pictures are to be prepared.
    #[error("`{}`: {source}", file.display())]
    ImageConfig {
        /// The file.
        file: PathBuf,
        /// What is wrong in it.
        source: ImageConfigError,
    },
    /// The tower and its preprocessor disagree.
    #[error(
        "`{}` makes pictures of {found} pixels; the vision tower reads {expected}. \
         The file belongs to another tower",
        file.display()
    )]
    PictureSide {
        /// The preprocessor's file.
        file: PathBuf,
        /// Side it makes.
        found: usize,
        /// Side the tower reads.
        expected: usize,
    },
    /// The dtype cannot be used there.
    #[error("device `{device}` cannot compute in {dtype}; use `--dtype f32`")]
    Dtype {
        /// The device.
        device: String,
        /// The dtype.
        dtype: &'static str,
    },
    /// A dtype's name.
    #[error("unknown dtype `{name}`; use auto, f32, f16 or bf16")]
    DtypeName {
        /// What was asked for.
        name: String,
    },
    /// The chat itself.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The conversation's form.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] crate::demo::DemoError),
    /// Writing a file of tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A plan, a preset or a recipe.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// What a plan wants to train of a model.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// Rows that cannot be trained on.
    #[error(
        "`{}`: {count} of {total} rows cannot be trained on:\n  {}{}{}",
        file.display(), named.join("\n  "),
        if *count > named.len() { format!("\n  … and {} more", count - named.len()) } else { String::new() },
        if *all { "\nNot one row is left" } else { "\nRepair them, or leave them out with --skip-bad-rows" }
    )]
    BadRows {
        /// The data set.
        file: PathBuf,
        /// How many are bad.
        count: usize,
        /// How many there are.
        total: usize,
        /// The first ones, with the reason.
        named: Vec<String>,
        /// There is no other.
        all: bool,
    },
    /// Nothing says what to do.
    #[error("which recipe? Give `--recipe` with one of {}, or the path of a `.toml` file", names.join(", "))]
    NoRecipe {
        /// The recipes there are.
        names: Vec<String>,
    },
    /// Nothing says what to train.
    #[error("which model? Give `--llm FOLDER` (and `--tower FOLDER`), or `--preset` with one of {}", names.join(", "))]
    NoModel {
        /// The presets there are.
        names: Vec<String>,
    },
    /// A model that is not on this machine.
    #[error(
        "the model `{name}` is not on this machine: it is no folder, and not below `models/`, `models/weights/` or the \
         library's `models/`. Fetch it with `eyewright models download {name}`, or give the path of its folder with \
         `--llm` or `--tower`"
    )]
    NoModelFolder {
        /// What was asked for.
        name: String,
    },
    /// A path that should be a run.
    #[error("`{}` is no run and no checkpoint of one", path.display())]
    NotARun {
        /// The path.
        path: PathBuf,
    },
    /// A part without numbers of its own.
    #[error(
        "`{}` did not train its {part} in full, so there is nothing to write; adapters are exported with \
         `eyewright export`",
        run.display()
    )]
    NotTrainedInFull {
        /// The run.
        run: PathBuf,
        /// The part.
        part: &'static str,
    },
    /// A folder that is in use.
    #[error("`{}` is not empty; choose another folder", folder.display())]
    FolderTaken {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The device failed in the middle of its work.
    #[error("the device has failed: {reason}")]
    DeviceFailed {
        /// Its words.
        reason: String,
    },
    /// Text alone for a model whose language model is frozen.
    #[error("no row of `{}` has a picture, and the language model is frozen: nothing would be learned", file.display())]
    NoPictures {
        /// The data set.
        file: PathBuf,
    },
}
