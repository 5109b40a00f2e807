//! How does Eyewright become a package that others install?
//!
//! The package holds the window, the terminal program beside it, and the bundled demo; the interface is inside both.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use serde_json::json;

use crate::{packages, step, ui};

/// Both programs, with every back end.
const PROGRAMS: &[&str] = &[
    "build",
    "--release",
    "--workspace",
    "--bin",
    "eyewright",
    "--bin",
    "eyewright-desktop",
    "--features",
    "cuda,wgpu",
];

/// `cargo xtask bundle [FORMATS]`: a `.deb`, or what is named, below `release/bundle/` of the target folder. The bundler
/// fetches tools for other formats.
pub(crate) fn bundle(root: &Path, formats: &[&str]) -> Result<ExitCode> {
    packages::ensure_bundles()?;
    let built = ui::build(root)? && step::succeeds(&mut step::cargo(root, PROGRAMS))?;
    if !built {
        return Ok(ExitCode::FAILURE);
    }
    let own = std::env::current_exe().context("the path of xtask itself cannot be read")?;
    let terminal = own.with_file_name("../release/eyewright");
    // Not in `tauri.conf.json`: every build would copy the demo beside the program, where it grows old.
    let contents = json!({ "bundle": {
        "resources": { "../models/demo": "models/demo" },
        // Without a font that has them, Chinese characters are boxes.
        "linux": { "deb": { "files": { "/usr/bin/eyewright": terminal }, "recommends": ["fonts-noto-cjk"] } },
    } });
    let mut command = Command::new(root.join("ui/node_modules/.bin/tauri"));
    command.args(["bundle", "--ci", "--config", &contents.to_string(), "--bundles"]);
    command.args(if formats.is_empty() { &["deb"] } else { formats });
    command.current_dir(root.join("src-tauri")).stdin(Stdio::null());
    Ok(if step::succeeds(&mut command)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
