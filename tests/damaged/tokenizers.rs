//! Tokenizers that are missing, broken, or contradict themselves.

use super::damage::{
    Base::{InternLm2, LlavaHf},
    Harm::{Cut, Delete, Exchange, Grow, Set, Text, Write},
    check,
};

const JSON: &str = "tokenizer.json";
const PIECES: &str = "tokenizer.model";
const CONFIG: &str = "tokenizer_config.json";

#[test]
fn tokenizer_json() {
    check(&[
        (LlavaHf, JSON, Delete, "neither `tokenizer.json` nor `tokenizer.model`"),
        (LlavaHf, JSON, Text(""), "not a valid tokenizer file"),
        (LlavaHf, JSON, Text("null"), "not a valid tokenizer file"),
        (LlavaHf, JSON, Cut(500), "not a valid tokenizer file"),
        (LlavaHf, JSON, Grow(1 << 36), "the limit is"),
        (LlavaHf, JSON, Set("/model/type", "\"WordPiece\""), "model.type"),
        (LlavaHf, JSON, Set("/model/vocab", "{}"), "not in the vocabulary"),
        (LlavaHf, JSON, Set("/model/vocab", "[]"), "BPE with a map of ids"),
        (LlavaHf, JSON, Set("/model/vocab/zzzz", "5"), "both have id 5"),
        (LlavaHf, JSON, Set("/model/vocab/zzzz", "4000000000"), "zzzz"),
        (LlavaHf, JSON, Set("/model/vocab/zzzz", "-1"), "not a valid tokenizer file"),
        (LlavaHf, JSON, Set("/model/merges", "[[\"q\", \"never\"]]"), "merge 0"),
        (LlavaHf, JSON, Set("/model/merges", "[\"one\"]"), "not a valid tokenizer file"),
        (LlavaHf, JSON, Set("/model/unk_token", "\"nowhere\""), "nowhere"),
        (LlavaHf, JSON, Set("/model/continuing_subword_prefix", "\"##\""), "continuing_subword_prefix"),
        (LlavaHf, JSON, Set("/normalizer", "{\"type\": \"Magic\"}"), "Magic"),
        (
            LlavaHf,
            JSON,
            Set(
                "/pre_tokenizer",
                "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(((\"}, \"behavior\": \"Isolated\", \"invert\": false}",
            ),
            "closing parenthesis",
        ),
        (LlavaHf, JSON, Set("/added_tokens/0/id", "99999"), "tokenizer.json"),
    ]);
}

#[test]
fn tokenizer_model() {
    check(&[
        (InternLm2, PIECES, Delete, "neither `tokenizer.json` nor `tokenizer.model`"),
        (InternLm2, PIECES, Text(""), "tokenizer.model"),
        (InternLm2, PIECES, Text("not a protobuf at all"), "byte"),
        (InternLm2, PIECES, Cut(333), "byte"),
        (InternLm2, PIECES, Write(0, &[0x0b]), "wire type 3"),
        (InternLm2, PIECES, Write(1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), "byte"),
        (InternLm2, PIECES, Write(4, &[0xff, 0xfe]), "not UTF-8"),
        (InternLm2, PIECES, Grow(1 << 36), "the limit is"),
        (InternLm2, PIECES, Exchange("internlm2/model.safetensors"), "byte"),
    ]);
}

#[test]
fn files_beside_the_vocabulary() {
    check(&[
        (LlavaHf, CONFIG, Cut(400), "not a valid tokenizer file"),
        (LlavaHf, CONFIG, Text("[]"), "not a valid tokenizer file"),
        (LlavaHf, CONFIG, Set("/bos_token", "7"), "not a valid tokenizer file"),
        (LlavaHf, "special_tokens_map.json", Text("{"), "not a valid tokenizer file"),
        (
            LlavaHf,
            "generation_config.json",
            Text("{\"eos_token_id\": \"two\"}"),
            "not a valid tokenizer file",
        ),
        (InternLm2, CONFIG, Set("/added_tokens_decoder/371/content", "\"<|im_end|>\""), "<|im_end|>"),
    ]);
}
