//! What can go wrong in a use case, as every door shows it?

use std::path::PathBuf;

use eyewright_data::{
    conversation::ConversationError,
    image::{ImageConfigError, ImageError},
    template::TemplateError,
    tokenizer::TokenizerError,
};
use eyewright_infer::ChatError;
use eyewright_model::{config::ConfigError, stack::StackError, weights::WeightsError};
use eyewright_ops::DeviceError;

/// A use case failed; the message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
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
    /// Writing a file of tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
