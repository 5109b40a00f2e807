//! May this normaliser, pre-tokenizer or decoder run?
//!
//! A pipeline is described by the JSON of `tokenizer.json`. Only the steps that language models use are let through;
//! the library's other steps can panic on odd input. Text may not grow without bound on the way.

use std::path::Path;

use base64::Engine;
use serde_json::Value;

use super::charsmap::check_charsmap;
use super::error::{CharsmapProblem, TokenizerError};

/// Most times a chain of replacements may multiply the length of a text.
const GROWTH_LIMIT: u64 = 1024;
/// Most steps in one chain.
const STEP_LIMIT: usize = 64;
/// Longest pattern or replacement, bytes.
const TEXT_LIMIT: usize = 4096;

const NORMALIZERS: &str = "Sequence, Prepend, Replace, Strip, Precompiled, NFC, NFD, NFKC, NFKD, Nmt, Lowercase, \
                           StripAccents, ByteLevel";
const PRE_TOKENIZERS: &str =
    "Sequence, Split, ByteLevel, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit";
const DECODERS: &str = "Sequence, Replace, ByteFallback, Fuse, Strip (left side), ByteLevel, Metaspace";

/// The three chains a pipeline may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    Normalizer,
    PreTokenizer,
    Decoder,
}

impl Chain {
    fn place(self) -> &'static str {
        match self {
            Self::Normalizer => "normalizer",
            Self::PreTokenizer => "pre_tokenizer",
            Self::Decoder => "decoder",
        }
    }

    fn supported(self) -> &'static str {
        match self {
            Self::Normalizer => NORMALIZERS,
            Self::PreTokenizer => PRE_TOKENIZERS,
            Self::Decoder => DECODERS,
        }
    }

    /// The field that holds the steps of a `Sequence`.
    fn list(self) -> &'static str {
        match self {
            Self::Normalizer => "normalizers",
            Self::PreTokenizer => "pretokenizers",
            Self::Decoder => "decoders",
        }
    }

    /// The steps in order, with nested sequences flattened, or `None` if a sequence has no list.
    pub(super) fn flatten(self, step: &Value) -> Option<Vec<&Value>> {
        let mut flat = Vec::new();
        let mut waiting = vec![step];
        while let Some(step) = waiting.pop() {
            if kind(step) == "Sequence" {
                waiting.extend(step.get(self.list())?.as_array()?.iter().rev());
            } else {
                flat.push(step);
            }
        }
        Some(flat)
    }
}

/// The `type` of a step; empty when there is none.
pub(super) fn kind(step: &Value) -> &str {
    step.get("type").and_then(Value::as_str).unwrap_or("")
}

/// Refuses steps that are unknown, that could blow a text up, or that the library would trip over.
pub(super) fn check_chain(file: &Path, chain: Chain, step: &Value) -> Result<(), TokenizerError> {
    let refuse = |found: String| {
        Err(TokenizerError::Unsupported {
            file: file.into(),
            place: chain.place(),
            found,
            supported: chain.supported(),
        })
    };
    let Some(steps) = chain.flatten(step) else { return refuse("Sequence without steps".into()) };
    if steps.len() > STEP_LIMIT {
        return Err(too_large(file, "the number of steps in a chain", steps.len() as u64, STEP_LIMIT as u64));
    }
    let mut growth = 1u64;
    for step in steps {
        let known = match (chain, kind(step)) {
            (Chain::Normalizer | Chain::Decoder, "Replace") => {
                growth = growth.saturating_mul(replacement_growth(file, step)?);
                true
            }
            (Chain::Normalizer, "Prepend") => {
                let length = step.get("prepend").and_then(Value::as_str).map_or(0, str::len);
                check_text(file, length)?;
                true
            }
            (Chain::Normalizer, "Precompiled") => {
                check_precompiled(file, step)?;
                true
            }
            (
                Chain::Normalizer,
                "Strip" | "NFC" | "NFD" | "NFKC" | "NFKD" | "Nmt" | "Lowercase" | "StripAccents"
                | "ByteLevel",
            ) => true,
            (Chain::PreTokenizer, "Split") => {
                check_text(file, pattern(step).map_or(0, |(text, _)| text.len()))?;
                true
            }
            (
                Chain::PreTokenizer,
                "ByteLevel" | "Metaspace" | "Digits" | "Punctuation" | "Whitespace" | "WhitespaceSplit",
            ) => true,
            // Stripping on the right underflows in the library when a token is shorter than the count.
            (Chain::Decoder, "Strip") => step.get("stop").and_then(Value::as_u64) == Some(0),
            (Chain::Decoder, "ByteFallback" | "Fuse" | "ByteLevel" | "Metaspace") => true,
            _ => false,
        };
        if !known {
            return refuse(kind(step).to_owned());
        }
        if growth > GROWTH_LIMIT {
            return Err(too_large(file, "the growth of text by replacements", growth, GROWTH_LIMIT));
        }
    }
    Ok(())
}

fn too_large(file: &Path, what: &'static str, found: u64, limit: u64) -> TokenizerError {
    TokenizerError::TooLarge { file: file.into(), what, found, limit }
}

fn check_text(file: &Path, length: usize) -> Result<(), TokenizerError> {
    if length > TEXT_LIMIT {
        return Err(too_large(file, "a pattern or replacement (bytes)", length as u64, TEXT_LIMIT as u64));
    }
    Ok(())
}

/// The text of a `Replace` or `Split` pattern, and whether it is a regular expression.
pub(super) fn pattern(step: &Value) -> Option<(&str, bool)> {
    let pattern = step.get("pattern")?;
    let literal = pattern.get("String").and_then(Value::as_str).map(|text| (text, false));
    literal.or_else(|| pattern.get("Regex").and_then(Value::as_str).map(|text| (text, true)))
}

/// How often longer a text can get: a regular expression may match nothing, hence once per byte and at the end.
fn replacement_growth(file: &Path, step: &Value) -> Result<u64, TokenizerError> {
    let content = step.get("content").and_then(Value::as_str).unwrap_or("").len();
    let (text, is_regex) = pattern(step).unwrap_or(("", true));
    check_text(file, content)?;
    check_text(file, text.len())?;
    let content = content as u64;
    Ok(if is_regex || text.is_empty() { content + 1 } else { content.div_ceil(text.len() as u64).max(1) })
}

fn check_precompiled(file: &Path, step: &Value) -> Result<(), TokenizerError> {
    let damaged = |problem| TokenizerError::Charsmap { file: file.into(), problem };
    let text = step.get("precompiled_charsmap").and_then(Value::as_str).unwrap_or("");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| damaged(CharsmapProblem::NotBase64))?;
    check_charsmap(&bytes).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_known_and_bounded_steps_pass() {
        use Chain::{Decoder, Normalizer, PreTokenizer};
        let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        let bomb = json!({"type": "Sequence", "normalizers": vec![double; 20]});
        let rows = [
            (Normalizer, json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}), ""),
            (Normalizer, bomb, "growth"),
            (Normalizer, json!({"type": "Sequence"}), "without steps"),
            (Normalizer, json!({"type": "Prepend", "prepend": "x".repeat(5000)}), "limit"),
            (Normalizer, json!({"type": "Precompiled", "precompiled_charsmap": "!"}), "base64"),
            (Normalizer, json!({"type": "Precompiled", "precompiled_charsmap": "/////w=="}), "ends before"),
            (PreTokenizer, json!({"type": "FixedLength", "length": 0}), "FixedLength"),
            (PreTokenizer, json!([]), "not supported"),
            (Decoder, json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}), ""),
            (Decoder, json!({"type": "Strip", "content": " ", "start": 0, "stop": 3}), "Strip"),
            (Decoder, json!({"type": "CTC"}), "CTC"),
        ];
        for (chain, step, expected) in rows {
            match check_chain(Path::new("f.json"), chain, &step) {
                Ok(()) => assert_eq!(expected, "", "{step}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        !expected.is_empty() && text.contains(expected) && text.contains("f.json"),
                        "{text}"
                    );
                }
            }
        }
    }
}
