//! How does `cargo xtask run` start Eyewright?
//!
//! Without arguments it shows the interface in a browser, for which it builds the interface; with arguments it is the
//! terminal program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{step, ui};

/// What is started when nothing is said.
const INTERFACE: &[&str] = &["serve", "--ui"];

/// Builds the program and starts it. Ends with the program's own exit code.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<ExitCode> {
    let args = if args.is_empty() { INTERFACE } else { args };
    if shows_interface(args) && !ui::build(root)? {
        return Ok(ExitCode::FAILURE);
    }
    let program = built(root)?;
    // Standard input stays ours here: this is the one command that talks with a person.
    let status = Command::new(&program)
        .args(args)
        .current_dir(root)
        .status()
        .with_context(|| format!("`{}` cannot be started", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Whether the built interface will be asked for.
fn shows_interface(args: &[&str]) -> bool {
    args.first() == Some(&"serve") && args.contains(&"--ui")
}

/// Builds the program and says where it is.
pub(crate) fn built(root: &Path) -> Result<PathBuf> {
    // The same selection of packages as the tests, so that both share one build of every dependency.
    if !step::succeeds(&mut step::cargo(root, &["build", "--workspace", "--bin", "eyewright"]))? {
        bail!("the program does not compile");
    }
    program()
}

/// The built program lies beside us: same profile, same target folder.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the path of xtask itself cannot be read")?;
    let mut name = OsString::from("eyewright");
    name.push(std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_browser_door_needs_the_interface() {
        for (args, needs) in [
            (INTERFACE, true),
            (&["serve", "--listen", "127.0.0.1:0", "--ui"], true),
            (&["serve"], false),
            (&["chat", "--ui"], false),
            (&[], false),
        ] {
            assert_eq!(shows_interface(args), needs, "{args:?}");
        }
    }
}
