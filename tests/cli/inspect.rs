//! `models inspect`, `doctor`, completions and help.

use std::process::Stdio;

use super::program::{model, program, say, xtuner};

#[test]
fn models_are_described() {
    let rows: [(Vec<String>, &str, &[&str]); 4] = [
        (
            vec![model("internlm2")],
            "language model",
            &["internlm2: 3 layers, 48 wide, 6 heads (2 key/value)", "BF16"],
        ),
        (
            vec![model("llava_hf_v5")],
            "llava-hf",
            &["CLIP: 2 of 3 layers used", "16 → 24", "template: internlm2_chat"],
        ),
        (xtuner("llava"), "separate parts", &["16 → 32, 2 layer(s)", "a picture takes 16 tokens"]),
        (vec![model("phi3")], "language model", &["phi3: 3 layers", "context: 4096 tokens", "MiB in f32"]),
    ];
    for (words, kind, says) in rows {
        let words: Vec<&str> =
            ["models", "inspect"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let said = say(&words);
        assert_eq!((said.code, said.out.lines().next()), (0, Some(kind)), "{}", said.err);
        for says in says {
            assert!(said.out.contains(says), "`{says}` is not in\n{}", said.out);
        }
        let json = say(&[&words[..], &["--json"]].concat()).json();
        let parts = json["parts"].as_array().unwrap();
        let numbers: u64 = parts.iter().map(|part| part["parameters"].as_u64().unwrap()).sum();
        assert!(parts.iter().all(|part| part["parameters"].as_u64().unwrap() > 0), "{json}");
        assert_eq!(json["bytes_f32"].as_u64().unwrap(), 4 * numbers);
    }
}

/// Counted by hand: embeddings and head 384·24 each, two layers of 4·24² + 3·24·40 + 2·24, a norm of 24.
#[test]
fn parameters_are_those_of_each_part() {
    let json = say(&["models", "inspect", &model("llava_hf_new"), "--json"]).json();
    let llm = 2 * 384 * 24 + 2 * (4 * 24 * 24 + 3 * 24 * 40 + 2 * 24) + 24;
    let projector = 16 * 24 + 24 + 24 * 24 + 24;
    assert_eq!(json["parts"][0]["parameters"], llm);
    assert_eq!(json["parts"][2]["parameters"], projector);
}

#[test]
fn the_machine_is_described() {
    let said = say(&["doctor"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("cpu") && said.out.contains("works"), "{}", said.out);
    assert!(said.out.contains("`--device auto` takes"), "{}", said.out);
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = say(&["completions", shell]);
        assert_eq!(said.code, 0, "{shell}");
        assert!(said.out.contains("eyewright") && said.out.contains("visual-encoder"), "{shell}");
    }
}

#[test]
fn help_names_every_option() {
    let said = say(&["chat", "--help"]);
    assert_eq!(said.code, 0);
    for option in [
        "MODEL",
        "--visual-encoder <DIR>",
        "--llava <PATH>",
        "--prompt-template <NAME>",
        "--image <FILE>",
        "--prompt <TEXT>",
        "--system <TEXT>",
        "--max-new-tokens <N>",
        "--temperature <F>",
        "--top-k <N>",
        "--top-p <F>",
        "--min-p <F>",
        "--repetition-penalty <F>",
        "--seed <N>",
        "--stop <TEXT>",
        "--device <D>",
        "--dtype <T>",
        "--json",
        "--logits <FILE>",
        "--xtuner-compatible",
    ] {
        assert!(said.out.contains(option), "`{option}` is not in\n{}", said.out);
    }
    let version = say(&["--version"]);
    assert_eq!(version.out.trim(), concat!("eyewright ", env!("CARGO_PKG_VERSION")));
}

/// `eyewright … | head` is no reason for a panic.
#[test]
fn a_reader_that_leaves_is_no_fault() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let said = program()
        .args(["models", "inspect", &model("llama")])
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
    assert_eq!(said.status.code(), Some(141));
}
