//! How does `cargo xtask run` start Eyewright?
//!
//! Without arguments it opens the window, or shows the interface in a browser where there is no screen; with arguments
//! it is the terminal program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{packages, step, ui};

/// The program with the window.
const WINDOW: &str = "eyewright-desktop";
/// The program of the terminal.
const TERMINAL: &str = "eyewright";
/// The same interface where there is no screen.
const INTERFACE: &[&str] = &["serve", "--ui"];

/// Builds the program and starts it. Ends with the program's own exit code.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<ExitCode> {
    let window = args.is_empty() && has_screen();
    let without_screen = args.is_empty() && !window;
    let args = if without_screen { INTERFACE } else { args };
    if window || without_screen {
        packages::ensure_builds()?;
    }
    if (window || shows_interface(args)) && !ui::build(root)? {
        return Ok(ExitCode::FAILURE);
    }
    let program = if window { build(root, WINDOW)? } else { built(root)? };
    if without_screen {
        println!("\nThere is no screen for a window here (neither DISPLAY nor WAYLAND_DISPLAY is set).");
        println!("Open the address below in a browser; it goes on until Ctrl-C.\n");
    }
    // Standard input stays ours here: this is the one command that talks with a person.
    let status = Command::new(&program)
        .args(args)
        .current_dir(root)
        .status()
        .with_context(|| format!("`{}` cannot be started", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Elsewhere than on Linux a session has a screen.
fn has_screen() -> bool {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

/// Whether the built interface will be asked for.
fn shows_interface(args: &[&str]) -> bool {
    args.first() == Some(&"serve") && args.contains(&"--ui")
}

/// Builds the terminal program and says where it is.
pub(crate) fn built(root: &Path) -> Result<PathBuf> {
    build(root, TERMINAL)
}

fn build(root: &Path, name: &str) -> Result<PathBuf> {
    // The same selection of packages as the tests, so that both share one build of every dependency.
    if !step::succeeds(&mut step::cargo(root, &["build", "--workspace", "--bin", name]))? {
        bail!("the program does not compile");
    }
    // It lies beside us: same profile, same target folder.
    let own = std::env::current_exe().context("the path of xtask itself cannot be read")?;
    let mut file = OsString::from(name);
    file.push(std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(file))
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
