//! Both stages on a tiny model, and what can be done with what comes out.

use serde_json::Value;

use crate::studio::{Studio, golden, images, program, succeed};

const QUICK: &[&str] = &["--batch", "2", "--accumulation", "1", "--max-steps", "3"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [QUICK, more].concat()
}

/// Greedy, a few tokens, as JSON.
fn ask(arguments: &[&std::ffi::OsStr]) -> Value {
    let mut command = program();
    command.arg("chat").args(arguments);
    command.args([
        "--device",
        "cpu",
        "--temperature",
        "0",
        "--max-new-tokens",
        "6",
        "--json",
        "--prompt",
        "What?",
    ]);
    command.arg("--image").arg(images().join("square.png"));
    serde_json::from_str(&succeed(&mut command)).unwrap()
}

#[test]
fn pretrain_then_finetune_then_chat() {
    let studio = Studio::new();
    let questions = ["--set", "evaluation.prompts=[\"What?\"]", "--set", "evaluation.max_new_tokens=4"];
    succeed(&mut studio.train("pretrain", "one", &with(&questions)));
    let metrics = studio.metrics("one");
    assert_eq!(metrics.len(), 3);
    assert!(
        metrics
            .iter()
            .all(|line| line["loss"].as_f64().unwrap() > 0.0 && line["tokens"].as_u64().unwrap() > 0)
    );
    assert!(metrics[0]["lr"]["projector"].as_f64().unwrap() > 0.0 && metrics[0]["lr"]["llm"] == 0.0);
    for file in
        ["plan.toml", "events.jsonl", "log.txt", "samples/step-000000/0.json", "samples/step-000003/0.json"]
    {
        assert!(studio.path("one").join(file).is_file(), "{file}");
    }
    assert!(std::fs::read_dir(studio.path("one/tensorboard")).unwrap().count() == 1);

    let one = studio.path("one");
    let pretrained = ["--pretrained", one.to_str().unwrap()];
    for (recipe, more) in [
        ("finetune-qlora", &["--quantise", "nf4-double"][..]),
        ("finetune-lora", &["--validation-fraction", "0.25"]),
        ("finetune-full", &["--tune-tower", "full"]),
        ("finetune-small", &[]),
    ] {
        let more = [&pretrained[..], more].concat();
        succeed(&mut studio.train(recipe, recipe, &with(&more)));
        // The run stands for the whole model, or for what is put on its base.
        let run = studio.path(recipe);
        let whole = ask(&[run.as_os_str()]);
        let (llm, clip) = (golden("models/llava_xtuner/llm"), golden("models/llava_xtuner/clip"));
        let parts = ask(&[
            llm.as_os_str(),
            "--visual-encoder".as_ref(),
            clip.as_os_str(),
            "--llava".as_ref(),
            run.as_os_str(),
        ]);
        assert_eq!(whole["token_ids"], parts["token_ids"], "{recipe}");
        assert!(whole["token_ids"].as_array().is_some_and(|ids| !ids.is_empty()));
    }
    assert!(
        std::fs::read_to_string(studio.path("finetune-lora/events.jsonl")).unwrap().contains("validated")
    );
}

#[test]
fn a_model_can_be_trained_on_text_alone_and_written_back() {
    let studio = Studio::new();
    studio.write(
        "text.json",
        r#"[{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b c"}]}]"#,
    );
    let mut command = program();
    command.args(["train", "--device", "cpu", "--recipe", "finetune-full", "--llm"]);
    command.arg(golden("models/llava_xtuner/llm")).arg("--data").arg(studio.path("text.json"));
    command.arg("--out").arg(studio.path("run")).args([
        "--max-steps",
        "2",
        "--batch",
        "1",
        "--accumulation",
        "1",
    ]);
    succeed(&mut command);
    let folder = studio.path("llm");
    let mut write = program();
    write.args(["models", "write", "--part", "llm", "--dtype", "f32", "--run"]);
    succeed(write.arg(studio.path("run")).arg("--out").arg(&folder));
    let chat = |model: &std::path::Path| -> Value {
        let mut command = program();
        command.arg("chat").arg(model).args([
            "--device",
            "cpu",
            "--temperature",
            "0",
            "--max-new-tokens",
            "6",
        ]);
        serde_json::from_str(&succeed(command.args(["--json", "--prompt", "a"]))).unwrap()
    };
    assert_eq!(chat(&folder)["token_ids"], chat(&studio.path("run"))["token_ids"]);
    let mut refused = program();
    refused.args(["models", "write", "--part", "tower", "--run"]).arg(studio.path("run"));
    let said = crate::studio::fail(refused.arg("--out").arg(studio.path("tower")));
    assert!(said.contains("did not train its tower"), "{said}");
}

#[test]
fn a_projector_comes_from_every_form_and_a_wrong_one_is_refused() {
    let studio = Studio::new();
    let xtuner = golden("models/llava_xtuner");
    let mut forms: Vec<_> =
        ["iter_10.pth", "llava/projector", "llava"].iter().map(|form| xtuner.join(form)).collect();
    for (to, more) in [("llava-hf", &[][..]), ("llava", &[]), ("llava", &["--keep-adapters"])] {
        let out = studio.path(&format!("as{}", forms.len()));
        let mut convert = program();
        convert.arg("convert").arg(xtuner.join("llava")).arg("--base").arg(xtuner.join("llm"));
        convert.arg("--visual-encoder").arg(xtuner.join("clip")).args(["--dtype", "f32", "--to", to]);
        succeed(convert.args(more).arg("--out").arg(&out));
        forms.extend(
            ["", "mm_projector.bin", "non_lora_trainables.bin"]
                .iter()
                .map(|file| if file.is_empty() { out.clone() } else { out.join(file) })
                .filter(|form| form.exists()),
        );
    }
    assert_eq!(forms.len(), 9, "{forms:?}");
    let mut losses = Vec::new();
    for (index, path) in forms.iter().enumerate() {
        let out = format!("form{index}");
        succeed(&mut studio.train(
            "pretrain",
            &out,
            &with(&["--pretrained", path.to_str().unwrap(), "--quantise", "none"]),
        ));
        losses.push(studio.metrics(&out)[0]["loss"].as_f64().unwrap());
    }
    assert!(losses.iter().all(|loss| (loss - losses[0]).abs() < 1e-6), "{losses:?}");
    let wrong = golden("models/projector/depth1_gelu");
    let said = crate::studio::fail(&mut studio.train(
        "pretrain",
        "wrong",
        &with(&["--pretrained", wrong.to_str().unwrap()]),
    ));
    assert!(said.contains("depth1_gelu"), "{said}");
}

#[test]
fn cached_features_change_nothing() {
    let studio = Studio::new();
    let steps = ["--batch", "1", "--accumulation", "1", "--max-steps", "30", "--quantise", "none"];
    succeed(&mut studio.train("pretrain", "plain", &steps));
    succeed(&mut studio.train("pretrain", "cached", &[&steps[..], &["--cache-features"]].concat()));
    assert!(studio.path("features").is_dir());
    assert!(studio.state("plain") == studio.state("cached"), "the trained numbers are the same bits");
}

#[test]
fn two_runs_are_compared_side_by_side() {
    let studio = Studio::new();
    succeed(&mut studio.train("pretrain", "a", QUICK));
    let a = studio.path("a");
    succeed(&mut studio.train("finetune-lora", "b", &with(&["--pretrained", a.to_str().unwrap()])));
    let report = studio.path("report.html");
    let mut command = program();
    command.args(["compare", "--device", "cpu", "--limit", "4", "--max-new-tokens", "4", "--json", "--a"]);
    command.arg(&a).arg("--b").arg(studio.path("b")).arg("--data").arg(studio.path("rows.json"));
    command.arg("--image-folder").arg(images()).arg("--html").arg(&report);
    let found: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
    assert_eq!(found["rows"].as_array().unwrap().len(), 4);
    assert_eq!(found["means"].as_array().unwrap().len(), 2);
    let html = std::fs::read_to_string(report).unwrap();
    assert!(
        html.contains("data:image/jpeg;base64,") && html.contains("What is it?") && !html.contains("<script")
    );
}

#[test]
fn plans_and_recipes_are_shown_and_copied() {
    let studio = Studio::new();
    let said = succeed(program().args(["recipes", "list"]));
    assert!(said.contains("finetune-qlora") && said.contains("internlm2-chat-1_8b"));
    let file = studio.path("mine.toml");
    succeed(program().args(["recipes", "copy", "pretrain"]).arg(&file));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        succeed(program().args(["recipes", "show", "pretrain"]))
    );
    crate::studio::fail(program().args(["recipes", "copy", "pretrain"]).arg(&file));
    let plan = ["plan", "--preset", "internlm2-chat-1_8b", "--recipe", "finetune-qlora", "--device", "cuda"];
    let said = succeed(program().args(plan));
    assert!(said.contains("586,354,688") && said.contains("peak") && said.contains("lr.projector"), "{said}");
    let toml = succeed(program().args(plan).arg("--toml"));
    let config = studio.write("plan.toml", &toml);
    let again = succeed(program().args(["plan", "--device", "cuda", "--config"]).arg(config));
    assert_eq!(said.lines().next(), again.lines().next());
}

#[test]
fn the_benchmark_measures_a_small_preset() {
    let mut command = program();
    command.args([
        "bench",
        "train",
        "--preset",
        "demo",
        "--recipe",
        "pretrain",
        "--batch",
        "1",
        "--sequence",
        "80",
    ]);
    command.args(["--steps", "2", "--device", "cpu", "--json"]);
    let report: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
    assert!(report["step_ms"].as_f64().unwrap() > 0.0 && report["loss"].as_f64().unwrap() > 0.0);
    assert!(report["peak_memory"].as_u64().unwrap() > 0);
}
