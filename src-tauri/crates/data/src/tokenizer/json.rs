//! Reads `tokenizer.json` into the parts of a pipeline.
//!
//! The `tokenizers` crate could load the file itself, but it panics on merge rules that do not fit the vocabulary,
//! pads to any length the file asks for and may drop merges at random; so the file is read here, checked, and only
//! what decides about ids is kept.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::unigram::Unigram;
use tokenizers::{AddedToken, ModelWrapper};

use super::assemble::Parts;
use super::config::{FlaggedToken, TOKEN_BYTES_LIMIT};
use super::error::TokenizerError;
use super::sentencepiece::PIECE_LIMIT;

/// Most merge rules.
const MERGE_LIMIT: usize = 4_000_000;
/// Highest token id.
const ID_LIMIT: u32 = 1 << 24;
/// Most JSON values in a normaliser, pre-tokenizer, decoder or post-processor.
const STEP_VALUES: usize = 20_000;

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedEntry>,
    #[serde(default)]
    normalizer: Bounded,
    #[serde(default)]
    pre_tokenizer: Bounded,
    #[serde(default)]
    post_processor: Bounded,
    #[serde(default)]
    decoder: Bounded,
    model: ModelFile,
}

#[derive(Deserialize)]
struct AddedEntry {
    id: u32,
    #[serde(flatten)]
    token: FlaggedToken,
}

#[derive(Deserialize)]
struct ModelFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: VocabFile,
    #[serde(default)]
    merges: Merges,
    unk_token: Option<String>,
    unk_id: Option<usize>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
}

/// Reads the file's parts. The configuration beside it is applied later.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Parts, TokenizerError> {
    let found: TokenizerFile =
        serde_json::from_slice(bytes).map_err(|source| TokenizerError::Json { file: file.into(), source })?;
    let added: BTreeMap<u32, AddedToken> =
        found.added_tokens.iter().map(|entry| (entry.id, entry.token.to_added())).collect();
    if let Some(longest) =
        added.values().map(|token| token.content.len()).max().filter(|&l| l > TOKEN_BYTES_LIMIT)
    {
        return Err(TokenizerError::TooLarge {
            file: file.into(),
            what: "an added token (bytes)",
            found: longest as u64,
            limit: TOKEN_BYTES_LIMIT as u64,
        });
    }
    let begins_with = found.post_processor.0.as_ref().and_then(first_special);
    Ok(Parts {
        file: file.into(),
        model: model(file, found.model)?,
        normalizer: found.normalizer.0,
        pre_tokenizer: found.pre_tokenizer.0,
        decoder: found.decoder.0,
        added,
        begins_with,
    })
}

fn model(file: &Path, model: ModelFile) -> Result<ModelWrapper, TokenizerError> {
    let kind = model.kind.clone();
    match (kind.as_deref(), model.vocab) {
        (None | Some("BPE"), VocabFile::Ids(ids)) => {
            let rest = ModelFile { vocab: VocabFile::Ids(HashMap::new()), ..model };
            bpe(file, ids, rest)
        }
        (None | Some("Unigram"), VocabFile::Scores(scores)) => {
            let Some(unknown) = model.unk_id.filter(|&id| id < scores.len()) else {
                return Err(TokenizerError::MissingToken {
                    file: file.into(),
                    role: "model.unk_id",
                    token: model.unk_id.map_or("null".into(), |id| id.to_string()),
                });
            };
            Unigram::from(scores, Some(unknown), model.byte_fallback.unwrap_or(false))
                .map(ModelWrapper::from)
                .map_err(|source| TokenizerError::Build { file: file.into(), part: "model", source })
        }
        (kind, _) => Err(TokenizerError::Unsupported {
            file: file.into(),
            place: "model.type",
            found: kind.unwrap_or("a vocabulary of another type").to_owned(),
            supported: "BPE with a map of ids, Unigram with a list of scores",
        }),
    }
}

fn bpe(file: &Path, ids: HashMap<String, u32>, model: ModelFile) -> Result<ModelWrapper, TokenizerError> {
    if let Some(prefix) = model.continuing_subword_prefix.filter(|prefix| !prefix.is_empty()) {
        return Err(TokenizerError::Unsupported {
            file: file.into(),
            place: "model.continuing_subword_prefix",
            found: prefix,
            supported: "none",
        });
    }
    check_bpe(file, &ids, &model.merges.0, model.unk_token.as_deref())?;
    let mut builder = BPE::builder()
        .fuse_unk(model.fuse_unk.unwrap_or(false))
        .byte_fallback(model.byte_fallback.unwrap_or(false))
        .ignore_merges(model.ignore_merges.unwrap_or(false));
    if let Some(unknown) = model.unk_token {
        builder = builder.unk_token(unknown);
    }
    if let Some(suffix) = model.end_of_word_suffix.filter(|suffix| !suffix.is_empty()) {
        builder = builder.end_of_word_suffix(suffix);
    }
    let mut vocab = Vocab::default();
    vocab.extend(ids);
    builder
        .vocab_and_merges(vocab, model.merges.0)
        .build()
        .map(ModelWrapper::from)
        .map_err(|source| TokenizerError::Build { file: file.into(), part: "model", source })
}

fn check_bpe(
    file: &Path,
    ids: &HashMap<String, u32>,
    merges: &[(String, String)],
    unknown: Option<&str>,
) -> Result<(), TokenizerError> {
    let mut owner: HashMap<u32, &str> = HashMap::with_capacity(ids.len());
    for (token, &id) in ids {
        if let Some(other) = owner.insert(id, token) {
            // The map has no order: name the two in the order of their text, so that the message is stable.
            let (first, second) =
                if other < token.as_str() { (other, token.as_str()) } else { (token.as_str(), other) };
            let (first, second) = (first.to_owned(), second.to_owned());
            return Err(TokenizerError::DuplicateId { file: file.into(), id, first, second });
        }
    }
    if let Some(token) = unknown.filter(|&token| !ids.contains_key(token)) {
        let token = token.to_owned();
        return Err(TokenizerError::MissingToken { file: file.into(), role: "model.unk_token", token });
    }
    for (index, (left, right)) in merges.iter().enumerate() {
        let whole = format!("{left}{right}");
        if let Some(missing) = [left, right, &whole].into_iter().find(|&token| !ids.contains_key(token)) {
            return Err(TokenizerError::Merge {
                file: file.into(),
                index,
                left: left.clone(),
                right: right.clone(),
                missing: missing.clone(),
            });
        }
    }
    Ok(())
}

/// The text of the special token that a post-processor puts in front, if it does.
fn first_special(processor: &Value) -> Option<String> {
    match processor.get("type").and_then(Value::as_str)? {
        "Sequence" => processor.get("processors")?.as_array()?.iter().find_map(first_special),
        "TemplateProcessing" => {
            let first = processor.get("single")?.as_array()?.first()?;
            first.get("SpecialToken")?.get("id")?.as_str().map(str::to_owned)
        }
        "RobertaProcessing" | "BertProcessing" => {
            processor.get("cls")?.as_array()?.first()?.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// Token → id (BPE), or a list of tokens with scores (Unigram).
enum VocabFile {
    Ids(HashMap<String, u32>),
    Scores(Vec<(String, f64)>),
}

fn check_token<E: serde::de::Error>(token: &str, count: usize) -> Result<(), E> {
    if count >= PIECE_LIMIT {
        return Err(E::custom(format_args!("the vocabulary has more than {PIECE_LIMIT} tokens")));
    }
    if token.len() > TOKEN_BYTES_LIMIT {
        return Err(E::custom(format_args!(
            "a token has {} bytes, the limit is {TOKEN_BYTES_LIMIT}",
            token.len()
        )));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for VocabFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VocabVisitor;
        impl<'de> Visitor<'de> for VocabVisitor {
            type Value = VocabFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from token to id, or a list of [token, score]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VocabFile, A::Error> {
                let mut ids = HashMap::new();
                while let Some((token, id)) = map.next_entry::<String, u32>()? {
                    check_token(&token, ids.len())?;
                    if id > ID_LIMIT {
                        return Err(A::Error::custom(format_args!(
                            "id {id} of `{token}` is above {ID_LIMIT}"
                        )));
                    }
                    ids.insert(token, id);
                }
                Ok(VocabFile::Ids(ids))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<VocabFile, A::Error> {
                let mut scores: Vec<(String, f64)> = Vec::new();
                while let Some((token, score)) = list.next_element::<(String, f64)>()? {
                    check_token(&token, scores.len())?;
                    if token.is_empty() || !score.is_finite() {
                        return Err(A::Error::custom(format_args!(
                            "token {} is empty or has no score",
                            scores.len()
                        )));
                    }
                    scores.push((token, score));
                }
                Ok(VocabFile::Scores(scores))
            }
        }
        deserializer.deserialize_any(VocabVisitor)
    }
}

/// Merge rules, each either `"left right"` or `["left", "right"]`.
#[derive(Default)]
struct Merges(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Merges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MergesVisitor;
        impl<'de> Visitor<'de> for MergesVisitor {
            type Value = Merges;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of merge rules")
            }

            fn visit_unit<E>(self) -> Result<Merges, E> {
                Ok(Merges::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merges, A::Error> {
                let mut merges = Vec::new();
                while let Some(Merge(left, right)) = list.next_element()? {
                    if merges.len() == MERGE_LIMIT {
                        return Err(A::Error::custom(format_args!("more than {MERGE_LIMIT} merge rules")));
                    }
                    merges.push((left, right));
                }
                Ok(Merges(merges))
            }
        }
        deserializer.deserialize_any(MergesVisitor)
    }
}

struct Merge(String, String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MergeVisitor;
        impl<'de> Visitor<'de> for MergeVisitor {
            type Value = Merge;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge rule: \"left right\" or [\"left\", \"right\"]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Merge, E> {
                match text.split_once(' ') {
                    Some((left, right)) if !right.contains(' ') => {
                        Ok(Merge(left.to_owned(), right.to_owned()))
                    }
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merge, A::Error> {
                let left = list.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &"two tokens"))?;
                let right = list.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &"two tokens"))?;
                match list.next_element::<serde::de::IgnoredAny>()? {
                    None => Ok(Merge(left, right)),
                    Some(_) => Err(A::Error::invalid_length(3, &"two tokens")),
                }
            }
        }
        deserializer.deserialize_any(MergeVisitor)
    }
}

/// A small JSON value: the description of a step. `None` for `null`.
#[derive(Default)]
struct Bounded(Option<Value>);

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut left = STEP_VALUES;
        let value = BoundedValue(&mut left).deserialize(deserializer)?;
        Ok(Self(Some(value).filter(|value| !value.is_null())))
    }
}

/// Builds a [`Value`], giving up when the count is used up; a 64 MB file of `0,0,0` would else take gigabytes.
struct BoundedValue<'a>(&'a mut usize);

impl<'de> DeserializeSeed<'de> for BoundedValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| {
            D::Error::custom(format_args!("a pipeline step has more than {STEP_VALUES} values"))
        })?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BoundedValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(BoundedValue(self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            values.insert(key, map.next_value_seed(BoundedValue(self.0))?);
        }
        Ok(Value::Object(values))
    }
}
