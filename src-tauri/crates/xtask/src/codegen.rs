//! How do the protocol's types reach the user interface?

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use eyewright_protocol::{BINDINGS_FILE, bindings};

/// `cargo xtask codegen [--check]`: writes the TypeScript bindings, or says whether they are current.
pub(crate) fn codegen(root: &Path, check: bool) -> Result<ExitCode> {
    let file = root.join(BINDINGS_FILE);
    let text = bindings();
    if fs::read_to_string(&file).is_ok_and(|found| found == text) {
        println!("{BINDINGS_FILE} is current");
        return Ok(ExitCode::SUCCESS);
    }
    if check {
        println!("{BINDINGS_FILE} is not what the protocol says; run `cargo xtask codegen`");
        return Ok(ExitCode::FAILURE);
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    println!("{BINDINGS_FILE} is written");
    Ok(ExitCode::SUCCESS)
}
