//! Wrong words, wrong files, wrong pairs: which exit code, and what is said.

use super::program::{model, picture, say};

/// Code of a command line that cannot be understood.
const USAGE: i32 = 2;
/// Code of everything else that goes wrong.
const FAILED: i32 = 1;

fn check(rows: &[(&[&str], i32, &[&str])]) {
    for (words, code, says) in rows {
        let said = say(words);
        assert_eq!(said.code, *code, "{words:?}: {}{}", said.out, said.err);
        assert_eq!(said.out, "", "{words:?}: complaints belong to standard error");
        for says in *says {
            assert!(said.err.contains(says), "{words:?}: `{}` does not say `{says}`", said.err);
        }
    }
}

#[test]
fn words() {
    let llama = model("llama");
    let llama = llama.as_str();
    check(&[
        (&[], USAGE, &["Usage: eyewright"]),
        (&["chta"], USAGE, &["chta", "chat"]),
        (&["chat"], USAGE, &["<MODEL>"]),
        (&["chat", llama, "--colour"], USAGE, &["--colour"]),
        (&["chat", llama, "--device", "gpu"], USAGE, &["unknown device `gpu`", "cuda:N"]),
        (&["chat", llama, "--dtype", "f8"], USAGE, &["unknown dtype `f8`", "bf16"]),
        (&["chat", llama, "--square", "stretch"], USAGE, &["pad", "crop"]),
        (&["chat", llama, "--max-new-tokens", "0"], USAGE, &["above 0"]),
        (&["chat", llama, "--max-new-tokens", "many"], USAGE, &["above 0"]),
        (&["chat", llama, "--temperature", "warm"], USAGE, &["warm"]),
        (&["chat", llama, "--seed", "-1"], USAGE, &["-1"]),
        (&["chat", llama, "--json"], USAGE, &["--prompt"]),
        (&["chat", llama, "--logits", "x"], USAGE, &["--prompt"]),
        (&["chat", llama, "--temperature=-1", "--prompt", "x"], FAILED, &["--temperature must be 0 or more"]),
        (&["chat", llama, "--top-p", "0", "--prompt", "x"], FAILED, &["--top-p must be above 0"]),
        (&["chat", llama, "--min-p", "2", "--prompt", "x"], FAILED, &["--min-p must be between 0 and 1"]),
        (&["chat", llama, "--repetition-penalty", "NaN", "--prompt", "x"], FAILED, &["above 0"]),
        (&["chat", llama, "--prompt", "  "], FAILED, &["--prompt is empty"]),
        (&["chat", llama, "--prompt", "x", "--prompt-template", "chatml"], FAILED, &["chatml", "vicuna"]),
        (&["completions", "tcsh"], USAGE, &["tcsh", "zsh"]),
        (&["models"], USAGE, &["inspect"]),
        (&["bench", "chat", llama, "--runs", "0"], USAGE, &["above 0"]),
    ]);
}

#[test]
fn files() {
    let (llama, llava) = (model("llama"), model("llava_hf_new"));
    let (llama, llava) = (llama.as_str(), llava.as_str());
    let (photo, config) = (picture("wide.png"), model("llama/config.json"));
    let (photo, config) = (photo.as_str(), config.as_str());
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    check(&[
        (&["chat", "/nowhere/at/all", "--prompt", "x"], FAILED, &["`/nowhere/at/all` does not exist"]),
        (&["chat", empty, "--prompt", "x"], FAILED, &["config.json"]),
        (&["chat", config, "--prompt", "x"], FAILED, &["config.json"]),
        (&["models", "inspect", empty], FAILED, &["config.json"]),
        (&["models", "inspect", "/nowhere"], FAILED, &["`/nowhere` does not exist"]),
        (&["chat", llava, "--prompt", "x", "--image", "gone.png"], FAILED, &["gone.png"]),
        (
            &["chat", llava, "--prompt", "x", "--image", config],
            FAILED,
            &["config.json", "not a picture format"],
        ),
        (&["chat", llava, "--prompt", "x", "--image", empty], FAILED, &["is a folder"]),
        (&["chat", llama, "--prompt", "x", "--image", photo], FAILED, &["no eyes"]),
        (
            &["chat", llama, "--prompt", "x", "--device", "cpu", "--logits", "/nowhere/x"],
            FAILED,
            &["/nowhere/x"],
        ),
        (&["bench", "chat", llama, "--image", photo], FAILED, &["no eyes"]),
    ]);
}

#[test]
fn pairs() {
    let (llama, llava, clip) = (model("llama"), model("llava_hf_new"), model("llava_xtuner/clip"));
    let (llama, llava, clip) = (llama.as_str(), llava.as_str(), clip.as_str());
    let (parts, llm, other) = (model("llava_xtuner/llava"), model("llava_xtuner/llm"), model("clip"));
    let (parts, llm, other) = (parts.as_str(), llm.as_str(), other.as_str());
    let pth = model("llava_xtuner/iter_10.pth");
    let pair = ["chat", "--prompt", "x", "--device", "cpu"];
    let rows: Vec<(Vec<&str>, &[&str])> = vec![
        (vec![llm, "--llava", parts], &["no vision tower is given", "--visual-encoder"]),
        (vec![llm, "--visual-encoder", clip], &["no projector", "--llava"]),
        (vec![llava, "--visual-encoder", clip], &["complete LLaVA model"]),
        (vec![llava, "--llava", parts], &["complete LLaVA model"]),
        (
            vec![llama, "--llava", parts, "--visual-encoder", clip],
            &["maps 16 → 32", "the language model is 48 wide"],
        ),
        (vec![llm, "--llava", parts, "--visual-encoder", other], &["maps 16 → 32", "features are 40 wide"]),
        (vec![llm, "--llava", llama, "--visual-encoder", clip], &["holds no projector"]),
        (vec![llm, "--llava", &pth, "--visual-encoder", llama], &["model_type", "clip_vision_model"]),
        (
            vec![llm, "--llava", &pth, "--visual-encoder", clip, "--llm-alpha", "12"],
            &["iter_10.pth", "rank 4 of the vision tower", "--tower-alpha F"],
        ),
        (vec![clip], &["holds no language model"]),
        (
            vec![llm, "--llava", parts, "--visual-encoder", clip, "--visual-select-layer", "-9"],
            &["vision feature layer -9", "4 hidden states"],
        ),
    ];
    for (words, says) in rows {
        check(&[(&[&pair[..], &words].concat(), FAILED, says)]);
    }
}

#[test]
fn a_conversation_longer_than_the_model_reads() {
    let long = "word ".repeat(3000);
    let llama = model("vicuna");
    let said = say(&["chat", &llama, "--prompt", &long, "--device", "cpu"]);
    assert_eq!(said.code, FAILED);
    assert!(said.err.contains("the model reads at most"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn a_device_that_is_not_there_names_those_that_are() {
    let llama = model("llama");
    // Whether the build has CUDA or not, there is no card of this number.
    let said = say(&["chat", &llama, "--prompt", "x", "--device", "cuda:99"]);
    assert_eq!(said.code, FAILED);
    assert!(said.err.contains("cuda:99") && said.err.contains("cpu (CPU)"), "{}", said.err);
}
