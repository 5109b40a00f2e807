//! Every key with its value and where it came from; and reading them by type.

use std::collections::BTreeMap;

use super::choices::Source;
use super::error::PlanError;
use super::fields::{FIELDS, Field};
use super::value::Value;

/// One key of a plan with its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// The key, its kind and advice.
    pub field: &'static Field,
    /// Its value.
    pub value: &'a Value,
    /// Where the value comes from.
    pub source: Source,
}

/// All keys with values and sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values {
    values: BTreeMap<&'static str, (Value, Source)>,
    origin: String,
}

impl Values {
    pub(super) fn new(origin: &str) -> Self {
        Self { values: BTreeMap::new(), origin: origin.to_owned() }
    }

    /// Once every value is accepted, the file it was read from no longer matters: equal plans are equal.
    pub(super) fn accepted(mut self) -> Self {
        self.origin = String::new();
        self
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|(value, _)| value)
    }

    pub(super) fn insert(&mut self, key: &'static str, value: Value, source: Source) {
        self.values.insert(key, (value, source));
    }

    /// A value that is what would be there anyway keeps its source: the user has changed nothing.
    pub(super) fn override_with(&mut self, key: &'static str, value: &Value, source: Source) {
        if self.get(key) != Some(value) {
            self.insert(key, value.clone(), source);
        }
    }

    /// In the order of the field table.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        FIELDS.iter().filter_map(|field| {
            let (value, source) = self.values.get(field.key)?;
            Some(Row { field, value, source: *source })
        })
    }

    /// Keys without a value.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        FIELDS.iter().map(|field| field.key).filter(|key| !self.values.contains_key(key)).collect()
    }

    pub(super) fn unexpected(&self, key: &'static str, expected: &str) -> PlanError {
        match self.get(key) {
            None => PlanError::Missing { keys: vec![key] },
            Some(found) => PlanError::BadValue {
                origin: self.origin.clone(),
                key,
                found: found.to_string(),
                expected: expected.to_owned(),
            },
        }
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<bool, PlanError> {
        match self.get(key) {
            Some(Value::Flag(flag)) => Ok(*flag),
            _ => Err(self.unexpected(key, "true or false")),
        }
    }

    pub(super) fn integer(&self, key: &'static str) -> Result<i64, PlanError> {
        match self.get(key) {
            Some(Value::Integer(number)) => Ok(*number),
            _ => Err(self.unexpected(key, "a whole number")),
        }
    }

    pub(super) fn count(&self, key: &'static str) -> Result<u64, PlanError> {
        u64::try_from(self.integer(key)?).map_err(|_| self.unexpected(key, "not negative"))
    }

    /// A count where 0 means never.
    pub(super) fn count_or_endless(&self, key: &'static str) -> Result<u64, PlanError> {
        self.count(key).map(|count| if count == 0 { u64::MAX } else { count })
    }

    pub(super) fn size(&self, key: &'static str) -> Result<usize, PlanError> {
        usize::try_from(self.integer(key)?).map_err(|_| self.unexpected(key, "a size that fits memory"))
    }

    pub(super) fn number(&self, key: &'static str) -> Result<f64, PlanError> {
        match self.get(key) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(self.unexpected(key, "a number")),
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Result<String, PlanError> {
        match self.get(key) {
            Some(Value::Text(text)) => Ok(text.clone()),
            _ => Err(self.unexpected(key, "text")),
        }
    }

    pub(super) fn list(&self, key: &'static str) -> Result<Vec<String>, PlanError> {
        match self.get(key) {
            Some(Value::List(items)) => Ok(items.clone()),
            _ => Err(self.unexpected(key, "a list of texts")),
        }
    }

    pub(super) fn choice<T>(
        &self,
        key: &'static str,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<T, PlanError> {
        from_word(&self.text(key)?).ok_or_else(|| self.unexpected(key, "one of the key's words"))
    }
}
