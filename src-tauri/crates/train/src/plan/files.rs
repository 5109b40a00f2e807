//! How do the small TOML files of plans, recipes and presets get into memory?

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::PlanError;

/// Far above any plan; a weights file given by mistake is refused before it is read.
const LARGEST: u64 = 1 << 20;

pub(super) fn read_text(file: &Path) -> Result<String, PlanError> {
    let refused = |source| PlanError::Read { file: file.to_owned(), source };
    let opened = File::open(file).map_err(refused)?;
    let bytes = opened.metadata().map_err(refused)?.len();
    if bytes > LARGEST {
        return Err(PlanError::TooLarge { file: file.to_owned(), bytes, limit: LARGEST });
    }
    let mut text = String::new();
    // The limit holds even for a pipe or a file that grows while it is read.
    opened.take(LARGEST).read_to_string(&mut text).map_err(refused)?;
    Ok(text)
}

pub(super) fn parse_table(origin: &str, text: &str) -> Result<toml::Table, PlanError> {
    toml::from_str(text)
        .map_err(|source| PlanError::Toml { file: origin.to_owned(), source: Box::new(source) })
}

/// The text of a preset or recipe: a path ending in `.toml`, a file of the user's, or a built-in one.
pub(super) fn find(
    what: &'static str,
    name: &str,
    built_in: &[(&str, &'static str)],
    users: Option<&Path>,
) -> Result<(String, String), PlanError> {
    if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        return Ok((name.to_owned(), read_text(Path::new(name))?));
    }
    if let Some((file, _)) = users_files(users).into_iter().find(|(_, stem)| stem == name) {
        return Ok((file.display().to_string(), read_text(&file)?));
    }
    if let Some((_, text)) = built_in.iter().find(|(known, _)| *known == name) {
        return Ok((format!("{name}.toml"), (*text).to_owned()));
    }
    Err(PlanError::UnknownName { what, name: name.to_owned(), names: names(built_in, users) })
}

/// The built-in names and those of the user's files, sorted.
pub(super) fn names(built_in: &[(&str, &str)], users: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = built_in.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(users_files(users).into_iter().map(|(_, stem)| stem));
    names.sort();
    names.dedup();
    names
}

/// A folder that is not there or cannot be read has no files: the user need not have any.
fn users_files(folder: Option<&Path>) -> Vec<(PathBuf, String)> {
    let Some(Ok(entries)) = folder.map(std::fs::read_dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| Some((path.clone(), path.file_stem()?.to_str()?.to_owned())))
        .collect()
}
