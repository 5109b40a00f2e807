//! Turns a SentencePiece model into the parts of a pipeline, as transformers' slow-to-fast converters do.
//!
//! Reference: transformers `convert_slow_tokenizer.py` (`SpmConverter`, `LlamaConverter`) and InternLM2's own
//! `InternLM2Converter`. Where the converters hard-code what the model file says, the file is followed.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::unigram::Unigram;
use tokenizers::{AddedToken, ModelWrapper};

use super::assemble::Parts;
use super::config::FolderConfig;
use super::error::TokenizerError;
use super::merges::merge_rules;
use super::sentencepiece::{Algorithm, PieceKind, SentencePieceModel};

/// The character that stands for a space in pieces.
const SPACE: &str = "▁";

/// Builds the parts; added tokens of the configuration take over the slots they are declared for.
pub(super) fn convert(
    file: &Path,
    mut model: SentencePieceModel,
    config: &FolderConfig,
) -> Result<Parts, TokenizerError> {
    let mut added = BTreeMap::new();
    for (id, piece) in model.pieces.iter().enumerate() {
        if matches!(piece.kind, PieceKind::Control | PieceKind::UserDefined) {
            let special = piece.kind == PieceKind::Control;
            added.insert(id as u32, AddedToken::from(piece.text.clone(), special).normalized(false));
        }
    }
    reuse_slots(&mut model, config)?;
    let prefix = config.add_prefix_space.unwrap_or(model.add_dummy_prefix);
    // transformers 4: an absent flag means the old behaviour, a space in front of every stretch between specials.
    let legacy = config.legacy.unwrap_or(true);
    let chains = match model.algorithm {
        Algorithm::Unigram if model.remove_extra_whitespaces => word_chains(prefix, legacy),
        _ => text_chains(&model, prefix, legacy, config.tokenizer_class.starts_with("InternLM2")),
    };
    let mut normalizers = Vec::new();
    if !model.charsmap.is_empty() {
        let map = base64::engine::general_purpose::STANDARD.encode(&model.charsmap);
        normalizers.push(json!({"type": "Precompiled", "precompiled_charsmap": map}));
    }
    normalizers.extend(chains.normalizers);
    let begins_with =
        model.begin.and_then(|id| model.pieces.get(id as usize)).map(|piece| piece.text.clone());
    Ok(Parts {
        file: file.into(),
        model: build_model(file, &model)?,
        normalizer: (!normalizers.is_empty())
            .then(|| json!({"type": "Sequence", "normalizers": normalizers})),
        pre_tokenizer: chains.pre_tokenizer,
        decoder: Some(chains.decoder),
        added,
        begins_with,
    })
}

/// Renames pieces whose id an added token claims: InternLM2's chat tokens live in `[UNUSED_TOKEN_n]` slots.
fn reuse_slots(model: &mut SentencePieceModel, config: &FolderConfig) -> Result<(), TokenizerError> {
    for (&id, token) in &config.added {
        let elsewhere = || model.pieces.iter().position(|piece| piece.text == token.content);
        let Some(piece) = model.pieces.get(id as usize) else { continue };
        if piece.text == token.content {
            continue;
        }
        if let Some(found) = elsewhere() {
            return Err(TokenizerError::MisplacedToken {
                file: config.file.clone(),
                token: token.content.clone(),
                declared: id,
                found: found as u32,
            });
        }
        if let Some(piece) = model.pieces.get_mut(id as usize) {
            piece.text = token.content.clone();
            // No longer a piece of ordinary text: merges must not build it.
            piece.kind = PieceKind::Control;
        }
    }
    Ok(())
}

struct Chains {
    normalizers: Vec<Value>,
    pre_tokenizer: Option<Value>,
    decoder: Value,
}

/// `SpmConverter`: words are split at spaces before the model sees them (T5, XLM-R and similar).
fn word_chains(prefix: bool, legacy: bool) -> Chains {
    let scheme = match (prefix, legacy) {
        (false, _) => "never",
        (true, true) => "always",
        (true, false) => "first",
    };
    let metaspace =
        json!({"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": true});
    Chains {
        normalizers: vec![
            json!({"type": "Strip", "strip_left": false, "strip_right": true}),
            json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE}),
        ],
        pre_tokenizer: Some(metaspace.clone()),
        decoder: metaspace,
    }
}

/// `LlamaConverter`: the model sees each stretch of text between special tokens as a whole.
fn text_chains(model: &SentencePieceModel, prefix: bool, legacy: bool, internlm2: bool) -> Chains {
    let mut normalizers = Vec::new();
    if model.remove_extra_whitespaces {
        normalizers.push(json!({"type": "Strip", "strip_left": true, "strip_right": true}));
        normalizers.push(json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}));
    }
    let mut pre_tokenizer = None;
    if legacy || !prefix {
        if prefix {
            normalizers.push(json!({"type": "Prepend", "prepend": SPACE}));
        }
        normalizers.push(json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE}));
    } else {
        let scheme =
            json!({"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": false});
        pre_tokenizer = Some(scheme);
    }
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    // InternLM2's converter strips even though its model adds no space.
    if prefix || internlm2 {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Chains { normalizers, pre_tokenizer, decoder: json!({"type": "Sequence", "decoders": decoders}) }
}

fn build_model(file: &Path, model: &SentencePieceModel) -> Result<ModelWrapper, TokenizerError> {
    let failed = |source| TokenizerError::Build { file: file.into(), part: "model", source };
    match model.algorithm {
        Algorithm::Unigram => {
            let Some(unknown) = model.unknown else {
                let token = "none".to_owned();
                return Err(TokenizerError::MissingToken {
                    file: file.into(),
                    role: "the unknown piece",
                    token,
                });
            };
            let scores =
                model.pieces.iter().map(|piece| (piece.text.clone(), f64::from(piece.score))).collect();
            let unigram =
                Unigram::from(scores, Some(unknown as usize), model.byte_fallback).map_err(failed)?;
            Ok(unigram.into())
        }
        Algorithm::Bpe => {
            let mut vocab = Vocab::default();
            vocab.extend(model.pieces.iter().enumerate().map(|(id, piece)| (piece.text.clone(), id as u32)));
            let merges = merge_rules(file, &model.pieces)?;
            let mut builder = BPE::builder().fuse_unk(true).byte_fallback(model.byte_fallback);
            if let Some(unknown) = model.unknown.and_then(|id| model.pieces.get(id as usize)) {
                builder = builder.unk_token(unknown.text.clone());
            }
            builder.vocab_and_merges(vocab, merges).build().map(ModelWrapper::from).map_err(failed)
        }
    }
}
