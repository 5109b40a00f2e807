//! What may stand behind a key of a plan, and how is it read from and written as text?
//!
//! Knows kinds and ranges. It knows no key: [`super::fields`] says which key has which kind.

use std::fmt;

/// One value of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any finite number.
    Number(f64),
    /// Text, a path or one of a fixed list of words.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl fmt::Display for Value {
    /// As TOML writes it; `1e-5` stays short and every number reads back as the same one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
            Self::List(items) => {
                let items: Vec<_> =
                    items.iter().map(|item| toml::Value::from(item.as_str()).to_string()).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// Which values a key accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// A number from the first to the second, both included.
    Number(f64, f64),
    /// Any text.
    Text,
    /// A path, or the name of a repository where the key says so.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Integer(low, i64::MAX) => write!(f, "a whole number, at least {low}"),
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, f64::MAX) => write!(f, "a number, at least {low:?}"),
            Self::Number(low, high) => write!(f, "a number from {low:?} to {high:?}"),
            Self::Text => f.write_str("text"),
            Self::Path => f.write_str("a path"),
            Self::Choice(names) => write!(f, "one of {}", names.join(", ")),
            Self::List => f.write_str("a list of texts, such as [\"a\", \"b\"]"),
        }
    }
}

impl Kind {
    /// Reads the right-hand side of `--set key=text`. Texts are taken as they stand; a list is either one text or
    /// a TOML array.
    pub(super) fn parse(self, text: &str) -> Option<Value> {
        let found = match self {
            Self::Text | Self::Path | Self::Choice(_) => Value::Text(text.to_owned()),
            Self::List if text.trim_start().starts_with('[') => return self.accept(&parse_toml(text)?),
            Self::List if text.is_empty() => Value::List(Vec::new()),
            Self::List => Value::List(vec![text.to_owned()]),
            Self::Flag => Value::Flag(text.trim().parse().ok()?),
            Self::Integer(..) => Value::Integer(text.trim().parse().ok()?),
            Self::Number(..) => Value::Number(text.trim().parse().ok()?),
        };
        self.admits(&found).then_some(found)
    }

    /// Reads a value of a TOML file. A whole number will do where any number may stand.
    pub(super) fn accept(self, found: &toml::Value) -> Option<Value> {
        let value = match (self, found) {
            (Self::Flag, toml::Value::Boolean(flag)) => Value::Flag(*flag),
            (Self::Integer(..), toml::Value::Integer(number)) => Value::Integer(*number),
            (Self::Number(..), toml::Value::Float(number)) => Value::Number(*number),
            (Self::Number(..), toml::Value::Integer(number)) => Value::Number(*number as f64),
            (Self::Text | Self::Path | Self::Choice(_), toml::Value::String(text)) => {
                Value::Text(text.clone())
            }
            (Self::List, toml::Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                Value::List(texts.collect::<Option<_>>()?)
            }
            _ => return None,
        };
        self.admits(&value).then_some(value)
    }

    fn admits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Integer(low, high), Value::Integer(number)) => (low..=high).contains(number),
            (Self::Number(low, high), Value::Number(number)) => (low..=high).contains(number),
            (Self::Choice(names), Value::Text(text)) => names.contains(&text.as_str()),
            _ => true,
        }
    }
}

fn parse_toml(text: &str) -> Option<toml::Value> {
    toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?.remove("value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values_or_nothing() {
        let list = |items: &[&str]| Some(Value::List(items.iter().map(|&item| item.to_owned()).collect()));
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let rows = [
            (Kind::Flag, "true", Some(Value::Flag(true))),
            (Kind::Flag, "yes", None),
            (Kind::Integer(1, 8), "8", Some(Value::Integer(8))),
            (Kind::Integer(1, 8), "9", None),
            (Kind::Integer(1, 8), "2.0", None),
            (Kind::Number(0.0, 1.0), "1e-3", Some(Value::Number(0.001))),
            (Kind::Number(0.0, 1.0), "1", Some(Value::Number(1.0))),
            (Kind::Number(0.0, f64::MAX), "inf", None),
            (Kind::Number(0.0, f64::MAX), "nan", None),
            (Kind::Text, "\"a\" = [b]", text("\"a\" = [b]")),
            (Kind::Choice(&["pad", "crop"]), "pad", text("pad")),
            (Kind::Choice(&["pad", "crop"]), "Pad", None),
            (Kind::List, "one, alone", list(&["one, alone"])),
            (Kind::List, "", list(&[])),
            (Kind::List, r#"["a, b", "c\"d"]"#, list(&["a, b", "c\"d"])),
            (Kind::List, "[1]", None),
            (Kind::List, "[\"a\"]\nb = 1", None),
        ];
        for (kind, text, expected) in rows {
            let found = kind.parse(text);
            let extra_key = text.contains('\n');
            assert!(found == expected || extra_key, "{kind:?} {text}: {found:?}");
        }
    }

    #[test]
    fn written_values_read_back() {
        let rows = [
            (Kind::Flag, Value::Flag(true)),
            (Kind::Integer(i64::MIN, i64::MAX), Value::Integer(-2)),
            (Kind::Number(0.0, 1.0), Value::Number(1e-8)),
            (Kind::Number(0.0, 1e300), Value::Number(1e21)),
            (Kind::Number(0.0, 1.0), Value::Number(0.1 + 0.2)),
            (Kind::Text, Value::Text("a\"b\\c\nd \u{1F600} 'e'".to_owned())),
            (Kind::List, Value::List(vec!["请描述".to_owned(), "a, \"b\"]".to_owned(), String::new()])),
        ];
        for (kind, value) in rows {
            let text = value.to_string();
            assert_eq!(parse_toml(&text).and_then(|found| kind.accept(&found)), Some(value), "{text}");
        }
    }
}
