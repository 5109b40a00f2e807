//! One resolved run: every value, its type, and where it came from.

use std::ops::Deref;

use super::Quantisation;
use super::choices::Source;
use super::error::PlanError;
use super::overrides::Overrides;
use super::parts::{LoraPlan, PlanParts, ProjectorStart, Tune, Validation};
use super::preset::Preset;
use super::recipe::Recipe;
use super::resolved::{Row, Values};
use super::value::Value;

/// Everything a run does, decided. Its parts are read as fields: `plan.train.batch`.
///
/// It cannot be changed, so that the typed values and the rows never disagree; a different plan is resolved from
/// different overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    pub(super) preset: String,
    pub(super) recipe: String,
    pub(super) values: Values,
    parts: PlanParts,
}

impl Deref for RunPlan {
    type Target = PlanParts;

    fn deref(&self) -> &PlanParts {
        &self.parts
    }
}

/// A key that has different values in two plans.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key.
    pub key: &'static str,
    /// The value in the plan that was asked.
    pub here: Value,
    /// The value in the other one.
    pub there: Value,
}

/// Makes the plan of a run: the recipe's values, over them the preset's, over them the user's; what is still open
/// follows from other values. Reads no file and asks no device.
///
/// # Errors
/// Values that nothing supplies, and values that cannot be together.
pub fn resolve(preset: &Preset, recipe: &Recipe, overrides: &Overrides) -> Result<RunPlan, PlanError> {
    let mut values = Values::new("the plan");
    for (field, value) in recipe.settings().iter() {
        values.insert(field.key, value.clone(), Source::Recipe);
    }
    for (field, value) in preset.layers(&recipe.name).flat_map(|layer| layer.iter()) {
        values.override_with(field.key, value, Source::Preset);
    }
    let user = overrides.settings();
    // What values are derived from is settled first, then a user's value can be compared with the derived one.
    for (field, value) in user.iter().filter(|(field, _)| !DERIVED.contains(&field.key)) {
        values.override_with(field.key, value, Source::User);
    }
    derive(&mut values, preset.tower.patches())?;
    for (field, value) in user.iter().filter(|(field, _)| DERIVED.contains(&field.key)) {
        values.override_with(field.key, value, Source::User);
    }
    RunPlan::from_values(preset.name.clone(), recipe.name.clone(), values)
}

/// Keys whose value follows from others unless somebody gives it.
const DERIVED: &[&str] = &["data.max_length", "data.image_folder"];

fn derive(values: &mut Values, patches: usize) -> Result<(), PlanError> {
    if values.get("data.max_length").is_none() && values.get("data.window").is_some() {
        // XTuner: int(2048 - (336 / 14) ** 2) = 1472.
        let left = values.size("data.window")?.checked_sub(patches).filter(|&left| left > 0);
        let Some(left) = left.and_then(|left| i64::try_from(left).ok()) else {
            return Err(values.unexpected("data.window", "more positions than a picture has patches"));
        };
        values.insert("data.max_length", Value::Integer(left), Source::Derived);
    }
    if values.get("data.image_folder").is_none() && values.get("data.json").is_some() {
        let json = values.text("data.json")?;
        let folder = std::path::Path::new(&json).parent().map(|folder| folder.display().to_string());
        let folder = folder.filter(|folder| !folder.is_empty()).unwrap_or_else(|| ".".to_owned());
        values.insert("data.image_folder", Value::Text(folder), Source::Derived);
    }
    Ok(())
}

impl RunPlan {
    pub(super) fn from_values(preset: String, recipe: String, values: Values) -> Result<Self, PlanError> {
        let missing = values.missing();
        if !missing.is_empty() {
            return Err(PlanError::Missing { keys: missing });
        }
        let parts = PlanParts::from_values(&values)?;
        check(&values, &parts)?;
        Ok(Self { preset, recipe, values: values.accepted(), parts })
    }

    /// This plan with other values in some places.
    ///
    /// # Errors
    /// Values that cannot be together.
    pub fn with_wishes(&self, wishes: &Overrides) -> Result<Self, PlanError> {
        let mut values = self.values.clone();
        for (field, value) in wishes.settings().iter() {
            values.override_with(field.key, value, Source::User);
        }
        Self::from_values(self.preset.clone(), self.recipe.clone(), values)
    }

    /// Name or path of the preset.
    pub fn preset(&self) -> &str {
        &self.preset
    }

    /// Name or path of the recipe.
    pub fn recipe(&self) -> &str {
        &self.recipe
    }

    /// Every key with its value and source, in the order of the field table.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.values.rows()
    }

    /// Keys that decide the course of training and differ from another plan. A run can be resumed under a plan
    /// without such differences.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let rows = self.rows().filter(|row| row.field.decides_training);
        rows.filter_map(|row| {
            let there = other.values.get(row.field.key)?;
            let differs = there != row.value;
            differs.then(|| Difference { key: row.field.key, here: row.value.clone(), there: there.clone() })
        })
        .collect()
    }

    /// BLAKE3 over the keys that decide the course of training, in hexadecimal. Checkpoints carry it.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for row in self.rows().filter(|row| row.field.decides_training) {
            // Values are written as TOML, in which a line break inside a text is escaped: lines are unambiguous.
            hasher.update(format!("{} = {}\n", row.field.key, row.value).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Values that are fine alone but not together.
fn check(values: &Values, parts: &PlanParts) -> Result<(), PlanError> {
    let clash = |first: &'static str, second: &'static str, reason| {
        let value = |key| values.get(key).map(Value::to_string).unwrap_or_default();
        let (first_value, second_value) = (value(first), value(second));
        Err(PlanError::Contradiction { first, first_value, second, second_value, reason })
    };
    let tune = &parts.tune;
    if tune.llm == Tune::Full && parts.model.quantisation != Quantisation::None {
        let reason =
            "numbers that are trained cannot be stored in 4 bits; take `lora`, or quantisation `none`";
        return clash("tune.llm.mode", "model.quantisation", reason);
    }
    if !tune.projector.is_trained() && !tune.llm.is_trained() && !tune.tower.is_trained() {
        return clash(
            "tune.projector.mode",
            "tune.llm.mode",
            "nothing would be trained; let one part be trained",
        );
    }
    let complete = parts.model.tower == parts.model.llm;
    if !parts.model.tower.is_empty()
        && !complete
        && !tune.projector.is_trained()
        && parts.model.projector == ProjectorStart::Fresh
    {
        let reason =
            "a projector of random numbers that is not trained lets nothing through; give one, or train it";
        return clash("tune.projector.mode", "model.pretrained", reason);
    }
    if parts.data.max_length > parts.data.window {
        return clash(
            "data.max_length",
            "data.window",
            "the text alone would not fit; make the window larger",
        );
    }
    let parted = matches!(parts.data.validation, Validation::File(_));
    if parted && values.number("data.validation_fraction")? > 0.0 {
        return clash(
            "data.validation_file",
            "data.validation_fraction",
            "rows come from one or the other; set one",
        );
    }
    for (key, lora) in [("tune.llm", &tune.llm), ("tune.tower", &tune.tower)] {
        if let Tune::Lora(LoraPlan { targets: super::Targets::Named(names), head: false, .. }) = lora
            && names.is_empty()
        {
            let (mode, targets) = match key {
                "tune.llm" => ("tune.llm.mode", "tune.llm.targets"),
                _ => ("tune.tower.mode", "tune.tower.targets"),
            };
            return clash(
                mode,
                targets,
                "there would be no adapter; name layers, or [\"all\"], or take `frozen`",
            );
        }
    }
    let pictures = parts.evaluation.images.len();
    if pictures > 1 && pictures != parts.evaluation.prompts.len() {
        let reason = "there must be one picture for all questions, or one for each";
        return clash("evaluation.images", "evaluation.prompts", reason);
    }
    let measured = parts.data.validation != Validation::Off;
    if !measured && values.count("early_stopping.patience")? > 0 {
        let reason =
            "there is no validation loss to watch; set data.validation_fraction or data.validation_file";
        return clash("early_stopping.patience", "data.validation_fraction", reason);
    }
    Ok(())
}
