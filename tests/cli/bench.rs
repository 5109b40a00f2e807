//! `bench chat` measures what it says it does.

use super::program::{model, picture, say};

#[test]
fn figures_of_a_chat() {
    let (model, photo) = (model("llava_hf_new"), picture("photo_336.jpg"));
    let words = ["bench", "chat", &model, "--image", &photo, "--runs", "3", "--warm-up", "1"];
    let report = say(&[&words[..], &["--new-tokens", "10", "--device", "cpu"]].concat()).json();
    let number = |name: &str| report[name].as_f64().unwrap();
    assert_eq!((number("runs"), number("warm_up"), number("pictures")), (3.0, 1.0, 1.0));
    assert_eq!(number("new_tokens"), 10.0);
    assert_eq!((&report["device"], &report["dtype"]), (&"cpu".into(), &"f32".into()));
    assert!(number("prompt_tokens") > 16.0 && number("load_ms") > 0.0 && number("first_question_ms") > 0.0);
    assert!(number("load_bytes") > 60_000.0, "{report}");
    for figure in
        ["encode_ms", "prefill_ms", "first_token_ms", "prefill_tokens_per_second", "decode_tokens_per_second"]
    {
        let value = |name: &str| report[figure][name].as_f64().unwrap();
        assert!(
            0.0 < value("min") && value("min") <= value("median") && value("median") <= value("max"),
            "{report}"
        );
    }
    if cfg!(target_os = "linux") {
        let peak = |when: &str| report[when]["host_peak"].as_u64().unwrap();
        assert!(0 < peak("memory_after_load") && peak("memory_after_load") <= peak("memory"), "{report}");
    }
}
