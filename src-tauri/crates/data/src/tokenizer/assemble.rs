//! Puts the parts of a pipeline together and gives every added token the id it was trained with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokenizers::{
    AddedToken, DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper,
    Tokenizer as Pipeline,
};

use super::config::{FolderConfig, TokenName};
use super::error::TokenizerError;
use super::steps::{Chain, check_chain};

/// A tokenizer in pieces, whatever file it came from.
pub(super) struct Parts {
    pub(super) file: PathBuf,
    pub(super) model: ModelWrapper,
    pub(super) normalizer: Option<Value>,
    pub(super) pre_tokenizer: Option<Value>,
    pub(super) decoder: Option<Value>,
    pub(super) added: BTreeMap<u32, AddedToken>,
    /// The special token that the file itself puts in front of a text.
    pub(super) begins_with: Option<String>,
}

/// Builds the pipeline; the configuration's tokens and flags override those of the vocabulary file.
pub(super) fn assemble(parts: Parts, config: &FolderConfig) -> Result<Pipeline, TokenizerError> {
    let added = all_added(&parts, config);
    let normalizer: Option<NormalizerWrapper> = parts.step(Chain::Normalizer, parts.normalizer.as_ref())?;
    let pre_tokenizer: Option<PreTokenizerWrapper> =
        parts.step(Chain::PreTokenizer, parts.pre_tokenizer.as_ref())?;
    let decoder: Option<DecoderWrapper> = parts.step(Chain::Decoder, parts.decoder.as_ref())?;
    let failed = |part, source| TokenizerError::Build { file: parts.file.clone(), part, source };

    let mut pipeline = Pipeline::new(parts.model);
    pipeline.with_normalizer(normalizer).map_err(|source| failed("normalizer", source))?;
    pipeline.with_pre_tokenizer(pre_tokenizer);
    pipeline.with_decoder(decoder);
    pipeline.add_tokens(added.values().cloned()).map_err(|source| failed("list of added tokens", source))?;
    for (&declared, token) in &added {
        if let Some(found) = pipeline.token_to_id(&token.content).filter(|&found| found != declared) {
            let file =
                if config.added.contains_key(&declared) { config.file.clone() } else { parts.file.clone() };
            return Err(TokenizerError::MisplacedToken {
                file,
                token: token.content.clone(),
                declared,
                found,
            });
        }
    }
    Ok(pipeline)
}

impl Parts {
    fn step<T: DeserializeOwned>(
        &self,
        chain: Chain,
        step: Option<&Value>,
    ) -> Result<Option<T>, TokenizerError> {
        let Some(step) = step else { return Ok(None) };
        check_chain(&self.file, chain, step)?;
        match T::deserialize(step) {
            Ok(built) => Ok(Some(built)),
            Err(source) => Err(TokenizerError::Json { file: self.file.clone(), source }),
        }
    }
}

/// Added tokens by id: the vocabulary file's, then the configuration's, then named ones that have no id yet.
fn all_added(parts: &Parts, config: &FolderConfig) -> BTreeMap<u32, AddedToken> {
    let mut added: BTreeMap<u32, AddedToken> = parts.added.clone();
    added.extend(config.added.iter().map(|(&id, token)| (id, token.clone())));
    added.retain(|_, token| !token.content.is_empty());
    let mut ids: BTreeMap<String, u32> =
        added.iter().map(|(&id, token)| (token.content.clone(), id)).collect();
    let mut next = added.keys().next_back().map_or(0, |&id| id.saturating_add(1));
    next = next.max(parts.model.get_vocab_size() as u32);
    for name in config.named.all().filter(|name| !name.text().is_empty()) {
        let text = TokenName::text(name);
        match ids.get(text).copied().or_else(|| parts.model.token_to_id(text)) {
            Some(id) => {
                added.entry(id).and_modify(|token| token.special = true).or_insert_with(|| name.to_special());
            }
            None => {
                added.insert(next, name.to_special());
                ids.insert(text.to_owned(), next);
                next = next.saturating_add(1);
            }
        }
    }
    added
}
