//! Decodes ids one at a time, giving out text as soon as no later id can change it.
//!
//! The pieces it returns, joined, are exactly what decoding all ids at once returns: every step of the decoder is
//! done again here in an incremental form, and holds back what is not final (half a character, a run of byte
//! tokens, which is text only if the whole run is valid UTF-8).

use serde_json::Value;

use super::steps::{Chain, kind, pattern};
use super::text::Tokenizer;

/// How to decode incrementally: the decoder's steps, or `None` if only the whole can be decoded.
#[derive(Debug, Clone)]
pub(super) struct DecodePlan(Option<Vec<Step>>);

#[derive(Debug, Clone)]
enum Step {
    /// Without a decoder, tokens are separated by spaces.
    Separate {
        first: bool,
    },
    Replace {
        from: String,
        to: String,
    },
    /// Removes up to `count` leading characters of every token.
    StripToken {
        character: char,
        count: usize,
    },
    /// Removes up to `left` leading characters of the whole text.
    StripText {
        character: char,
        left: usize,
    },
    /// `<0xE4>` and the like: held until the run of byte tokens ends.
    ByteTokens {
        held: Vec<u8>,
    },
    Metaspace {
        character: char,
        first: bool,
        drops_first: bool,
    },
    /// Characters that stand for bytes (GPT-2): an unfinished UTF-8 sequence is held.
    ByteLevel {
        held: Vec<u8>,
    },
}

impl DecodePlan {
    pub(super) fn new(decoder: Option<&Value>) -> Self {
        Self(match decoder {
            None => Some(vec![Step::Separate { first: true }]),
            Some(decoder) => Chain::Decoder.flatten(decoder).and_then(|steps| plan(&steps)),
        })
    }
}

fn plan(steps: &[&Value]) -> Option<Vec<Step>> {
    let character =
        |step: &Value, key| step.get(key).and_then(Value::as_str).and_then(|text| text.chars().next());
    let mut planned = Vec::new();
    let mut fused = false;
    for step in steps {
        planned.push(match (kind(step), fused) {
            ("Fuse", _) => {
                fused = true;
                continue;
            }
            ("Replace", _) => {
                let (from, is_regex) = pattern(step)?;
                // On joined text a longer pattern could span two chunks.
                if is_regex || from.is_empty() || fused && from.chars().count() > 1 {
                    return None;
                }
                Step::Replace { from: from.into(), to: step.get("content")?.as_str()?.into() }
            }
            ("Strip", _) => {
                let character = character(step, "content")?;
                let count = usize::try_from(step.get("start")?.as_u64()?).ok()?;
                if fused {
                    Step::StripText { character, left: count }
                } else {
                    Step::StripToken { character, count }
                }
            }
            ("ByteFallback", false) => Step::ByteTokens { held: Vec::new() },
            ("Metaspace", false) => {
                let scheme = step.get("prepend_scheme").and_then(Value::as_str);
                let never =
                    scheme == Some("never") || step.get("add_prefix_space") == Some(&Value::Bool(false));
                let character = character(step, "replacement")?;
                Step::Metaspace { character, first: true, drops_first: !never }
            }
            ("ByteLevel", false) => {
                fused = true;
                Step::ByteLevel { held: Vec::new() }
            }
            _ => return None,
        });
    }
    Some(planned)
}

/// Turns a growing list of ids into a growing text.
///
/// ```ignore
/// let mut stream = tokenizer.stream(true);
/// for id in ids { print(stream.push(id)); }
/// print(stream.flush());
/// ```
#[derive(Debug)]
pub struct StreamDecoder<'a> {
    tokenizer: &'a Tokenizer,
    skip_special: bool,
    plan: DecodePlan,
    /// All ids, for decoders that can only decode the whole.
    ids: Vec<u32>,
}

impl<'a> StreamDecoder<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, plan: DecodePlan, skip_special: bool) -> Self {
        Self { tokenizer, skip_special, plan, ids: Vec::new() }
    }

    /// Adds an id; returns the text that became final, often empty.
    pub fn push(&mut self, id: u32) -> String {
        let Some(steps) = &mut self.plan.0 else {
            self.ids.push(id);
            return String::new();
        };
        match self.tokenizer.piece(id, self.skip_special) {
            Some(token) => run(steps, vec![token]),
            None => String::new(),
        }
    }

    /// Ends the stream: returns what was held back.
    pub fn flush(mut self) -> String {
        let Some(steps) = &mut self.plan.0 else {
            return self.tokenizer.decode(&self.ids, self.skip_special);
        };
        let mut text = String::new();
        for index in 0..steps.len() {
            let Some((step, later)) = steps.get_mut(index..).and_then(<[Step]>::split_first_mut) else {
                break;
            };
            text.push_str(&run(later, step.finish()));
        }
        text
    }
}

fn run(steps: &mut [Step], tokens: Vec<String>) -> String {
    steps
        .iter_mut()
        .fold(tokens, |tokens, step| tokens.into_iter().flat_map(|token| step.push(token)).collect())
        .concat()
}

impl Step {
    fn push(&mut self, token: String) -> Vec<String> {
        match self {
            Self::Separate { first } => {
                let separated = if *first { token } else { format!(" {token}") };
                *first = false;
                vec![separated]
            }
            Self::Replace { from, to } => vec![token.replace(from.as_str(), to)],
            Self::StripToken { character, count } => {
                let mut left = *count;
                vec![strip_start(&token, *character, &mut left)]
            }
            Self::StripText { character, left } => vec![strip_start(&token, *character, left)],
            Self::ByteTokens { held } => {
                if let Some(byte) = byte_token(&token) {
                    held.push(byte);
                    return Vec::new();
                }
                let mut tokens = take_run(held);
                tokens.push(token);
                tokens
            }
            Self::Metaspace { character, first, drops_first } => {
                let space = if *first && *drops_first { "" } else { " " };
                *first = false;
                vec![token.replace(*character, space)]
            }
            Self::ByteLevel { held } => {
                match token.chars().map(byte_of_character).collect::<Option<Vec<u8>>>() {
                    Some(bytes) => held.extend(bytes),
                    None => held.extend(token.as_bytes()),
                }
                vec![take_final(held)]
            }
        }
    }

    fn finish(&mut self) -> Vec<String> {
        match self {
            Self::ByteTokens { held } => take_run(held),
            Self::ByteLevel { held } => vec![String::from_utf8_lossy(&std::mem::take(held)).into_owned()],
            _ => Vec::new(),
        }
    }
}

/// Removes leading `character`s while `left` lasts; the first other character ends it for good.
fn strip_start(text: &str, character: char, left: &mut usize) -> String {
    let mut rest = text;
    while *left > 0 && !rest.is_empty() {
        match rest.strip_prefix(character) {
            Some(shorter) => {
                rest = shorter;
                *left -= 1;
            }
            None => *left = 0,
        }
    }
    rest.to_owned()
}

fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// A run of byte tokens: its text, or one replacement character per byte.
fn take_run(held: &mut Vec<u8>) -> Vec<String> {
    let bytes = std::mem::take(held);
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Vec::new(),
        Ok(text) => vec![text],
        Err(error) => vec!["\u{fffd}".repeat(error.as_bytes().len())],
    }
}

/// The longest start of the bytes whose text cannot change any more; keeps an unfinished character.
fn take_final(held: &mut Vec<u8>) -> String {
    let unfinished = match held.utf8_chunks().last() {
        // Only an error that more bytes could still repair is held: the start of a longer sequence, at the very end.
        Some(chunk)
            if std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none()) =>
        {
            chunk.invalid().len()
        }
        _ => 0,
    };
    let rest = held.split_off(held.len() - unfinished);
    let text = String::from_utf8_lossy(held).into_owned();
    *held = rest;
    text
}

/// The byte a character stands for in byte-level vocabularies (GPT-2 `bytes_to_unicode`).
fn byte_of_character(character: char) -> Option<u8> {
    let code = character as u32;
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => Some(code as u8),
        // The 68 other bytes follow from 256 on, in order: 0–32, 127–160, 173.
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 127) as u8),
        0x143 => Some(173),
        _ => None,
    }
}
