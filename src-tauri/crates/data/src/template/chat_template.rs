//! One chat template: its parts, and how a file becomes one.

use serde::Deserialize;

use super::error::TemplateError;
use super::pattern::{Pattern, Place, Segment};

/// The words around questions and answers.
///
/// Field meanings and strings: XTuner `utils/templates.py` (v0.1.17 to v0.1.23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatTemplate {
    name: String,
    system: Pattern,
    instruction: Pattern,
    suffix: String,
    suffix_as_eos: bool,
    sep: String,
    stop_words: Vec<String>,
    bot_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    name: String,
    system: String,
    instruction: String,
    #[serde(default)]
    suffix: String,
    #[serde(default)]
    suffix_as_eos: bool,
    #[serde(default)]
    sep: String,
    #[serde(default)]
    stop_words: Vec<String>,
    #[serde(default = "default_bot_name")]
    bot_name: String,
}

fn default_bot_name() -> String {
    "BOT".to_owned()
}

impl ChatTemplate {
    /// Reads a template file's text; `file` is used in errors only.
    ///
    /// # Errors
    /// Invalid TOML, an unknown field, a misspelt, missing or repeated placeholder, nothing that ends an answer.
    pub fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        let found: TemplateFile =
            toml::from_str(text).map_err(|source| TemplateError::Toml { file: file.to_owned(), source })?;
        let system = Place { file, field: "system", required: ("{system}", Segment::System) };
        let instruction = Place { file, field: "instruction", required: ("{input}", Segment::Input) };
        if found.suffix_as_eos && found.suffix.is_empty() {
            return Err(TemplateError::NoSuffix { file: file.to_owned() });
        }
        if found.stop_words.iter().any(String::is_empty) {
            return Err(TemplateError::EmptyStopWord { file: file.to_owned() });
        }
        Ok(Self {
            system: Pattern::parse(&found.system, &system)?,
            instruction: Pattern::parse(&found.instruction, &instruction)?,
            name: found.name,
            suffix: found.suffix,
            suffix_as_eos: found.suffix_as_eos,
            sep: found.sep,
            stop_words: found.stop_words,
            bot_name: found.bot_name,
        })
    }

    /// Text in, text out: what is left when no file says anything.
    pub(super) fn bare() -> Self {
        Self {
            name: "plain".to_owned(),
            system: Pattern::from_segments(vec![Segment::System, Segment::Text("\n".to_owned())]),
            instruction: Pattern::from_segments(vec![Segment::Input]),
            suffix: String::new(),
            suffix_as_eos: false,
            sep: String::new(),
            stop_words: Vec::new(),
            bot_name: default_bot_name(),
        }
    }

    /// Name, equal to the file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Wraps the system text.
    pub fn system(&self) -> &Pattern {
        &self.system
    }

    /// Wraps a question, up to where the answer begins.
    pub fn instruction(&self) -> &Pattern {
        &self.instruction
    }

    /// Follows an answer and is learned; may be empty.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Whether the suffix ends an answer by itself, so that no end-of-sequence token follows.
    pub fn suffix_as_eos(&self) -> bool {
        self.suffix_as_eos
    }

    /// Stands between an answer and the next question; may be empty.
    pub fn sep(&self) -> &str {
        &self.sep
    }

    /// Texts at which generation stops, besides the tokenizer's end ids.
    pub fn stop_words(&self) -> &[String] {
        &self.stop_words
    }

    /// What `{bot_name}` becomes.
    pub fn bot_name(&self) -> &str {
        &self.bot_name
    }
}
