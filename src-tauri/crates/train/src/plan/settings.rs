//! Some keys with their values: one layer of a plan, and its form as TOML.
//!
//! Knows the field table and nothing of what the values do.

use std::collections::BTreeMap;

use super::error::PlanError;
use super::fields::{ALIASES, FIELDS, Field};
use super::value::Value;

/// Values by key. Keys are those of [`FIELDS`] and values are of their kind; nothing else gets in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    values: BTreeMap<&'static str, Value>,
}

impl Settings {
    /// The value of a key, if this layer has one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Keys and values in the order of the field table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Field, &Value)> {
        FIELDS.iter().filter_map(|field| Some((field, self.values.get(field.key)?)))
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Sets a key, or all keys of an alias, from text as it follows `--set key=` or a flag.
    ///
    /// # Errors
    /// An unknown key, or a value that is not of its kind.
    pub fn set(&mut self, origin: &str, key: &str, text: &str) -> Result<(), PlanError> {
        for field in fields_of(origin, key)? {
            let value =
                field.kind.parse(text).ok_or_else(|| bad_value(origin, field, format!("`{text}`")))?;
            self.values.insert(field.key, value);
        }
        Ok(())
    }

    /// Sets a key, or all keys of an alias, from a value of a TOML file.
    ///
    /// # Errors
    /// An unknown key, or a value that is not of its kind.
    pub fn set_toml(&mut self, origin: &str, key: &str, value: &toml::Value) -> Result<(), PlanError> {
        for field in fields_of(origin, key)? {
            let found =
                field.kind.accept(value).ok_or_else(|| bad_value(origin, field, value.to_string()))?;
            self.values.insert(field.key, found);
        }
        Ok(())
    }

    /// Reads a TOML table: keys may be nested (`[lr]` then `llm = 2e-4`) or dotted.
    ///
    /// # Errors
    /// As [`Settings::set_toml`].
    pub fn from_table(origin: &str, table: &toml::Table) -> Result<Self, PlanError> {
        let mut settings = Self::default();
        visit(table, &mut String::new(), &mut |key, value| settings.set_toml(origin, key, value))?;
        Ok(settings)
    }

    /// Takes over every value of `later`.
    pub fn override_with(&mut self, later: &Self) {
        self.values.extend(later.values.iter().map(|(&key, value)| (key, value.clone())));
    }

    pub(super) fn insert(&mut self, field: &'static Field, value: Value) {
        self.values.insert(field.key, value);
    }

    /// As TOML: keys without a table first, then one table after another, in the order of the field table. `note`
    /// may add a comment to a line.
    pub(super) fn to_toml(&self, note: impl Fn(&Field) -> String) -> String {
        let mut lines = Vec::new();
        let mut open = "";
        for (field, value) in self.iter() {
            let (table, name) = field.key.rsplit_once('.').unwrap_or(("", field.key));
            if table != open {
                lines.push(format!("\n[{table}]"));
                open = table;
            }
            let note = note(field);
            let line = format!("{name} = {value}");
            lines.push(if note.is_empty() { line } else { format!("{line}  # {note}") });
        }
        lines.join("\n") + "\n"
    }
}

/// Calls `found` with the dotted key of every value that is not a table of further keys.
pub(super) fn visit(
    table: &toml::Table,
    path: &mut String,
    found: &mut impl FnMut(&str, &toml::Value) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    for (name, value) in table {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        match value {
            // A table with a value in it is a value with advice, as recipes have them.
            toml::Value::Table(inner) if !inner.contains_key("value") => visit(inner, path, found)?,
            value => found(path, value)?,
        }
        path.truncate(length);
    }
    Ok(())
}

fn fields_of(origin: &str, key: &str) -> Result<Vec<&'static Field>, PlanError> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == key).map(|(_, members)| *members);
    let fields: Vec<_> = match alias {
        Some(members) => members.iter().filter_map(|key| Field::of(key)).collect(),
        None => Field::of(key).into_iter().collect(),
    };
    if fields.is_empty() {
        let (origin, key) = (origin.to_owned(), key.to_owned());
        return Err(PlanError::UnknownKey { nearest: nearest(&key), origin, key });
    }
    Ok(fields)
}

fn bad_value(origin: &str, field: &Field, found: String) -> PlanError {
    PlanError::BadValue { origin: origin.to_owned(), key: field.key, found, expected: field.kind.to_string() }
}

/// Keys that differ in a few letters, or end in the same name.
fn nearest(key: &str) -> Vec<&'static str> {
    let name = |key: &str| key.rsplit_once('.').map_or(key, |(_, name)| name).replace('-', "_");
    let mut near: Vec<_> = FIELDS
        .iter()
        .map(|field| {
            let by_name = if name(key) == name(field.key) { 1 } else { usize::MAX };
            (edits(key, field.key).min(edits(key, field.flag)).min(by_name), field.key)
        })
        .filter(|&(distance, _)| distance <= 2)
        .collect();
    near.sort();
    near.into_iter().map(|(_, key)| key).take(3).collect()
}

/// Levenshtein's distance: letters to add, drop or change. Long keys are far from everything.
fn edits(from: &str, to: &str) -> usize {
    const LONGEST: usize = 64;
    if from.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, from) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, to) in to.bytes().enumerate() {
            let change = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keys_are_suggested() {
        let rows = [
            ("lr.proyector", vec!["lr.projector"]),
            ("batch", vec!["train.batch"]),
            ("max_lenght", vec![]),
            ("max-length", vec!["data.max_length"]),
            ("optimizer.eps", vec!["optimiser.eps"]),
            ("colour", vec![]),
        ];
        for (key, expected) in rows {
            assert_eq!(nearest(key), expected, "{key}");
        }
        assert_eq!(nearest(&"x".repeat(100_000)), Vec::<&str>::new());
    }

    #[test]
    fn toml_and_text_mean_the_same() {
        let mut by_text = Settings::default();
        for (key, text) in
            [("lr", "1e-4"), ("lr.llm", "2e-4"), ("tune.llm.head", "true"), ("evaluation.prompts", "[\"a\"]")]
        {
            by_text.set("--set", key, text).unwrap();
        }
        let rows = [
            "lr.projector = 1e-4\nlr.tower = 1e-4\nlr.llm = 2e-4\ntune.llm.head = true\nevaluation.prompts = ['a']",
            "[evaluation]\nprompts = ['a']\n[tune.llm]\nhead = true\n[lr]\nprojector = 1e-4\ntower = 1e-4\nllm = 2e-4",
            &by_text.to_toml(|_| "note".to_owned()),
        ];
        for text in rows {
            let table = toml::from_str(text).unwrap();
            assert_eq!(Settings::from_table("x.toml", &table).unwrap(), by_text, "{text}");
        }
        let table = toml::from_str("lr = 3").unwrap();
        assert!(
            Settings::from_table("x.toml", &table)
                .unwrap_err()
                .to_string()
                .contains("x.toml: `lr.projector` is 3")
        );
    }
}
