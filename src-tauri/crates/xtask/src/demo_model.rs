//! How is the bundled demo model made from nothing? Every step is one call of `eyewright`.
//!
//! ```text
//! words ─▶ llm ───────────────────────────────────────────────┐
//! words ─▶ another llm ─┐                                     │
//! pictures told as grids ┴▶ tower (the llm is thrown away) ────┴▶ projector on captions ─▶ models/demo
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{run, step};

/// How much of everything: rows of each data set and steps of each training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Amounts {
    text_rows: u64,
    llm_steps: u64,
    picture_rows: u64,
    tower_steps: u64,
    caption_rows: u64,
    pretrain_steps: u64,
    question_rows: u64,
    finetune_steps: u64,
    batch: Option<u64>,
}

/// What makes the bundled model; models/demo/README.md says what its parts were made with so far.
const FULL: Amounts = Amounts {
    text_rows: 2_000_000,
    llm_steps: 28_500,
    picture_rows: 800_000,
    tower_steps: 13_500,
    caption_rows: 300_000,
    pretrain_steps: 2800,
    question_rows: 48_000,
    finetune_steps: 700,
    batch: None,
};

/// Enough to see that every step works: minutes on a laptop, and a model that has learned next to nothing.
const TOY: Amounts = Amounts {
    text_rows: 400,
    llm_steps: 8,
    picture_rows: 200,
    tower_steps: 6,
    caption_rows: 100,
    pretrain_steps: 4,
    question_rows: 100,
    finetune_steps: 4,
    batch: Some(8),
};

/// Makes the demo model in `demo-model/`. `--toy` makes a tiny trial of it; `--device D` says where to compute;
/// `--print` shows the commands instead of running them.
pub(crate) fn demo_model(root: &Path, args: &[&str]) -> Result<ExitCode> {
    let (mut amounts, mut device, mut print) = (FULL, "auto".to_owned(), false);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match *word {
            "--toy" => amounts = TOY,
            "--print" => print = true,
            "--device" => device = (*words.next().context("--device needs a name")?).to_owned(),
            other => bail!(
                "`{other}` is no option of `cargo xtask demo-model`; these are --toy, --device D, --print"
            ),
        }
    }
    let commands = commands(amounts, &device, "demo-model");
    if print {
        for words in &commands {
            println!("eyewright {}", words.join(" "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let program = run::built(root)?;
    for words in &commands {
        let done = finished(root, words);
        if let Some(done) = done {
            println!("\n{} is there already", done.display());
            continue;
        }
        let mut command = Command::new(&program);
        if !step::succeeds(command.args(words).current_dir(root))? {
            return Ok(ExitCode::FAILURE);
        }
    }
    println!("\nThe parts are in demo-model/; models/demo/README.md says which of them are bundled.");
    Ok(ExitCode::SUCCESS)
}

/// What a command made, if it did so earlier: a data set, a model, or a finished run.
fn finished(root: &Path, words: &[String]) -> Option<PathBuf> {
    let out = words.iter().position(|word| word == "--out").and_then(|at| words.get(at + 1))?;
    let out = root.join(out);
    let whole = ["data.json", "model.safetensors", "export/done"].iter().any(|file| out.join(file).is_file());
    (whole && fs::read_dir(&out).is_ok()).then_some(out)
}

fn commands(amounts: Amounts, device: &str, out: &str) -> Vec<Vec<String>> {
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let made = "models/demo/make";
    let data = |name: &str, content: &str, rows: u64, seed: u64| {
        words(format!("dataset demo --content {content} --rows {rows} --seed {seed} --out {out}/{name}"))
    };
    let run = |name: &str, recipe: &str, steps: u64, rest: String| {
        let mut line = words(format!(
            "train --recipe {made}/{recipe}.toml {rest} --set train.max_steps={steps} --device {device} \
             --out {out}/run-{name}"
        ));
        if let Some(batch) = amounts.batch {
            line.extend(words(format!("--set train.batch={batch}")));
        }
        line
    };
    let train = |name: &str, steps: u64, rest: String| run(name, name, steps, rest);
    let new = |part: &str, seed: u64, name: &str| {
        let vocabulary =
            if part == "llm" { format!(" --vocabulary-from {out}/words/data.json") } else { String::new() };
        words(format!(
            "models new {part} --config {made}/{part}.json --seed {seed} --out {out}/{name}{vocabulary}"
        ))
    };
    let write = |run: &str, part: &str| {
        words(format!("models write --run {out}/run-{run} --part {part} --dtype f16 --out {out}/{run}"))
    };
    let seen = |name: &str| format!("--data {out}/{name}/data.json --images {out}/{name}/images");
    vec![
        data("words", "text", amounts.text_rows.min(20_000), 11),
        data("text", "text", amounts.text_rows, 12),
        new("llm", 1, "llm-start"),
        new("llm", 2, "other-start"),
        new("tower", 3, "tower-start"),
        train("llm", amounts.llm_steps, format!("--llm {out}/llm-start --data {out}/text/data.json")),
        write("llm", "llm"),
        run(
            "other",
            "llm",
            amounts.llm_steps,
            format!("--llm {out}/other-start --data {out}/text/data.json"),
        ),
        write("other", "llm"),
        data("pictures", "grid", amounts.picture_rows, 13),
        train(
            "tower",
            amounts.tower_steps,
            format!("--llm {out}/other --tower {out}/tower-start {} --set lr.llm=3e-4", seen("pictures")),
        ),
        write("tower", "tower"),
        data("captions", "captions", amounts.caption_rows, 14),
        train(
            "pretrain",
            amounts.pretrain_steps,
            format!("--llm {out}/llm --tower {out}/tower {}", seen("captions")),
        ),
        data("questions", "mixed", amounts.question_rows, 15),
        train(
            "finetune",
            amounts.finetune_steps,
            format!(
                "--llm {out}/llm --tower {out}/tower --pretrained {out}/run-pretrain {}",
                seen("questions")
            ),
        ),
        words(format!(
            "dataset demo --split held-out --content questions --questions 6 --rows 300 --seed 16 --out {out}/held-out"
        )),
        words(format!(
            "dataset score {out}/run-pretrain --data {out}/held-out --pictures 150 --device {device}"
        )),
        words(format!(
            "dataset score {out}/run-finetune --data {out}/held-out --pictures 150 --device {device}"
        )),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_made_before_it_is_used() {
        let commands = commands(TOY, "cpu", "out");
        let mut made: Vec<String> = Vec::new();
        for words in &commands {
            for word in words.iter().filter(|word| word.starts_with("out/")) {
                let part: Vec<&str> = word.split('/').take(2).collect();
                let target = words.iter().position(|w| w == "--out").map(|at| words[at + 1].clone());
                if target.as_deref() != Some(word.as_str()) {
                    assert!(made.contains(&part.join("/")), "{word} is used before it is made");
                }
            }
            made.extend(words.iter().position(|w| w == "--out").map(|at| words[at + 1].clone()));
        }
    }
}
