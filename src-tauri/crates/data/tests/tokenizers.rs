//! Ids and texts equal those of transformers; written by `tests/reference/tokenizers.py`.
#![allow(clippy::unwrap_used, reason = "a test file")]

use std::path::PathBuf;

use eyewright_data::tokenizer::Tokenizer;
use serde::Deserialize;

const NAMES: [&str; 6] =
    ["internlm2_like", "llama_legacy", "llama_not_legacy", "unigram", "qwen2_like", "llama3_like"];

#[derive(Deserialize)]
struct Golden {
    differs_from_sentencepiece: Option<Vec<usize>>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    text: String,
    text_without_special: String,
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden/tokenizers").join(name)
}

fn open(name: &str) -> Tokenizer {
    Tokenizer::open(&folder(name)).unwrap()
}

fn corpus() -> Vec<String> {
    serde_json::from_slice(&std::fs::read(folder("corpus.json")).unwrap()).unwrap()
}

fn golden(name: &str) -> Golden {
    serde_json::from_slice(&std::fs::read(folder(name).join("golden.json")).unwrap()).unwrap()
}

/// A small generator, so that the same ids come up everywhere.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn ids_and_texts_equal_the_reference() {
    let corpus = corpus();
    assert!(corpus.len() >= 200);
    for name in NAMES {
        let tokenizer = open(name);
        let golden = golden(name);
        assert_eq!(golden.rows.len(), corpus.len());
        for (text, row) in corpus.iter().zip(&golden.rows) {
            assert_eq!(tokenizer.encode(text), row.ids, "{name} {text:?}");
            assert_eq!(tokenizer.decode(&row.ids, false), row.text, "{name} {text:?}");
            assert_eq!(tokenizer.decode(&row.ids, true), row.text_without_special, "{name} {text:?}");
        }
    }
}

#[test]
fn llama_and_internlm2_equal_the_sentencepiece_library() {
    let corpus = corpus();
    for name in ["internlm2_like", "llama_legacy"] {
        // The library does not know that `<unk>` in a text is special, nor that chat tokens took over slots.
        let differs = golden(name).differs_from_sentencepiece.unwrap();
        let known = |text: &str| text == "<unk>" || text.starts_with("[UNUSED_TOKEN_14");
        assert!(differs.iter().all(|&index| known(&corpus[index])), "{name} {differs:?}");
    }
}

#[test]
fn a_stream_gives_the_text_of_the_whole() {
    let corpus = corpus();
    for name in NAMES {
        let tokenizer = open(name);
        let mut sequences: Vec<Vec<u32>> = corpus.iter().map(|text| tokenizer.encode(text)).collect();
        // Arbitrary ids: broken UTF-8, lone bytes, special tokens anywhere, ids that do not exist.
        let mut random = Lcg(1);
        for _ in 0..2000 {
            let length = random.below(12);
            // Half of them mostly from the first 300 ids, where byte tokens live.
            let end = if random.below(2) == 0 { 300 } else { tokenizer.vocab_size() + 3 };
            sequences.push((0..length).map(|_| random.below(end) as u32).collect());
        }
        for ids in &sequences {
            for skip_special in [false, true] {
                let mut stream = tokenizer.stream(skip_special);
                let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
                text.push_str(&stream.flush());
                assert_eq!(text, tokenizer.decode(ids, skip_special), "{name} {ids:?}");
            }
        }
    }
}

#[test]
fn a_stream_gives_text_early_and_whole_characters() {
    for (name, text) in
        [("qwen2_like", "照片😀 a"), ("internlm2_like", "照片😀 a"), ("llama_legacy", "the 照片😀")]
    {
        let tokenizer = open(name);
        let mut stream = tokenizer.stream(false);
        let pushed: Vec<String> = tokenizer.encode(text).iter().map(|&id| stream.push(id)).collect();
        assert!(pushed.iter().filter(|piece| !piece.is_empty()).count() >= 3, "{name} {pushed:?}");
        assert!(!pushed.concat().contains('\u{fffd}'));
        assert_eq!(pushed.concat() + &stream.flush(), text, "{name}");
    }
}

#[test]
fn typed_special_tokens_are_characters_in_plain_text() {
    for name in NAMES {
        let tokenizer = open(name);
        for text in corpus() {
            let plain = tokenizer.encode_plain(&text);
            let special = plain.iter().filter(|id| tokenizer.special_ids().binary_search(id).is_ok());
            let unknown = tokenizer.id("<unk>");
            assert!(special.clone().all(|&id| Some(id) == unknown), "{name} {text:?} {plain:?}");
            if !tokenizer.encode(&text).iter().any(|id| tokenizer.special_ids().contains(id)) {
                assert_eq!(plain, tokenizer.encode(&text), "{name} {text:?}");
            }
        }
        let typed = tokenizer.encode_plain("a<|im_end|></s>b");
        if name != "unigram" {
            assert_eq!(tokenizer.decode(&typed, true), "a<|im_end|></s>b", "{name}");
        }
    }
}

#[test]
fn roles_come_from_the_folder() {
    // name, bos, eos, pad, adds bos, end ids
    type Roles = (
        &'static str,
        Option<&'static str>,
        &'static str,
        Option<&'static str>,
        bool,
        &'static [&'static str],
    );
    let rows: [Roles; 6] = [
        ("internlm2_like", Some("<s>"), "</s>", Some("</s>"), true, &["</s>", "<|im_end|>"]),
        ("llama_legacy", Some("<s>"), "</s>", Some("<pad>"), true, &["</s>"]),
        ("llama_not_legacy", Some("<s>"), "</s>", Some("<pad>"), true, &["</s>"]),
        ("unigram", Some("<s>"), "</s>", None, false, &["</s>"]),
        ("qwen2_like", None, "<|im_end|>", Some("<|endoftext|>"), false, &["<|im_end|>"]),
        ("llama3_like", Some("<|begin_of_text|>"), "<|eot_id|>", None, true, &["<|eot_id|>"]),
    ];
    for (name, bos, eos, pad, adds_bos, ends) in rows {
        let tokenizer = open(name);
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
        assert_eq!(text(tokenizer.bos()).as_deref(), bos, "{name}");
        assert_eq!(text(tokenizer.eos()).as_deref(), Some(eos), "{name}");
        assert_eq!(text(tokenizer.pad()).as_deref(), pad, "{name}");
        assert_eq!(tokenizer.adds_bos(), adds_bos, "{name}");
        let found: Vec<String> = tokenizer.end_ids().iter().map(|&id| tokenizer.token(id).unwrap()).collect();
        assert_eq!(found, ends, "{name}");
        let first = tokenizer.encode_with_bos("a").first().copied();
        assert_eq!(first == tokenizer.bos() && first.is_some(), adds_bos, "{name}");
    }
}

#[test]
fn chat_tokens_reuse_the_slots_of_unused_pieces() {
    let tokenizer = open("internlm2_like");
    assert_eq!(tokenizer.id("[UNUSED_TOKEN_145]"), None);
    let end = tokenizer.id("<|im_end|>").unwrap();
    assert_eq!(tokenizer.id("<|im_start|>"), Some(end + 1));
    assert_eq!(tokenizer.token(end).as_deref(), Some("<|im_end|>"));
    assert!((end as usize) < tokenizer.vocab_size() - 200);
    assert_eq!(tokenizer.chat_template().map(|text| text.contains("<|im_start|>")), Some(true));
}

#[test]
fn a_fingerprint_names_the_files() {
    let prints: Vec<String> = NAMES.iter().map(|name| open(name).fingerprint().to_owned()).collect();
    assert_eq!(prints[0], open(NAMES[0]).fingerprint());
    assert!(prints.iter().all(|print| print.len() == 64));
    for (index, print) in prints.iter().enumerate() {
        assert!(!prints[index + 1..].contains(print));
    }
}
