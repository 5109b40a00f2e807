//! What can be wrong with a preset, a recipe or what the user asks for.

use std::path::PathBuf;

/// A plan that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A key that no plan has.
    #[error("{origin}: there is no key `{key}`{}", suggestion(nearest))]
    UnknownKey {
        /// Where it was found: a file, a flag or `--set`.
        origin: String,
        /// The key.
        key: String,
        /// Keys with a similar name.
        nearest: Vec<&'static str>,
    },
    /// A value of the wrong kind or out of range.
    #[error("{origin}: `{key}` is {found}, but should be {expected}")]
    BadValue {
        /// Where it was found.
        origin: String,
        /// The key.
        key: &'static str,
        /// The value as written.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// `--set` without an equals sign.
    #[error("`--set {text}` should have the form `--set key=value`, such as `--set lr.projector=1e-3`")]
    NoEquals {
        /// What was written.
        text: String,
    },
    /// Invalid TOML.
    #[error("`{file}` is not a valid plan, recipe or preset: {source}")]
    Toml {
        /// The file.
        file: String,
        /// Line and reason.
        source: Box<toml::de::Error>,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file far larger than any plan.
    #[error("`{}` has {bytes} bytes; a plan, recipe or preset has at most {limit}. Is it the right file?", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// No such preset or recipe.
    #[error("there is no {what} `{name}`; there are {}. A path to a file must end in `.toml`", names.join(", "))]
    UnknownName {
        /// `preset` or `recipe`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// The names there are.
        names: Vec<String>,
    },
    /// Values that nothing supplies.
    #[error("the plan lacks {}", lacks(keys))]
    Missing {
        /// The keys.
        keys: Vec<&'static str>,
    },
    /// Two values that cannot be together.
    #[error("`{first}` is {first_value} and `{second}` is {second_value}: {reason}")]
    Contradiction {
        /// One key.
        first: &'static str,
        /// Its value.
        first_value: String,
        /// The other key.
        second: &'static str,
        /// Its value.
        second_value: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// Sizes of a network that cannot be.
    #[error("`{origin}`: `{part}.{size}` is {found}, but should be {expected}")]
    BadSize {
        /// The preset's file.
        origin: String,
        /// `llm` or `tower`.
        part: &'static str,
        /// The size.
        size: &'static str,
        /// Its value.
        found: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// A plan written by a newer program.
    #[error("`{file}` has format {found}; this version reads up to {known}. Update Eyewright to open it")]
    NewerFormat {
        /// The file.
        file: String,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
}

fn suggestion(nearest: &[&str]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean `{}`?", nearest.join("` or `")) }
}

fn lacks(keys: &[&'static str]) -> String {
    let with_flag = |&key: &&'static str| match super::Field::of(key) {
        Some(field) if !field.flag.is_empty() => format!("`{key}` (--{} …)", field.flag),
        _ => format!("`{key}` (--set {key}=…)"),
    };
    keys.iter().map(with_flag).collect::<Vec<_>>().join(", ")
}
