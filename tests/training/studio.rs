//! A place to train in: a temporary folder, the tiny models of the goldens, and a few rows about real pictures.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Studio {
    pub(crate) folder: TempDir,
}

pub(crate) fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden").join(path)
}

pub(crate) fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/images")
}

pub(crate) const PICTURES: [&str; 4] = ["square.png", "rgb.jpg", "wide.png", "tall.png"];

impl Studio {
    pub(crate) fn new() -> Self {
        let studio = Self { folder: tempfile::tempdir().unwrap() };
        studio.write("rows.json", &rows(12));
        studio
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// `eyewright train` on the tiny model, without test questions.
    pub(crate) fn train(&self, recipe: &str, out: &str, more: &[&str]) -> Command {
        let mut command = program();
        command.args(["train", "--device", "cpu", "--recipe", recipe, "--llm"]);
        command.arg(golden("models/llava_xtuner/llm")).arg("--visual-encoder");
        command.arg(golden("models/llava_xtuner/clip")).arg("--data").arg(self.path("rows.json"));
        command.arg("--image-folder").arg(images()).arg("--out").arg(self.path(out));
        command.args([
            "--set",
            "evaluation.prompts=[]",
            "--set",
            "tune.llm.rank=4",
            "--set",
            "tune.tower.rank=2",
        ]);
        command.args(more);
        command
    }

    pub(crate) fn metrics(&self, run: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last thing that a run's folder says of it.
    pub(crate) fn last_event(&self, run: &str) -> Value {
        let text = std::fs::read_to_string(self.path(run).join("events.jsonl")).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    /// Files of the newest checkpoint that decide how a run goes on.
    pub(crate) fn state(&self, run: &str) -> BTreeMap<String, Vec<u8>> {
        let steps = std::fs::read_dir(self.path(run).join("checkpoints")).unwrap();
        let newest = steps
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("MANIFEST.json").is_file())
            .max();
        let names = ["trained.safetensors", "optimizer.safetensors", "state.json"];
        let newest = newest.unwrap();
        names.map(|name| (name.to_owned(), std::fs::read(newest.join(name)).unwrap())).into()
    }
}

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_eyewright"))
}

pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?} should have failed\n{}", said(&output));
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Rows about the pictures, every fourth one without any.
pub(crate) fn rows(count: usize) -> String {
    let row = |index: usize| {
        let answer = ["a red square", "two stripes of colour", "a wide picture", "a tall one"][index % 4];
        let say = |from: &str, value: String| serde_json::json!({"from": from, "value": value});
        if index % 4 == 3 {
            let said = [say("human", format!("say {index}")), say("gpt", format!("{index}"))];
            return serde_json::json!({"id": index, "conversations": said});
        }
        let said = [say("human", "<image>\nWhat is it?".to_owned()), say("gpt", answer.to_owned())];
        serde_json::json!({"id": index, "image": PICTURES[index % 4], "conversations": said})
    };
    Value::Array((0..count).map(row).collect()).to_string()
}
