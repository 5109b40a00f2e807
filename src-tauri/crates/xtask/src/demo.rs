//! The whole story in three minutes: a language model is lent eyes, and then learns to answer.
//!
//! ```text
//! short pretrain ─▶ ask   bundled pretrain product ─▶ ask ─▶ finetune ─▶ ask ─▶ table ─▶ projector in HF form
//! ```

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{run, step};

/// Where everything of the demo is written.
const FOLDER: &str = "demo-run";

/// Runs the demo. What an earlier one left is replaced.
pub(crate) fn demo(root: &Path) -> Result<ExitCode> {
    if !root.join("models/demo/pretrained").is_dir() {
        bail!("models/demo holds no weights; `cargo xtask demo-model` makes them");
    }
    let program = run::built(root)?;
    let folder = root.join(FOLDER);
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| format!("`{}` cannot be removed", folder.display()))?;
    }
    let started = Instant::now();
    let eyewright = |line: &str| -> Result<()> {
        let mut command = Command::new(&program);
        command.args(line.split(' ')).current_dir(root).stdin(Stdio::null());
        if !step::succeeds(&mut command)? {
            bail!("this step failed; the lines above say why");
        }
        println!("[{:.0} s]", started.elapsed().as_secs_f64());
        Ok(())
    };
    let parts = "--llm models/demo/llm --tower models/demo/tower";
    let seen = |name: &str| format!("--data {FOLDER}/{name}/data.json --images {FOLDER}/{name}/images");
    let train = |name: &str, data: &str, steps: u32, batch: u32, rest: &str| {
        format!(
            "train --recipe models/demo/make/{name}.toml {parts} {} --set train.max_steps={steps} \
             --set train.batch={batch} --set data.workers=1 --set evaluation.every=0 --device cpu{rest} \
             --out {FOLDER}/{name}",
            seen(data)
        )
    };
    eyewright(&format!("dataset demo --content captions --rows 640 --seed 31 --out {FOLDER}/captions"))?;
    eyewright(&format!("dataset demo --content mixed --rows 2400 --seed 32 --out {FOLDER}/questions"))?;
    eyewright(&format!(
        "dataset demo --split held-out --content questions --questions 5 --rows 30 --seed 33 --out {FOLDER}/held-out"
    ))?;
    eyewright(&train("pretrain", "captions", PRETRAIN_STEPS, 16, ""))?;
    let score = |model: &str, pictures: u32| score(&program, root, model, pictures);
    let fresh = score(&format!("{FOLDER}/pretrain"), 8)?;
    let bundled = "models/demo/llm --visual-encoder models/demo/tower --llava models/demo/pretrained";
    let before = score(bundled, PICTURES)?;
    println!("[{:.0} s]", started.elapsed().as_secs_f64());
    eyewright(&train("finetune", "questions", FINETUNE_STEPS, 16, " --pretrained models/demo/pretrained"))?;
    let after = score(&format!("{FOLDER}/finetune"), PICTURES)?;
    eyewright(&format!("export --run {FOLDER}/finetune --to xtuner --out {FOLDER}/hf"))?;
    print!("{}", tables(&fresh, &before, &after));
    println!(
        "\nEverything is in {FOLDER}/: the runs, their logs, the pictures, and in hf/ projector and adapters in Hugging Face \
         form. It took {:.0} s.",
        started.elapsed().as_secs_f64()
    );
    println!(
        "Go on with: cargo xtask run chat {FOLDER}/finetune --image {FOLDER}/held-out/images/000/000000.png"
    );
    Ok(ExitCode::SUCCESS)
}

/// Optimiser steps that fit in the time of a demo.
const PRETRAIN_STEPS: u32 = 24;
const FINETUNE_STEPS: u32 = 100;

/// Held-out pictures that are asked about.
const PICTURES: u32 = 20;

/// Scores a model on the held-out pictures.
fn score(program: &Path, root: &Path, model: &str, pictures: u32) -> Result<Value> {
    let line = format!(
        "dataset score {model} --data {FOLDER}/held-out --pictures {pictures} --questions 5 --device cpu --json"
    );
    println!("\n$ eyewright {line}");
    let output = Command::new(program)
        .args(line.split(' '))
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("eyewright cannot be started")?;
    if !output.status.success() {
        bail!("the model could not be asked; the lines above say why");
    }
    serde_json::from_slice(&output.stdout).context("the scores cannot be read")
}

/// The shares that are right, and what the two models said to the same questions.
fn tables(fresh: &Value, before: &Value, after: &Value) -> String {
    let mut text =
        String::from("\nOn pictures with combinations of thing and colour that no training picture had:\n\n");
    let percent = |score: &Value, name: &str| {
        let count = |field: &str| score[name][field].as_f64().unwrap_or(0.0);
        let all = count("all");
        if all == 0.0 { "-".to_owned() } else { format!("{:.0} %", 100.0 * count("right") / all) }
    };
    text += &format!("{:<34}{:>16}{:>16}\n", "", "caption objects", "answers");
    for (name, score) in [
        ("a pretrain of some seconds", fresh),
        ("after pretrain (bundled)", before),
        ("after finetune (just now)", after),
    ] {
        let (captions, answers) = (percent(score, "caption_objects"), percent(score, "answers"));
        text += &format!("{name:<34}{captions:>16}{answers:>16}\n");
    }
    text += "\nquestion | expected | after pretrain | after finetune\n";
    let list = |score: &Value| score["asked"].as_array().cloned().unwrap_or_default();
    for (one, other) in list(before).iter().zip(list(after)).step_by(7).take(14) {
        let word = |value: &Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
        text += &format!(
            "{} | {} | {} | {}\n",
            word(one, "question"),
            word(one, "expected"),
            word(one, "answer"),
            word(&other, "answer")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_show_shares_and_answers_side_by_side() {
        let score = |right: u32, answer: &str| {
            serde_json::json!({
                "caption_objects": { "right": 3, "all": 4 }, "answers": { "right": right, "all": 4 },
                "asked": [{ "question": "What colour is the cat?", "expected": "red", "answer": answer }],
            })
        };
        let text = tables(&score(0, ""), &score(1, "A small red cat."), &score(4, "red"));
        assert!(
            text.contains("after pretrain (bundled)                      75 %            25 %"),
            "{text}"
        );
        assert!(text.contains("What colour is the cat? | red | A small red cat. | red"), "{text}");
    }
}
