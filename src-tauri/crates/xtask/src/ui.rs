//! How is the interface under `ui/` checked, tested and built?
//!
//! Knows npm's scripts by name. What they do stands in `ui/package.json`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::step;
use crate::test::Tally;

/// Scripts that say yes or no, in the order in which they are cheapest to fail.
const CHECKS: &[&str] = &["check", "lint"];
/// Suites in a real browser against the real program; it needs Chromium and `eyewright serve`.
const BROWSER_SUITE: &str = "tests/ui/run.mjs";
/// The oldest Node.js that Vite runs on.
const NODE: (u64, u64) = (20, 19);

/// Is there an interface in this checkout?
pub(crate) fn is_there(root: &Path) -> bool {
    root.join("ui/package.json").is_file()
}

/// Installs what the lock file names, unless that is done already.
pub(crate) fn install(root: &Path) -> Result<()> {
    check_node()?;
    let lock = root.join("ui/package-lock.json");
    let installed = root.join("ui/node_modules/.eyewright-lock");
    let wanted = fs::read(&lock).with_context(|| format!("cannot read `{}`", lock.display()))?;
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if !step::succeeds(&mut npm(root, &["ci", "--no-progress"]))? {
        bail!("`npm ci` failed in ui/; it needs a package registry once");
    }
    fs::write(&installed, wanted).with_context(|| format!("cannot write `{}`", installed.display()))
}

/// Types, messages in both languages, lints.
pub(crate) fn checks(root: &Path) -> Result<bool> {
    install(root)?;
    let mut passed = true;
    for script in CHECKS {
        passed &= step::succeeds(&mut npm(root, &["run", "--silent", script]))?;
    }
    Ok(passed)
}

/// Makes `ui/dist`, which the window and `eyewright serve --ui` show.
pub(crate) fn build(root: &Path) -> Result<bool> {
    install(root)?;
    step::succeeds(&mut npm(root, &["run", "--silent", "build"]))
}

/// Whether there is something to show; it may be older than its sources.
pub(crate) fn is_built(root: &Path) -> bool {
    root.join("ui/dist/index.html").is_file()
}

/// Component tests, then the suites in a browser.
pub(crate) fn suites(root: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    install(root)?;
    tally.add(counted(&mut npm(root, &["run", "--silent", "test"]))?);
    if root.join(BROWSER_SUITE).is_file() {
        let program = ["build", "--workspace", "--bin", "eyewright"];
        if step::succeeds(&mut step::cargo(root, &program))? {
            tally.add(counted(&mut npm(root, &["run", "--silent", "test:ui"]))?);
        } else {
            tally.add(Tally { passed: 0, failed: 1 });
        }
    }
    Ok(tally)
}

fn npm(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(args).current_dir(root.join("ui")).stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// Runs a suite and reads its closing line; one that broke counts as a failure.
fn counted(command: &mut Command) -> Result<Tally> {
    let tally = Mutex::new(Tally::default());
    let succeeded = step::succeeds_observed(command, |line| {
        if let (Some(found), Ok(mut tally)) = (closing_line(line), tally.lock()) {
            tally.add(found);
        }
    })?;
    let mut tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !succeeded && tally.failed == 0 {
        println!("this suite ended without naming a failed test; it counts as one failure");
        tally.failed = 1;
    }
    Ok(tally)
}

/// Reads `Tests  1 failed | 50 passed (51)`, the closing line of vitest and of our browser suite.
fn closing_line(line: &str) -> Option<Tally> {
    let counts = line.trim_start().strip_prefix("Tests ")?;
    let mut tally = Tally::default();
    for part in counts.split('|') {
        match part.split_whitespace().collect::<Vec<_>>().as_slice() {
            [count, "passed", ..] => tally.passed += count.parse::<u64>().ok()?,
            [count, "failed", ..] => tally.failed += count.parse::<u64>().ok()?,
            _ => {}
        }
    }
    Some(tally)
}

fn check_node() -> Result<()> {
    let output = Command::new("node").arg("--version").output();
    let text =
        output.map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned()).unwrap_or_default();
    if version(&text).is_some_and(|found| found >= NODE) {
        return Ok(());
    }
    let (major, minor) = NODE;
    let found = if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
    bail!(
        "the interface needs Node.js {major}.{minor} or newer, here is {found}; install it from nodejs.org or a package source"
    )
}

fn version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.strip_prefix('v')?.split('.').map(str::parse::<u64>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let rows = [
            ("      Tests  51 passed (51)", Some((51, 0))),
            ("      Tests  1 failed | 50 passed (51)", Some((50, 1))),
            ("Tests  2 failed (2)", Some((0, 2))),
            (" Test Files  6 passed (6)", None),
            ("Tests are good", Some((0, 0))),
        ];
        for (line, expected) in rows {
            let found = closing_line(line).map(|tally| (tally.passed, tally.failed));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        let rows =
            [("v20.19.0", true), ("v22.1.3", true), ("v20.9.0", false), ("v18.19.1", false), ("", false)];
        for (text, fine) in rows {
            assert_eq!(version(text).is_some_and(|found| found >= NODE), fine, "{text}");
        }
    }
}
