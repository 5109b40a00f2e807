//! One question, one answer, with models in every format.

use std::fs;

use serde_json::Value;

use super::program::{Said, model, picture, say, xtuner};

const SHORT: [&str; 8] =
    ["--prompt", "What is this?", "--max-new-tokens", "12", "--temperature", "0", "--device", "cpu"];

fn ask(model: &[String], more: &[&str]) -> Said {
    let mut words = vec!["chat"];
    words.extend(model.iter().map(String::as_str));
    words.extend(SHORT);
    words.extend(more);
    say(&words)
}

fn ids(answer: &Value) -> Vec<u64> {
    answer["token_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[test]
fn models_with_eyes_answer_about_a_picture() {
    let photo = picture("photo_336.jpg");
    // What the folder's adapter_config.json say, and a .pth does not.
    let alphas = ["--llm-alpha", "12", "--tower-alpha", "2"].map(str::to_owned);
    let rows = [
        ("llava_hf_old", vec![model("llava_hf_old")], "internlm2_chat"),
        ("llava_hf_new", vec![model("llava_hf_new")], "internlm2_chat"),
        ("llava_hf_v5", vec![model("llava_hf_v5")], "internlm2_chat"),
        ("xtuner folder", xtuner("llava"), "internlm2_chat"),
        ("xtuner projector alone", xtuner("llava/projector"), "internlm2_chat"),
        ("xtuner pth", [&xtuner("iter_10.pth")[..], &alphas].concat(), "internlm2_chat"),
    ];
    let mut answers = Vec::new();
    for (name, words, template) in rows {
        let with = ask(&words, &["--image", &photo, "--json"]).json();
        let without = ask(&words, &["--json"]).json();
        assert_eq!(with["template"], template, "{name}");
        assert_eq!(with["device"], "cpu", "{name}");
        let tokens = |answer: &Value| answer["prompt_tokens"].as_u64().unwrap();
        // 16 patches, and the line's end behind them.
        assert!(tokens(&with) > tokens(&without) + 16, "{name}: {with}");
        assert_ne!(ids(&with), ids(&without), "{name}: the picture matters");
        assert!(!ids(&with).is_empty() && ids(&with).len() <= 12, "{name}: {with}");
        for time in ["encode_ms", "first_token_ms", "decode_ms", "tokens_per_second"] {
            assert!(with[time].as_f64().unwrap() >= 0.0, "{name}: {time}");
        }
        assert!(["stop", "length"].contains(&with["finish"].as_str().unwrap()), "{name}: {with}");
        answers.push(ids(&with));
    }
    assert_eq!(answers[0], answers[1], "one model under two generations of names");
    assert_eq!(answers[0], answers[2], "one model under two generations of names");
    assert_ne!(answers[3], answers[4], "adapters matter");
    assert_eq!(answers[3], answers[5], "the .pth that the folder was made from");
}

#[test]
fn language_models_answer_without_a_picture() {
    for family in ["internlm2", "internlm", "llama", "vicuna", "llama3", "mistral", "qwen2", "phi3"] {
        let answer = ask(&[model(family)], &["--json"]).json();
        assert!(!ids(&answer).is_empty(), "{family}: {answer}");
    }
}

#[test]
fn containers_do_not_change_the_answer() {
    let usual = ids(&ask(&[model("llama")], &["--json"]).json());
    for format in ["safetensors_sharded", "bin", "bin_sharded", "pth"] {
        let folder = tempfile::tempdir().unwrap();
        for from in [format!("{}/{format}", model("formats")), model("llama")] {
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap().path();
                let name = entry.file_name().unwrap().to_str().unwrap();
                let target = folder.path().join(name);
                if !target.exists() && name != "model.safetensors" && !name.starts_with("expected") {
                    fs::copy(&entry, target).unwrap();
                }
            }
        }
        let words = [folder.path().to_str().unwrap().to_owned()];
        assert_eq!(ids(&ask(&words, &["--json"]).json()), usual, "{format}");
    }
}

#[test]
fn text_is_streamed_as_it_is() {
    let said = ask(&[model("llama")], &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let json = ask(&[model("llama")], &["--json"]).json();
    assert_eq!(said.out.strip_suffix('\n').unwrap(), json["answer"]);
}

#[test]
fn a_seed_repeats_an_answer_and_a_template_changes_it() {
    let hot = |more: &[&str]| {
        let words = ["chat", &model("llama"), "--prompt", "Tell me.", "--max-new-tokens", "24", "--json"];
        let hot = ["--temperature", "1.5", "--top-k", "0", "--top-p", "1", "--device", "cpu"];
        ids(&say(&[&words[..], &hot, more].concat()).json())
    };
    assert_eq!(hot(&["--seed", "7"]), hot(&["--seed", "7"]));
    assert_ne!(hot(&["--seed", "7"]), hot(&["--seed", "8"]));
    assert_ne!(hot(&["--seed", "7"]), hot(&["--seed", "7", "--prompt-template", "vicuna"]));
    assert_ne!(hot(&["--seed", "7"]), hot(&["--seed", "7", "--system", "Be brief."]));
    assert_ne!(hot(&["--seed", "7"]), hot(&["--seed", "7", "--repetition-penalty", "3"]));
    let stopped = ask(&[model("llama")], &["--stop", "e", "--json"]).json();
    assert!(!stopped["answer"].as_str().unwrap().contains('e'), "{stopped}");
}

/// The file holds what another implementation needs to compare: the first token is the best of its last row.
#[test]
fn logits_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scores.safetensors");
    let photo = picture("wide.png");
    let more = ["--image", &photo, "--json", "--logits", file.to_str().unwrap()];
    let answer = ask(&[model("llava_hf_new")], &more).json();
    let bytes = fs::read(&file).unwrap();
    let header_length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header_length]).unwrap();
    let data = &bytes[8 + header_length..];
    let part = |name: &str| {
        let offsets = &header[name]["data_offsets"];
        &data[offsets[0].as_u64().unwrap() as usize..offsets[1].as_u64().unwrap() as usize]
    };
    assert_eq!((&header["input_ids"]["dtype"], &header["logits"]["dtype"]), (&"I64".into(), &"F32".into()));
    let written: Vec<i64> = part("input_ids").as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
    assert_eq!(written.len() as u64, answer["prompt_tokens"].as_u64().unwrap());
    assert_eq!(written.iter().filter(|id| **id == -200).count(), 16);
    let scores: Vec<f32> = part("logits").as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    assert_eq!(header["logits"]["shape"], serde_json::json!([written.len(), 384]));
    let last = &scores[scores.len() - 384..];
    let best = (0..384).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
    assert_eq!(best as u64, ids(&answer)[0]);
}
