//! What is the network? Which language model, which tower, how large, and under which licence.

use std::path::Path;

use serde::Deserialize;

use super::error::PlanError;
use super::files;
use super::settings::Settings;
use super::shapes::{LlmShapes, Packing, TowerShapes, check_sizes};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../../models/presets/", $name, ".toml")))),*]
    };
}

/// By name, sorted.
const BUILT_IN: &[(&str, &str)] = built_in![
    "demo",
    "internlm2-chat-1_8b",
    "internlm2-chat-7b",
    "llama-3-8b-instruct",
    "phi-3-mini-4k",
    "qwen2-1_5b-instruct",
    "qwen2-7b-instruct",
    "vicuna-13b-v1_5",
    "vicuna-7b-v1_5",
];

/// One network, with what a plan must say differently for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Its name, or the path it was read from.
    pub name: String,
    /// One line for people who choose.
    pub summary: String,
    /// Licences of the weights, as their makers name them.
    pub licence: String,
    /// Where the weights and the sizes below can be looked up.
    pub sources: Vec<String>,
    /// Sizes of the language model.
    pub llm: LlmShapes,
    /// Sizes of the tower.
    pub tower: TowerShapes,
    settings: Settings,
    /// Further values for some recipes, by the recipe's name.
    with_recipe: Vec<(String, Settings)>,
}

/// What a preset can be made of when there is none.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'p> {
    /// The language model's folder.
    pub llm_folder: &'p str,
    /// The tower's folder; empty for none.
    pub tower_folder: &'p str,
    /// Sizes of the language model.
    pub llm: LlmShapes,
    /// Sizes of the tower.
    pub tower: Option<TowerShapes>,
    /// Positions the language model was made for.
    pub max_position: usize,
    /// Name of the chat template.
    pub template: &'p str,
}

/// XTuner trains with 2048 positions whatever the model could read.
const LONGEST_WINDOW: usize = 2048;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetFile {
    summary: String,
    licence: String,
    #[serde(default)]
    sources: Vec<String>,
    llm: LlmShapes,
    tower: TowerShapes,
    values: toml::Table,
    #[serde(default)]
    recipe: toml::map::Map<String, toml::Value>,
}

impl Preset {
    /// Names of the built-in presets and of the user's files in a folder, sorted.
    pub fn names(users: Option<&Path>) -> Vec<String> {
        files::names(BUILT_IN, users)
    }

    /// A preset by name or by the path of its file. The user's files win over built-in ones of the same name.
    ///
    /// # Errors
    /// No such preset, or a file that is not one.
    pub fn find(name: &str, users: Option<&Path>) -> Result<Self, PlanError> {
        let (origin, text) = files::find("preset", name, BUILT_IN, users)?;
        Self::parse(name, &origin, &text)
    }

    /// The text of a preset, for copying.
    ///
    /// # Errors
    /// No such preset.
    pub fn text(name: &str, users: Option<&Path>) -> Result<String, PlanError> {
        files::find("preset", name, BUILT_IN, users).map(|(_, text)| text)
    }

    fn parse(name: &str, origin: &str, text: &str) -> Result<Self, PlanError> {
        let found: PresetFile = toml::from_str(text)
            .map_err(|source| PlanError::Toml { file: origin.to_owned(), source: Box::new(source) })?;
        check_sizes(origin, &found.llm, &found.tower)?;
        let with_recipe = found.recipe.iter().map(|(recipe, values)| {
            let place = format!("{origin}, recipe.{recipe}");
            let table = values.as_table().cloned().unwrap_or_default();
            Ok((recipe.clone(), Settings::from_table(&place, &table)?))
        });
        Ok(Self {
            with_recipe: with_recipe.collect::<Result<_, PlanError>>()?,
            settings: Settings::from_table(origin, &found.values)?,
            name: name.to_owned(),
            summary: found.summary,
            licence: found.licence,
            sources: found.sources,
            llm: found.llm,
            tower: found.tower,
        })
    }

    /// A network that has no preset of its own, from the folders of its parts: named by nobody, with what a plan must
    /// know of them. Without a tower it is a language model that only reads.
    ///
    /// # Errors
    /// None that a caller could cause; the keys are those of the field table.
    pub fn of_parts(parts: &Parts<'_>) -> Result<Self, PlanError> {
        let Parts { llm_folder, tower_folder, llm, tower, max_position, template } = *parts;
        let mut settings = Settings::default();
        let mut set = |key: &str, text: &str| settings.set("the model's folders", key, text);
        set("model.llm", llm_folder)?;
        set("model.tower", tower_folder)?;
        set("data.template", template)?;
        set("data.window", &max_position.min(LONGEST_WINDOW).to_string())?;
        // XTuner takes every linear layer but `lm_head`; InternLM2 calls its head `output`, so that it gets one.
        set("tune.llm.head", if llm.packing == Packing::InternLm2 { "true" } else { "false" })?;
        let none =
            TowerShapes { hidden: 0, layers: 0, heads: 0, intermediate: 0, image_side: 0, patch_side: 0 };
        Ok(Self {
            name: String::new(),
            summary: format!("The model in `{llm_folder}`"),
            licence: String::new(),
            sources: Vec::new(),
            llm,
            tower: tower.unwrap_or(none),
            settings,
            with_recipe: Vec::new(),
        })
    }

    /// This preset with the sizes that the parts on disk really have.
    pub fn with_shapes(mut self, llm: LlmShapes, tower: Option<TowerShapes>) -> Self {
        self.llm = llm;
        self.tower = tower.unwrap_or(self.tower);
        self
    }

    /// What this preset says in place of a recipe, most general first.
    pub(super) fn layers(&self, recipe: &str) -> impl Iterator<Item = &Settings> {
        let special = self.with_recipe.iter().filter(move |(name, _)| name == recipe);
        std::iter::once(&self.settings).chain(special.map(|(_, settings)| settings))
    }

    /// The language model: a repository or a folder.
    pub fn llm_source(&self) -> Option<String> {
        self.settings.get("model.llm").map(plain)
    }

    /// The tower: a repository or a folder.
    pub fn tower_source(&self) -> Option<String> {
        self.settings.get("model.tower").map(plain)
    }
}

fn plain(value: &super::Value) -> String {
    match value {
        super::Value::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_preset_is_whole() {
        assert!(BUILT_IN.is_sorted_by_key(|(name, _)| *name));
        for (name, _) in BUILT_IN {
            let preset = Preset::find(name, None).unwrap();
            assert!(preset.llm_source().is_some() && preset.tower_source().is_some(), "{name}");
            assert!(!preset.summary.is_empty() && !preset.licence.is_empty(), "{name}");
            let template = preset.settings.get("data.template").map(plain).unwrap();
            eyewright_data::template::ChatTemplate::named(&template).unwrap();
            for (recipe, _) in &preset.with_recipe {
                super::super::Recipe::find(recipe, None).unwrap();
            }
        }
    }

    #[test]
    fn the_users_files_are_found_and_win() {
        let folder = tempfile::tempdir().unwrap();
        let mine = Preset::text("demo", None).unwrap().replacen("summary = \"", "summary = \"mine: ", 1);
        std::fs::write(folder.path().join("demo.toml"), &mine).unwrap();
        std::fs::write(folder.path().join("mine.toml"), &mine).unwrap();
        let users = Some(folder.path());
        assert!(Preset::find("demo", users).unwrap().summary.starts_with("mine"));
        assert!(Preset::find(folder.path().join("mine.toml").to_str().unwrap(), None).is_ok());
        assert_eq!(Preset::names(users).len(), BUILT_IN.len() + 1);
        let text = Preset::find("mini", users).unwrap_err().to_string();
        assert!(text.contains("no preset `mini`") && text.contains("demo, internlm2-chat-1_8b"), "{text}");
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = Preset::text("demo", None).unwrap();
        let rows = [
            (good.replacen("hidden =", "hiden =", 1), "hiden"),
            (good.replacen("packing = \"internlm2\"", "packing = \"gpt2\"", 1), "gpt2"),
            (good.replacen("kv_heads = ", "kv_heads = 7", 1), "divisor"),
            (good.replacen("layers = ", "layers = 99999999", 1), "llm.layers"),
            (good.replacen("[values]", "[values]\nlr.lm = 1", 1), "lr.lm"),
        ];
        for (text, expected) in rows {
            assert_ne!(text, good, "{expected}");
            let error = Preset::parse("x", "x.toml", &text).unwrap_err().to_string();
            assert!(error.contains("x.toml") && error.contains(expected), "{error}");
        }
    }
}
