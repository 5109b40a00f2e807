//! What the user asks for, from flags, `--set` and TOML files alike.

use std::path::Path;

use super::error::PlanError;
use super::fields::Field;
use super::files::{parse_table, read_text};
use super::plan_file::{FORMAT, check_format};
use super::settings::Settings;

/// Values that the user sets; a key that is absent is left to the recipe and the preset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// The preset, when a file names one.
    pub preset: Option<String>,
    /// The recipe, when a file names one.
    pub recipe: Option<String>,
    settings: Settings,
}

impl Overrides {
    /// The values.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sets a key (or an alias such as `lr`), as `--set key=text` does.
    ///
    /// # Errors
    /// An unknown key, or a value that is not of its kind.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), PlanError> {
        self.settings.set("--set", key, text)
    }

    /// Sets a key by its flag, without dashes. A flag of kind [`super::Kind::Flag`] may come without a value.
    ///
    /// # Errors
    /// An unknown flag, or a value that is not of the key's kind.
    pub fn set_flag(&mut self, flag: &str, text: Option<&str>) -> Result<(), PlanError> {
        let key = Field::of_flag(flag).map_or(flag, |field| field.key);
        self.settings.set(&format!("--{flag}"), key, text.unwrap_or("true"))
    }

    /// Reads `key=value`.
    ///
    /// # Errors
    /// As [`Overrides::set`], and when there is no equals sign.
    pub fn set_pair(&mut self, text: &str) -> Result<(), PlanError> {
        let (key, value) =
            text.split_once('=').ok_or_else(|| PlanError::NoEquals { text: text.to_owned() })?;
        self.set(key.trim(), value)
    }

    /// Reads a TOML file, which may be the `plan.toml` of a run.
    ///
    /// # Errors
    /// An unreadable file, invalid TOML, an unknown key, or a value that is not of its kind.
    pub fn read(file: &Path) -> Result<Self, PlanError> {
        Self::from_toml(&file.display().to_string(), &read_text(file)?)
    }

    /// Reads TOML text; `origin` is used in errors only.
    ///
    /// # Errors
    /// As [`Overrides::read`].
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, PlanError> {
        let mut table = parse_table(origin, text)?;
        check_format(origin, table.remove(FORMAT))?;
        // Where a run's values came from does not matter to a new run.
        table.remove(super::plan_file::SOURCES);
        let mut name = |key: &'static str| match table.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(name)) => Ok(Some(name)),
            Some(found) => Err(PlanError::BadValue {
                origin: origin.to_owned(),
                key,
                found: found.to_string(),
                expected: "a name or the path of a `.toml` file".to_owned(),
            }),
        };
        let (preset, recipe) = (name("preset")?, name("recipe")?);
        Ok(Self { preset, recipe, settings: Settings::from_table(origin, &table)? })
    }

    /// Takes over everything that `later` sets.
    pub fn override_with(&mut self, later: &Self) {
        self.preset = later.preset.clone().or(self.preset.take());
        self.recipe = later.recipe.clone().or(self.recipe.take());
        self.settings.override_with(&later.settings);
    }
}
