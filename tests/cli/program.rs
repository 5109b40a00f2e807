//! Starts the program and collects what it says.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What one call gave.
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    pub(super) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

pub(super) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eyewright"));
    command.env_remove("EYEWRIGHT_SOFTWARE_GPU").env("EYEWRIGHT_NO_KEYRING", "1");
    command
}

/// Runs the program with these words and nothing to read.
pub(super) fn say(words: &[&str]) -> Said {
    type_in(words, "")
}

/// Runs the program with these words and `input` on its standard input.
pub(super) fn type_in(words: &[&str], input: &str) -> Said {
    let mut child = program()
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!said.err.contains("panicked"), "{words:?}: {}", said.err);
    said
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests")
}

/// A path below the golden models.
pub(super) fn model(name: &str) -> String {
    tests().join("golden/models").join(name).to_str().unwrap().to_owned()
}

/// A picture of the fixtures.
pub(super) fn picture(name: &str) -> String {
    tests().join("fixtures/images").join(name).to_str().unwrap().to_owned()
}

/// The words that open XTuner's separate parts.
pub(super) fn xtuner(llava: &str) -> Vec<String> {
    vec![
        model("llava_xtuner/llm"),
        "--visual-encoder".into(),
        model("llava_xtuner/clip"),
        "--llava".into(),
        model("llava_xtuner").clone() + "/" + llava,
    ]
}
