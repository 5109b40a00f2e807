//! What can go wrong when a model is written in someone else's form?

use std::path::PathBuf;

use eyewright_data::{template::TemplateError, tokenizer::TokenizerError};
use eyewright_model::{adapter::AdapterError, config::ConfigError, stack::StackError, weights::WeightsError};

use crate::gguf::GgufError;

/// An export or its verification failed. Nothing is left under the name asked for.
#[derive(Debug, thiserror::Error)]
pub enum InteropError {
    /// The model's parts.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A file of tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A configuration file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An adapter.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A file or folder cannot be used.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder asked for is in use.
    #[error("`{}` exists already; choose a new folder", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// Too little room.
    #[error(
        "the disk of `{}` has {} MiB free; this export needs about {} MiB",
        path.display(), free >> 20, needed >> 20
    )]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Tensors that a part must have are absent or have another shape.
    #[error(
        "`{}` does not hold the {part} that its configuration describes: {}",
        path.display(), names.iter().take(4).cloned().collect::<Vec<_>>().join("; ")
    )]
    Incomplete {
        /// The checkpoint.
        path: PathBuf,
        /// Which part.
        part: &'static str,
        /// What is wrong, tensor by tensor.
        names: Vec<String>,
    },
    /// Adapters of unknown strength.
    #[error(
        "`{}` does not say how strong its adapters are, and XTuner's configurations do not tell for {}; look up \
         `lora_alpha` in the configuration it was trained with and add {}",
        path.display(), ranks.join(" and "), options.join(" and ")
    )]
    Strength {
        /// The file.
        path: PathBuf,
        /// Parts and their ranks.
        ranks: Vec<String>,
        /// What has to be said.
        options: Vec<&'static str>,
    },
    /// A type of numbers that a form has not.
    #[error("unknown dtype `{name}` for {format}; use one of {}", known.join(", "))]
    Dtype {
        /// What was asked for.
        name: String,
        /// The form.
        format: &'static str,
        /// What it has.
        known: &'static [&'static str],
    },
    /// A model without eyes where they are needed.
    #[error(
        "this model cannot see, and {format} is a form for models that can; add `--llava` and a vision tower"
    )]
    NoEye {
        /// The format.
        format: &'static str,
    },
    /// The format has no room for something this model has.
    #[error("{format} cannot hold this model: {reason}")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// Why, and what to do instead.
        reason: String,
    },
    /// What was written is not what was meant.
    #[error("verification failed: `{}`, {what}; nothing was kept", file.display())]
    Different {
        /// The file.
        file: PathBuf,
        /// The first difference.
        what: String,
    },
    /// A choice that does not exist.
    #[error("unknown {what} `{found}`; use one of {}", known.join(", "))]
    Unknown {
        /// What kind of word.
        what: &'static str,
        /// The word.
        found: String,
        /// What there is.
        known: &'static [&'static str],
    },
}

impl InteropError {
    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
