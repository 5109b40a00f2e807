//! What can be wrong with a chat template or its name.

/// Why a template could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No template has this name.
    #[error("there is no chat template `{name}`; choose one of: {}", names.join(", "))]
    UnknownName {
        /// The name asked for.
        name: String,
        /// All names there are.
        names: Vec<&'static str>,
    },
    /// The file is not the TOML it should be.
    #[error("chat template `{file}` is not valid: {source}")]
    Toml {
        /// File or name of the template.
        file: String,
        /// What was wrong, with line and column.
        #[source]
        source: toml::de::Error,
    },
    /// A placeholder that does not exist, or not in this field.
    #[error(
        "chat template `{file}`: `{field}` has the placeholder `{{{placeholder}}}`; it may use {allowed}"
    )]
    UnknownPlaceholder {
        /// File or name of the template.
        file: String,
        /// Field of the file.
        field: &'static str,
        /// What stands between the braces.
        placeholder: String,
        /// The placeholders of this field.
        allowed: &'static str,
    },
    /// A placeholder is missing or repeated.
    #[error(
        "chat template `{file}`: `{field}` must have `{placeholder}` exactly once, it has it {found} times"
    )]
    PlaceholderCount {
        /// File or name of the template.
        file: String,
        /// Field of the file.
        field: &'static str,
        /// The placeholder, with its braces.
        placeholder: &'static str,
        /// How often it occurs.
        found: usize,
    },
    /// `suffix_as_eos` without a suffix: nothing would end an answer.
    #[error(
        "chat template `{file}`: `suffix_as_eos` is true, but there is no `suffix` to end an answer with"
    )]
    NoSuffix {
        /// File or name of the template.
        file: String,
    },
    /// An empty stop word would stop at once.
    #[error("chat template `{file}`: a stop word is empty")]
    EmptyStopWord {
        /// File or name of the template.
        file: String,
    },
}
