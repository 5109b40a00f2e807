//! How are exports judged by the programs they are made for: transformers, PEFT, llama.cpp?
//!
//! Builds the program, makes a Python environment below `target/` from the registry, and runs the script that compares.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Result, bail};

use crate::{run, step};

/// What the judges are. `xllamacpp` carries llama.cpp with its picture code, built; `llama-cpp-python` one from before
/// its pull request 13321, which is built here and takes minutes.
const PACKAGES: &[&str] = &[
    "torch==2.15.0",
    "transformers==5.23.0",
    "peft==0.21.2",
    "tokenizers==0.23.3",
    "sentencepiece==0.2.3",
    "safetensors==0.8.0",
    "gguf==0.19.0",
    "xllamacpp==2026.10.11549",
    "llama-cpp-python==0.3.8",
    "numpy==2.4.6",
    "pillow",
    "jinja2",
];

pub(crate) fn interop(root: &Path) -> Result<ExitCode> {
    let program = run::built(root)?;
    let environment = root.join("target/interop");
    let python = environment.join("bin/python");
    if !python.is_file() && !step::succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment))? {
        bail!("no Python environment can be made; install python3 and python3-venv");
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES);
    if !step::succeeds(&mut install)? {
        bail!("the judges cannot be installed; the lines above say which and why");
    }
    let mut compare = Command::new(&python);
    compare.arg("tests/reference/interop.py").arg(program).current_dir(root);
    Ok(if step::succeeds(&mut compare)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
