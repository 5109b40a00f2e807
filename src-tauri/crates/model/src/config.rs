//! How is a Hugging Face `config.json` read, and what is said when it does not describe a usable network?
//!
//! Knows JSON fields and their limits; which fields a network needs is that network's own business.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Configuration files are a few kilobytes; more than this is not one.
const MAX_BYTES: u64 = 4 << 20;

/// A configuration that cannot be used, with the file and the field.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is far larger than any configuration.
    #[error("`{}` has {bytes} bytes; a configuration has a few thousand", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file is not JSON.
    #[error("`{}` is not valid JSON: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Line and column of the fault.
        source: serde_json::Error,
    },
    /// A field is missing and has no default.
    #[error("`{}` lacks the field `{field}`", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// The field's path.
        field: String,
    },
    /// A field's value cannot be.
    #[error("`{}`: field `{field}` is {found}, expected {expected}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The field's path.
        field: String,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: String,
    },
}

/// One JSON object of a configuration file, which remembers where it came from.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    file: PathBuf,
    /// Path of this object in the file, `text_config.` for example.
    place: String,
    json: Value,
}

impl ConfigFile {
    /// Reads `file` as a JSON object.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or is not a JSON object.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { file: file.into(), source };
        let bytes = fs::metadata(file).map_err(read)?.len();
        if bytes > MAX_BYTES {
            return Err(ConfigError::TooLarge { file: file.into(), bytes });
        }
        let text = fs::read(file).map_err(read)?;
        let json = serde_json::from_slice(&text)
            .map_err(|source| ConfigError::Json { file: file.into(), source })?;
        Self::from_json(file, json)
    }

    /// Wraps an object that was read elsewhere; `file` is named in errors.
    ///
    /// # Errors
    /// If `json` is not an object.
    pub fn from_json(file: &Path, json: Value) -> Result<Self, ConfigError> {
        let config = Self { file: file.into(), place: String::new(), json };
        if config.json.is_object() { Ok(config) } else { Err(config.wrong("(top level)", "an object")) }
    }

    /// The file this came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A field that is there and not null.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.json.get(field).filter(|value| !value.is_null())
    }

    /// All fields.
    pub fn all(&self) -> &serde_json::Map<String, Value> {
        static NONE: std::sync::LazyLock<serde_json::Map<String, Value>> =
            std::sync::LazyLock::new(Default::default);
        self.json.as_object().unwrap_or(&NONE)
    }

    /// A nested object.
    ///
    /// # Errors
    /// If it is there and not an object.
    pub fn object(&self, field: &str) -> Result<Option<Self>, ConfigError> {
        match self.get(field) {
            None => Ok(None),
            Some(json) if json.is_object() => Ok(Some(Self {
                file: self.file.clone(),
                place: format!("{}{field}.", self.place),
                json: json.clone(),
            })),
            Some(_) => Err(self.wrong(field, "an object")),
        }
    }

    /// A positive whole number of at most ten million (no width or vocabulary is larger).
    ///
    /// # Errors
    /// If it is missing without a default, or out of range.
    pub fn count(&self, field: &str, default: Option<usize>) -> Result<usize, ConfigError> {
        self.count_to(10_000_000, field, default)
    }

    /// A number of blocks: each costs memory before the checkpoint can object, and no network has a thousand.
    ///
    /// # Errors
    /// If it is missing without a default, or out of range.
    pub fn depth(&self, field: &str, default: Option<usize>) -> Result<usize, ConfigError> {
        self.count_to(1000, field, default)
    }

    fn count_to(&self, most: u64, field: &str, default: Option<usize>) -> Result<usize, ConfigError> {
        let Some(value) = self.get(field) else {
            return default.ok_or_else(|| self.missing(field));
        };
        value
            .as_u64()
            .filter(|number| (1..=most).contains(number))
            .map(|number| number as usize)
            .ok_or_else(|| self.wrong(field, &format!("a whole number from 1 to {most}")))
    }

    /// A finite number.
    ///
    /// # Errors
    /// If it is missing without a default, or no finite number.
    pub fn number(&self, field: &str, default: Option<f64>) -> Result<f64, ConfigError> {
        let Some(value) = self.get(field) else {
            return default.ok_or_else(|| self.missing(field));
        };
        value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| self.wrong(field, "a number"))
    }

    /// A finite number above zero.
    ///
    /// # Errors
    /// If it is missing without a default, or not above zero.
    pub fn positive(&self, field: &str, default: Option<f64>) -> Result<f64, ConfigError> {
        let number = self.number(field, default)?;
        if number > 0.0 { Ok(number) } else { Err(self.wrong(field, "a number above 0")) }
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is there and neither.
    pub fn flag(&self, field: &str, default: bool) -> Result<bool, ConfigError> {
        match self.get(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(field, "true or false")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// If it is there and not a text.
    pub fn text(&self, field: &str) -> Result<Option<&str>, ConfigError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(field, "a text")),
        }
    }

    /// The error for a missing field.
    pub fn missing(&self, field: &str) -> ConfigError {
        ConfigError::Missing { file: self.file.clone(), field: format!("{}{field}", self.place) }
    }

    /// The error for a field whose value cannot be.
    pub fn wrong(&self, field: &str, expected: &str) -> ConfigError {
        let found = self.json.get(field).map_or_else(
            || "absent".into(),
            |value| {
                let text = value.to_string();
                text.chars().take(80).collect()
            },
        );
        ConfigError::Value {
            file: self.file.clone(),
            field: format!("{}{field}", self.place),
            found,
            expected: expected.into(),
        }
    }
}
