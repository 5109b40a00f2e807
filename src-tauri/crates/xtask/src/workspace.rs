//! Where is the root of the workspace, and which cargo started us?

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder whose `Cargo.toml` declares the workspace.
///
/// Searched upwards from this package (cargo names it at run time, so that a moved checkout works),
/// or from the current folder when the program was started without cargo.
pub(crate) fn root() -> Result<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => env::current_dir().context("the current folder cannot be read")?,
    };
    start
        .ancestors()
        .find(|dir| declares_workspace(dir))
        .map(Path::to_path_buf)
        .with_context(|| format!("no workspace above `{}`; start from inside the checkout", start.display()))
}

fn declares_workspace(dir: &Path) -> bool {
    fs::read_to_string(dir.join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

/// The cargo that runs us, so that nested builds use the same toolchain.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
