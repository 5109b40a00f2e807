//! A plan as the text of `plan.toml`, and back.
//!
//! The same text is a valid `--config` file: there only its values count, not where they came from.

use std::path::Path;

use super::choices::Source;
use super::error::PlanError;
use super::files::{parse_table, read_text};
use super::resolved::Values;
use super::run_plan::RunPlan;
use super::settings::Settings;

pub(super) const FORMAT: &str = "format";
pub(super) const SOURCES: &str = "sources";
const NEWEST_FORMAT: i64 = 1;

/// A file without a number was written by hand and has today's format.
pub(super) fn check_format(file: &str, found: Option<toml::Value>) -> Result<(), PlanError> {
    match found {
        None => Ok(()),
        Some(toml::Value::Integer(number)) if number <= NEWEST_FORMAT => Ok(()),
        Some(found) => Err(PlanError::NewerFormat {
            file: file.to_owned(),
            found: found.as_integer().unwrap_or(i64::MAX),
            known: NEWEST_FORMAT,
        }),
    }
}

impl RunPlan {
    /// The text of `plan.toml`: every value with its source beside it.
    pub fn to_toml(&self) -> String {
        let mut settings = Settings::default();
        let mut by_source: [(Source, Vec<&str>); 3] =
            [(Source::Preset, vec![]), (Source::User, vec![]), (Source::Derived, vec![])];
        for row in self.rows() {
            settings.insert(row.field, row.value.clone());
            if let Some((_, keys)) = by_source.iter_mut().find(|(source, _)| *source == row.source) {
                keys.push(row.field.key);
            }
        }
        let source_of = |key: &str| {
            let listed = by_source.iter().find(|(_, keys)| keys.contains(&key));
            listed.map_or(Source::Recipe, |(source, _)| *source)
        };
        let name = |name: &str| toml::Value::from(name).to_string();
        let mut text = format!(
            "# Everything this run does. `eyewright train --config FILE` does it again.\n{FORMAT} = {NEWEST_FORMAT}\n\
             preset = {}\nrecipe = {}\n",
            name(&self.preset),
            name(&self.recipe)
        );
        text += &settings.to_toml(|field| source_of(field.key).word().to_owned());
        text += &format!("\n# Where values came from; those not named here are the recipe's.\n[{SOURCES}]\n");
        for (source, keys) in &by_source {
            text += &format!(
                "{source} = {}\n",
                super::Value::List(keys.iter().map(|&key| key.to_owned()).collect())
            );
        }
        text
    }

    /// Reads a `plan.toml` that [`RunPlan::to_toml`] wrote; presets and recipes are not consulted.
    ///
    /// # Errors
    /// An unreadable file, one of a newer program, unknown or missing keys, impossible values.
    pub fn read(file: &Path) -> Result<Self, PlanError> {
        Self::from_toml(&file.display().to_string(), &read_text(file)?)
    }

    /// As [`RunPlan::read`], from text; `origin` is used in errors only.
    ///
    /// # Errors
    /// As [`RunPlan::read`].
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, PlanError> {
        let mut table = parse_table(origin, text)?;
        check_format(origin, table.remove(FORMAT))?;
        let sources = table.remove(SOURCES);
        let mut name = |key| match table.remove(key) {
            Some(toml::Value::String(name)) => name,
            _ => String::new(),
        };
        let (preset, recipe) = (name("preset"), name("recipe"));
        let source_of = |key: &str| {
            let listed = |source: &str| {
                let keys =
                    sources.as_ref().and_then(|sources| sources.get(source)).and_then(toml::Value::as_array);
                keys.is_some_and(|keys| keys.iter().any(|found| found.as_str() == Some(key)))
            };
            let word = Source::WORDS.iter().find(|word| listed(word));
            word.and_then(|word| Source::from_word(word)).unwrap_or(Source::Recipe)
        };
        let mut values = Values::new(origin);
        for (field, value) in Settings::from_table(origin, &table)?.iter() {
            values.insert(field.key, value.clone(), source_of(field.key));
        }
        Self::from_values(preset, recipe, values)
    }
}
