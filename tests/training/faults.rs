//! Bad rows, numbers that are none, and folders that refuse.

use crate::studio::{Studio, fail, golden, program, succeed};

const QUICK: &[&str] = &["--batch", "2", "--accumulation", "1", "--max-steps", "2"];

#[test]
fn bad_rows_are_named_before_the_first_step() {
    let studio = Studio::new();
    let good =
        r#"{"id": "good", "conversation": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#;
    let bad = [
        (
            r#"{"image": "none.png", "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "b"}]}"#,
            "does not exist",
        ),
        (
            r#"{"image": "../../../../etc/hostname", "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "b"}]}"#,
            "leads out of",
        ),
        (
            r#"{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": " "}]}"#,
            "answer 1 is empty",
        ),
        (r#"{"conversations": [{"from": "system", "value": "a"}]}"#, "from `system`"),
        (
            r#"{"image": "square.png", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#,
            "refers to 0 pictures",
        ),
    ];
    let lines: Vec<&str> = std::iter::once(good).chain(bad.map(|(row, _)| row)).collect();
    studio.write("rows.json", &lines.join("\n"));
    let said = fail(&mut studio.train("finetune-lora", "run", QUICK));
    assert!(said.contains("5 of 6 rows") && said.contains("--skip-bad-rows"), "{said}");
    for (index, (_, reason)) in bad.iter().enumerate() {
        assert!(said.contains(&format!("row {}", index + 2)) && said.contains(reason), "{reason}: {said}");
    }
    let last = studio.last_event("run");
    assert!(last["event"] == "failed" && last["message"].as_str().unwrap().contains("5 of 6 rows"), "{last}");
    // The same folder will do: the run had not begun.
    let said = succeed(&mut studio.train("finetune-lora", "run", &[QUICK, &["--skip-bad-rows"]].concat()));
    assert!(said.contains("5 of 6 rows left out") && said.contains("key `conversation`"), "{said}");
    assert_eq!(studio.metrics("run").len(), 2);
    let long = r#"[{"conversations": [{"from": "human", "value": "a b c d e f g h"}, {"from": "gpt", "value": "b"}]}]"#;
    studio.write("rows.json", long);
    let said = fail(&mut studio.train("finetune-lora", "long", &[QUICK, &["--max-length", "4"]].concat()));
    assert!(said.contains("fills the 4 tokens"), "{said}");
    // Text alone teaches nothing where only what looks at pictures is trained.
    let said = fail(&mut studio.train("pretrain", "blind", QUICK));
    assert!(said.contains("no row of") && said.contains("has a picture"), "{said}");
}

#[test]
fn three_steps_without_a_number_end_the_run() {
    let studio = Studio::new();
    // A language model whose last norm is not a number.
    let (from, to) = (golden("models/llava_xtuner/llm"), studio.path("llm"));
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let file = to.join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let place = &header["model.norm.weight"]["data_offsets"];
    let start = 8 + length + place[0].as_u64().unwrap() as usize;
    let end = 8 + length + place[1].as_u64().unwrap() as usize;
    bytes[start..end].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    let llm = to.to_str().unwrap();
    let mut command = program();
    command.args(["train", "--device", "cpu", "--recipe", "pretrain", "--llm", llm, "--tower"]);
    command
        .arg(golden("models/llava_xtuner/clip"))
        .arg("--data")
        .arg(studio.path("rows.json"))
        .arg("--images");
    command.arg(crate::studio::images()).arg("--out").arg(studio.path("run")).args(["--max-steps", "9"]);
    let said = fail(command.args(["--batch", "2", "--set", "evaluation.prompts=[]"]));
    assert!(
        said.contains("three steps in a row") && said.contains("rows") && said.contains("learning rate"),
        "{said}"
    );
    let metrics = studio.metrics("run");
    assert_eq!(metrics.len(), 3);
    assert!(metrics.iter().all(|line| line["loss"].is_null() && line["skipped"] == "loss"));
    // The folder says so too, for those who were not there.
    let last = studio.last_event("run");
    assert_eq!(last["event"], "failed");
    assert!(last["message"].as_str().unwrap().contains("three steps in a row"), "{last}");
}

#[test]
fn folders_that_refuse_are_named() {
    let studio = Studio::new();
    let file = studio.write("file", "x");
    let inside = file.join("run");
    let said = fail(&mut studio.train("pretrain", inside.to_str().unwrap(), QUICK));
    assert!(said.contains(inside.to_str().unwrap()), "{said}");
    succeed(&mut studio.train("pretrain", "run", QUICK));
    let said = fail(&mut studio.train("pretrain", "run", QUICK));
    assert!(said.contains("holds a run already") && said.contains("--resume"), "{said}");
    let said = fail(program().args(["train", "--resume"]).arg(studio.path("nowhere")));
    assert!(said.contains("holds no run"), "{said}");
    let said = fail(program().args(["train", "--resume"]).arg(studio.path("run")).args(["--lr", "0.5"]));
    assert!(said.contains("cannot go on with other values") && said.contains("lr.projector"), "{said}");
    // A run that was not let go on is still the finished run it was.
    assert_eq!(studio.last_event("run")["event"], "ended");
    // Rows that changed since would be other rows.
    studio.write("rows.json", &crate::studio::rows(9));
    let said = fail(program().args(["train", "--device", "cpu", "--resume"]).arg(studio.path("run")));
    assert!(said.contains("has changed since the run began"), "{said}");
    assert_eq!(studio.last_event("run")["event"], "ended");
}
