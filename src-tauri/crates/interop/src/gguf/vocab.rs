//! How does a tokenizer become the keys that llama.cpp builds its own from?
//!
//! Both kinds of vocabulary come as the JSON of our pipeline. In a SentencePiece vocabulary the score of a piece is the
//! order in which it is merged; llama.cpp merges the highest score first.

use std::collections::HashMap;

use eyewright_data::template::{ChatTemplate, Pattern, Segment};
use serde_json::Value;

use super::Entry;
use crate::{InteropError, chat_jinja, source::Source};

/// Numbers of llama.cpp's token types.
const NORMAL: i64 = 1;
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;
const BYTE: i64 = 6;

/// Adds the keys.
pub(super) fn entries(source: &Source, entries: &mut Vec<(String, Entry)>) -> Result<(), InteropError> {
    let (text, _) = source.tokenizer.to_json_with(&[])?;
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let model = json.get("model").cloned().unwrap_or_default();
    let refuse = |reason: &str| InteropError::Unsupported { format: "GGUF", reason: reason.to_owned() };
    if model.get("type").and_then(Value::as_str) != Some("BPE") {
        return Err(refuse("its tokenizer is not of the byte-pair kind; use `llava-hf`"));
    }
    let bytes = json.to_string().contains("\"ByteLevel\"");
    let merges = merges(&model);
    let rows = source.files.llm.config.vocab;
    let mut tokens: Vec<String> = (0..rows).map(|id| format!("[PAD{id}]")).collect();
    let mut kinds = vec![UNUSED; rows];
    let mut scores = vec![-1000f32; rows];
    let order: HashMap<String, usize> =
        merges.iter().enumerate().rev().map(|(rank, (a, b))| (format!("{a}{b}"), rank)).collect();
    for (piece, id) in model.get("vocab").and_then(Value::as_object).into_iter().flatten() {
        let Some(id) = id.as_u64().map(|id| id as usize).filter(|id| *id < rows) else { continue };
        let is_byte = piece.len() == 6 && piece.starts_with("<0x") && piece.ends_with('>');
        kinds[id] = match piece.as_str() {
            _ if is_byte && !bytes => BYTE,
            "<unk>" if !bytes => UNKNOWN,
            piece if piece.starts_with("[UNUSED_TOKEN") => UNUSED,
            _ => NORMAL,
        };
        scores[id] =
            order.get(piece.as_str()).map_or(if is_byte { 0.0 } else { -1e6 }, |rank| -(*rank as f32));
        // Text in llama.cpp ends at this byte.
        tokens[id] = if piece == "\0" { "\u{1F409}".to_owned() } else { piece.clone() };
    }
    for token in json.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
        let (Some(id), Some(content)) =
            (token.get("id").and_then(Value::as_u64), token.get("content").and_then(Value::as_str))
        else {
            continue;
        };
        let id = id as usize;
        if id < rows {
            let special = token.get("special").and_then(Value::as_bool).unwrap_or(false);
            kinds[id] = match content {
                "<unk>" if !bytes => UNKNOWN,
                _ if special => CONTROL,
                _ => USER_DEFINED,
            };
            content.clone_into(&mut tokens[id]);
            scores[id] = -1000.0;
        }
    }
    let mut add = |key: &str, entry: Entry| entries.push((format!("tokenizer.{key}"), entry));
    add("ggml.model", Entry::Text(if bytes { "gpt2" } else { "llama" }.to_owned()));
    add("ggml.pre", Entry::Text(pre_tokenizer(source, bytes).to_owned()));
    add("ggml.tokens", Entry::Texts(tokens));
    add("ggml.token_type", Entry::Numbers(kinds));
    if bytes {
        let joined = merges.into_iter().map(|(a, b)| format!("{a} {b}")).collect();
        add("ggml.merges", Entry::Texts(joined));
    } else {
        add("ggml.scores", Entry::Floats(scores));
        add("ggml.add_space_prefix", Entry::Flag(has_dummy_prefix(&json)));
        add("ggml.remove_extra_whitespaces", Entry::Flag(false));
    }
    roles(source, &mut add);
    Ok(())
}

/// Tokens with a role, and the chat template.
fn roles(source: &Source, add: &mut dyn FnMut(&str, Entry)) {
    let tokenizer = &source.tokenizer;
    // A chat model's answers end with its template's word, whatever the tokenizer calls its end.
    let stop = source.template.stop_words().iter().find_map(|word| tokenizer.id(word));
    let ids = [
        ("ggml.bos_token_id", tokenizer.bos()),
        ("ggml.eos_token_id", stop.or(tokenizer.eos())),
        ("ggml.eot_token_id", stop),
        ("ggml.unknown_token_id", tokenizer.unknown()),
        ("ggml.padding_token_id", tokenizer.pad()),
    ];
    for (key, id) in ids {
        if let Some(id) = id {
            add(key, Entry::Unsigned(id.into()));
        }
    }
    add("ggml.add_bos_token", Entry::Flag(tokenizer.adds_bos()));
    add("ggml.add_eos_token", Entry::Flag(false));
    add("chat_template", Entry::Text(chat_jinja::of(&source.template, false)));
}

/// Pairs in the order in which they are merged; written as a list or as a text with a space, by version.
fn merges(model: &Value) -> Vec<(String, String)> {
    let pair = |merge: &Value| match merge {
        Value::String(text) => text.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(a), Value::String(b)] => Some((a.clone(), b.clone())),
            _ => None,
        },
        _ => None,
    };
    let list = model.get("merges").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(pair).collect()
}

/// Which of llama.cpp's ways of cutting text into words.
fn pre_tokenizer(source: &Source, bytes: bool) -> &'static str {
    match source.files.llm.config.model_type.as_str() {
        _ if !bytes => "default",
        "qwen2" => "qwen2",
        _ => "llama-bpe",
    }
}

fn has_dummy_prefix(json: &Value) -> bool {
    let text = |field: &str| json.get(field).map(Value::to_string).unwrap_or_default();
    let (normaliser, cutter) = (text("normalizer"), text("pre_tokenizer"));
    normaliser.contains("\"Prepend\"")
        || (cutter.contains("\"Metaspace\"") && !cutter.contains("\"prepend_scheme\":\"never\""))
}

/// The chat template as Ollama writes it, and where answers end.
pub(super) fn modelfile(template: &ChatTemplate) -> String {
    let fill = |pattern: &Pattern, hole: &str| {
        pattern.fill(|segment| match segment {
            Segment::Round => "1".to_owned(),
            Segment::BotName => template.bot_name().to_owned(),
            Segment::System | Segment::Input | Segment::Text(_) => hole.to_owned(),
        })
    };
    let system = fill(template.system(), "{{ .System }}");
    let question = fill(template.instruction(), "{{ .Prompt }}");
    let mut text = format!(
        "TEMPLATE \"\"\"{{{{ if .System }}}}{system}{{{{ end }}}}{question}{{{{ .Response }}}}{}{}\"\"\"\n",
        template.suffix(),
        template.sep()
    );
    for word in template.stop_words() {
        text.push_str(&format!("PARAMETER stop \"{word}\"\n"));
    }
    text
}
