//! What does a stage do? A value for every key that the network does not decide, each with a line of advice.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::PlanError;
use super::fields::Field;
use super::files::{self, parse_table};
use super::settings::{Settings, visit};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../../models/recipes/", $name, ".toml")))),*]
    };
}

/// In the order in which people meet them.
const BUILT_IN: &[(&str, &str)] =
    built_in!["pretrain", "finetune-qlora", "finetune-lora", "finetune-full", "finetune-small"];

/// A stage of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Its name, or the path it was read from.
    pub name: String,
    /// One line for people who choose.
    pub summary: String,
    pub(super) settings: Settings,
    advice: BTreeMap<&'static str, String>,
}

impl Recipe {
    /// Names of the built-in recipes and of the user's files in a folder, sorted.
    pub fn names(users: Option<&Path>) -> Vec<String> {
        files::names(BUILT_IN, users)
    }

    /// A recipe by name or by the path of its file. The user's files win over built-in ones of the same name.
    ///
    /// # Errors
    /// No such recipe, or a file that is not one.
    pub fn find(name: &str, users: Option<&Path>) -> Result<Self, PlanError> {
        let (origin, text) = files::find("recipe", name, BUILT_IN, users)?;
        Self::parse(name, &origin, &text)
    }

    /// The text of a recipe, for copying.
    ///
    /// # Errors
    /// No such recipe.
    pub fn text(name: &str, users: Option<&Path>) -> Result<String, PlanError> {
        files::find("recipe", name, BUILT_IN, users).map(|(_, text)| text)
    }

    fn parse(name: &str, origin: &str, text: &str) -> Result<Self, PlanError> {
        let mut table = parse_table(origin, text)?;
        let summary = match table.remove("summary") {
            Some(toml::Value::String(summary)) => summary,
            _ => String::new(),
        };
        let mut settings = Settings::default();
        let mut advice = BTreeMap::new();
        // A value stands alone (`seed = 0`) or with advice (`seed = { value = 0, advice = "…" }`).
        visit(&table, &mut String::new(), &mut |key, value| {
            let toml::Value::Table(with_advice) = value else { return settings.set_toml(origin, key, value) };
            for (part, found) in with_advice {
                match (part.as_str(), found, Field::of(key)) {
                    ("value", found, _) => settings.set_toml(origin, key, found)?,
                    ("advice", toml::Value::String(text), Some(field)) => {
                        advice.insert(field.key, text.clone());
                    }
                    _ => {
                        let (origin, key) = (origin.to_owned(), format!("{key}.{part}"));
                        return Err(PlanError::UnknownKey { origin, key, nearest: Vec::new() });
                    }
                }
            }
            Ok(())
        })?;
        Ok(Self { name: name.to_owned(), summary, settings, advice })
    }

    /// The values of this recipe.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What to know about a key, in one line: this recipe's words, or those of the field table.
    pub fn advice<'a>(&'a self, field: &'a Field) -> &'a str {
        self.advice.get(field.key).map_or(field.advice, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Value;
    use super::*;

    #[test]
    fn recipes_have_the_values_of_xtuner() {
        let count = Value::Integer;
        let number = Value::Number;
        let word = |word: &str| Value::Text(word.to_owned());
        let rows = [
            ("pretrain", "lr.projector", number(1e-3)),
            ("pretrain", "train.batch", count(32)),
            ("pretrain", "tune.llm.mode", word("frozen")),
            ("pretrain", "tune.tower.mode", word("frozen")),
            ("pretrain", "data.square", word("crop")),
            ("pretrain", "data.group_by_length", Value::Flag(false)),
            ("pretrain", "model.quantisation", word("nf4-double")),
            ("finetune-qlora", "lr.llm", number(2e-4)),
            ("finetune-qlora", "train.batch", count(16)),
            ("finetune-qlora", "tune.llm.rank", count(512)),
            ("finetune-qlora", "tune.llm.alpha", number(256.0)),
            ("finetune-qlora", "tune.llm.dropout", number(0.05)),
            ("finetune-qlora", "tune.tower.rank", count(64)),
            ("finetune-qlora", "tune.tower.alpha", number(16.0)),
            ("finetune-qlora", "data.square", word("pad")),
            ("finetune-qlora", "data.group_by_length", Value::Flag(true)),
            ("finetune-qlora", "model.quantisation", word("nf4-double")),
            ("finetune-lora", "tune.llm.rank", count(128)),
            ("finetune-lora", "tune.llm.alpha", number(256.0)),
            ("finetune-lora", "tune.tower.mode", word("frozen")),
            ("finetune-lora", "model.quantisation", word("none")),
            ("finetune-full", "lr.llm", number(2e-5)),
            ("finetune-full", "tune.llm.mode", word("full")),
            ("finetune-small", "tune.llm.rank", count(64)),
            ("finetune-small", "tune.llm.alpha", number(16.0)),
            ("finetune-small", "train.accumulation", count(128)),
            ("finetune-small", "train.batch", count(1)),
        ];
        for (recipe, key, expected) in rows {
            assert_eq!(
                Recipe::find(recipe, None).unwrap().settings.get(key),
                Some(&expected),
                "{recipe} {key}"
            );
        }
        for (name, _) in BUILT_IN {
            let recipe = Recipe::find(name, None).unwrap();
            let shared = [
                ("schedule.warmup_ratio", number(0.03)),
                ("optimiser.beta1", number(0.9)),
                ("optimiser.beta2", number(0.999)),
                ("optimiser.eps", number(1e-8)),
                ("optimiser.weight_decay", number(0.0)),
                ("optimiser.max_grad_norm", number(1.0)),
                ("train.epochs", number(1.0)),
                ("checkpoint.keep_last", count(2)),
                ("data.window", count(2048)),
                ("evaluation.max_new_tokens", count(600)),
            ];
            for (key, expected) in shared {
                assert_eq!(recipe.settings.get(key), Some(&expected), "{name} {key}");
            }
            assert!(!recipe.summary.is_empty(), "{name}");
        }
    }

    #[test]
    fn advice_is_the_recipes_own_or_the_tables() {
        let text = "seed = { value = 3, advice = 'Mine.' }\n[lr]\nllm = 1e-4";
        let recipe = Recipe::parse("x", "x.toml", text).unwrap();
        assert_eq!(recipe.advice(Field::of("seed").unwrap()), "Mine.");
        let rate = Field::of("lr.llm").unwrap();
        assert_eq!(recipe.advice(rate), rate.advice);
        let error = Recipe::parse("x", "x.toml", "seed = { value = 3, advise = 'Mine.' }").unwrap_err();
        assert!(error.to_string().contains("seed.advise"), "{error}");
    }
}
