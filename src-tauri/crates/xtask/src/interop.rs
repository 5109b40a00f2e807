//! How are exports judged by the programs they are made for: transformers, PEFT, XTuner, llama.cpp?
//!
//! Builds the program, makes two Python environments below `target/` from the registry (XTuner wants libraries of its own
//! time), and runs the script that compares.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Result, bail};

use crate::{run, step};

/// What the judges are. `xllamacpp` carries llama.cpp with its picture code, built; `llama-cpp-python` one from before
/// its pull request 13321, whose build takes minutes.
const PACKAGES: &[&str] = &[
    "torch==2.15.0",
    "transformers==5.23.0",
    "peft==0.21.2",
    "tokenizers==0.23.3",
    "sentencepiece==0.2.3",
    "safetensors==0.8.0",
    "gguf==0.19.0",
    "xllamacpp==2026.10.11549",
    "numpy==2.4.6",
    "pillow",
    "jinja2",
];

/// Built here, and never taken from pip's cache: one that was built for this very processor will not do.
const OLD_LLAMA_CPP: &[&str] = &["--no-cache-dir", "llama-cpp-python==0.3.8"];

/// What XTuner 0.1.23, the last one with `xtuner chat --llava`, was made for.
const XTUNER_NEEDS: &[&str] = &[
    "torch==2.3.1",
    "torchvision==0.18.1",
    "numpy==1.26.4",
    "transformers==4.40.2",
    "peft==0.11.1",
    "mmengine==0.10.4",
    "bitsandbytes==0.43.3",
    "accelerate==0.31.0",
    "datasets==2.20.0",
    "pyarrow==16.1.0",
    "pandas==2.2.3",
    "lagent==0.2.3",
    "einops",
    "openpyxl",
    "scipy",
    "scikit-image",
    "sentencepiece",
    "tiktoken",
    "transformers-stream-generator",
    "opencv-python-headless==4.11.0.86",
    "setuptools<70",
    "wheel",
];

/// XTuner imports it; its build looks for torch where it is built.
const DEEPSPEED: &[&str] = &["--no-build-isolation", "deepspeed==0.14.4"];

/// XTuner names Pythons up to 3.10, and runs with 3.11.
const XTUNER: &[&str] = &["--no-deps", "--ignore-requires-python", "xtuner==0.1.23"];

pub(crate) fn interop(root: &Path) -> Result<ExitCode> {
    let program = run::built(root)?;
    let python = environment(&root.join("target/interop"), &[PACKAGES, OLD_LLAMA_CPP])?;
    let xtuner = environment(&root.join("target/interop-xtuner"), &[XTUNER_NEEDS, DEEPSPEED, XTUNER])?;
    let mut compare = Command::new(&python);
    compare.arg("tests/reference/interop.py").arg(program).arg(xtuner).current_dir(root);
    Ok(if step::succeeds(&mut compare)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The Python of an environment in which these have been installed, one call of pip after the other.
fn environment(folder: &Path, installs: &[&[&str]]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.is_file() && !step::succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder))? {
        bail!("no Python environment can be made; install python3 and python3-venv");
    }
    for packages in installs {
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet"]).args(*packages);
        // Built for a processor with 16-bit arithmetic (AVX512-FP16), the old llama.cpp gives NaN for our short rows.
        install.env("CMAKE_ARGS", "-DGGML_NATIVE=OFF");
        if !step::succeeds(&mut install)? {
            bail!("the judges cannot be installed; the lines above say which and why");
        }
    }
    Ok(python)
}
