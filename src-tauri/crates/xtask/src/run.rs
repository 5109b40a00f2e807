//! How does `cargo xtask run` start Eyewright?
//!
//! There is one door today, the terminal program. When the window exists, it becomes what [`start`] answers
//! for an empty command line; the rest of this file stays.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::step;

/// The model that comes with the checkout, relative to its root.
const DEMO_MODEL: &str = "models/demo";

/// What will be started, and what the person at the keyboard is told first.
#[derive(Debug, PartialEq, Eq)]
struct Start {
    args: Vec<String>,
    note: Option<String>,
}

/// Builds the program and starts it. Ends with the program's own exit code.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<ExitCode> {
    // The same selection of packages as the tests, so that both share one build of every dependency.
    if !step::succeeds(&mut step::cargo(root, &["build", "--workspace", "--bin", "eyewright"]))? {
        return Ok(ExitCode::FAILURE);
    }
    let Start { args, note } =
        start(args, &contents(&root.join("models")), has_weights(&root.join(DEMO_MODEL)));
    if let Some(note) = note {
        println!("{note}\n");
    }
    let program = program()?;
    // Standard input stays ours here: this is the one command that talks with a person.
    let status = Command::new(&program)
        .args(&args)
        .current_dir(root)
        .status()
        .with_context(|| format!("`{}` cannot be started", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

fn start(args: &[&str], models: &[String], demo: bool) -> Start {
    let words = |args: &[&str]| args.iter().map(|&word| word.to_owned()).collect();
    if !args.is_empty() {
        return Start { args: words(args), note: None };
    }
    if demo {
        return Start { args: words(&["chat", DEMO_MODEL]), note: None };
    }
    let found = if models.is_empty() { "nothing".to_owned() } else { models.join(", ") };
    let note = format!(
        "{DEMO_MODEL} holds no weights yet (models/ holds {found}). \
         `cargo xtask run chat MODEL` talks with a model of your own; this is what the program can do:"
    );
    Start { args: words(&["--help"]), note: Some(note) }
}

/// The built program lies beside us: same profile, same target folder.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the path of xtask itself cannot be read")?;
    let mut name = OsString::from("eyewright");
    name.push(std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(name))
}

/// Names in a folder, sorted; none if there is no such folder.
fn contents(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn has_weights(dir: &Path) -> bool {
    contents(dir).iter().any(|name| name.ends_with(".safetensors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_decides_then_the_demo_model() {
        let models = ["templates".to_owned()];
        let rows: [(&[&str], bool, &[&str], bool); 4] = [
            (&[], true, &["chat", "models/demo"], false),
            (&[], false, &["--help"], true),
            (&["doctor"], false, &["doctor"], false),
            (&["chat", "x", "--seed", "1"], true, &["chat", "x", "--seed", "1"], false),
        ];
        for (args, demo, expected, told) in rows {
            let start = start(args, &models, demo);
            assert_eq!(start.args, expected, "{args:?} {demo}");
            assert_eq!(start.note.is_some(), told, "{args:?} {demo}");
        }
    }

    #[test]
    fn the_note_says_what_is_there() {
        let note = start(&[], &["presets".into(), "templates".into()], false).note.unwrap();
        assert!(note.contains("presets, templates"), "{note}");
        let note = start(&[], &[], false).note.unwrap();
        assert!(note.contains("holds nothing"), "{note}");
    }
}
