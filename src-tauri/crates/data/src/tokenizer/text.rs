//! Text to ids and ids to text, with the tokens that have a role.

use std::path::Path;
use std::sync::OnceLock;

use tokenizers::{AddedToken, Model, Tokenizer as Pipeline};

use super::assemble::assemble;
use super::config::{Folder, FolderConfig, TokenName, VOCABULARY_BYTES};
use super::error::TokenizerError;
use super::sentencepiece::SentencePieceModel;
use super::stream::{DecodePlan, StreamDecoder};
use super::{json, spm_pipeline};

/// A tokenizer read from a model folder.
///
/// Ids equal those of transformers' fast tokenizers. Decoding never "cleans up" spaces before punctuation, whatever
/// `clean_up_tokenization_spaces` says: that option changes what the model wrote.
pub struct Tokenizer {
    pipeline: Pipeline,
    /// The same pipeline, blind to special tokens; built when first needed.
    plain: OnceLock<Pipeline>,
    plan: DecodePlan,
    bos: Option<u32>,
    eos: Option<u32>,
    pad: Option<u32>,
    unknown: Option<u32>,
    adds_bos: bool,
    end_ids: Vec<u32>,
    special_ids: Vec<u32>,
    vocab_size: usize,
    chat_template: Option<String>,
    fingerprint: String,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size)
            .field("bos", &self.bos)
            .field("eos", &self.eos)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Opens the tokenizer of a model folder: `tokenizer.json` if there is one, else `tokenizer.model`, with the
    /// settings of `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and
    /// `generation_config.json` where they exist.
    ///
    /// # Errors
    /// Any damaged, oversized or unsupported file; see [`TokenizerError`].
    pub fn open(folder: &Path) -> Result<Self, TokenizerError> {
        let mut files = Folder::new(folder);
        let (parts, mut config) =
            if let Some((file, bytes)) = files.read("tokenizer.json", VOCABULARY_BYTES)? {
                let mut config = files.config()?;
                let parts = json::parse(&file, &bytes)?;
                if !config.present {
                    config.named.bos_token =
                        config.named.bos_token.or(parts.begins_with.clone().map(TokenName::Text));
                }
                (parts, config)
            } else if let Some((file, bytes)) = files.read("tokenizer.model", VOCABULARY_BYTES)? {
                let mut config = files.config()?;
                let model = SentencePieceModel::parse(&file, &bytes)?;
                name_from_model(&model, &mut config);
                (spm_pipeline::convert(&file, model, &config)?, config)
            } else {
                return Err(TokenizerError::NoTokenizerFile { folder: folder.into() });
            };
        let begins_with = parts.begins_with.clone();
        let plan = DecodePlan::new(parts.decoder.as_ref());
        let pipeline = assemble(parts, &config)?;
        let chat_template = config.chat_template.take();
        Ok(Self::with_roles(pipeline, plan, &config, begins_with.as_deref())
            .described(chat_template, files.fingerprint()))
    }

    fn with_roles(
        pipeline: Pipeline,
        plan: DecodePlan,
        config: &FolderConfig,
        begins_with: Option<&str>,
    ) -> Self {
        let id = |name: &Option<TokenName>| name.as_ref().and_then(|name| pipeline.token_to_id(name.text()));
        let (bos, eos) = (id(&config.named.bos_token), id(&config.named.eos_token));
        let begins = begins_with.is_some_and(|token| bos.is_some() && pipeline.token_to_id(token) == bos);
        let mut end_ids: Vec<u32> = eos.into_iter().chain(config.end_ids.iter().copied()).collect();
        end_ids.sort_unstable();
        end_ids.dedup();
        let added = pipeline.get_added_vocabulary().get_added_tokens_decoder();
        let mut special_ids: Vec<u32> = added.iter().filter(|(_, t)| t.special).map(|(&id, _)| id).collect();
        special_ids.sort_unstable();
        let highest = pipeline.get_vocab(true).into_values().max();
        Self {
            bos,
            eos,
            pad: id(&config.named.pad_token),
            unknown: id(&config.named.unk_token),
            adds_bos: bos.is_some() && config.add_bos.unwrap_or(begins),
            end_ids,
            special_ids,
            vocab_size: highest.map_or(0, |id| id as usize + 1),
            plan,
            pipeline,
            plain: OnceLock::new(),
            chat_template: None,
            fingerprint: String::new(),
        }
    }

    fn described(mut self, chat_template: Option<String>, fingerprint: String) -> Self {
        self.chat_template = chat_template;
        self.fingerprint = fingerprint;
        self
    }

    /// Ids of a text. No special token is added, but special tokens written in the text are recognised, as
    /// transformers does with `add_special_tokens=False`.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.run(&self.pipeline, text)
    }

    /// Like [`Tokenizer::encode`], with the beginning-of-sequence token in front if this tokenizer uses one.
    pub fn encode_with_bos(&self, text: &str) -> Vec<u32> {
        let mut ids: Vec<u32> = self.bos_if_used().into_iter().collect();
        ids.extend(self.encode(text));
        ids
    }

    /// Ids of a text in which special tokens are only characters: the result never holds a special id other than
    /// the unknown token's.
    pub fn encode_plain(&self, text: &str) -> Vec<u32> {
        let plain = self.plain.get_or_init(|| {
            let mut plain = self.pipeline.clone();
            plain.set_encode_special_tokens(true);
            plain
        });
        let ids = self.run(plain, text);
        if !ids.iter().any(|&id| self.is_reserved(id)) {
            return ids;
        }
        // A unigram vocabulary holds its special tokens as pieces, so the model may still pick one: spell those out.
        let mut spelled = Vec::with_capacity(ids.len());
        for id in ids {
            match self.token(id) {
                Some(token) if self.is_reserved(id) => spelled.extend(self.spell(&token)),
                _ => spelled.push(id),
            }
        }
        spelled
    }

    fn is_reserved(&self, id: u32) -> bool {
        Some(id) != self.unknown && self.special_ids.binary_search(&id).is_ok()
    }

    fn run(&self, pipeline: &Pipeline, text: &str) -> Vec<u32> {
        match pipeline.encode_fast(text, false) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            // Parts that can fail are refused when a tokenizer is opened; should one fail anyway, no text is lost.
            Err(_) => self.spell(text),
        }
    }

    /// Ids of a text taken character by character, without special ids.
    fn spell(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len());
        for character in text.chars() {
            let mut buffer = [0; 4];
            let tokens =
                self.pipeline.get_model().tokenize(character.encode_utf8(&mut buffer)).unwrap_or_default();
            ids.extend(tokens.iter().map(|token| token.id).filter(|&id| !self.is_reserved(id)));
        }
        ids
    }

    /// Text of ids. Ids without a token are left out; with `skip_special`, so are special tokens.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        // None of the decoders that are let through can fail.
        self.pipeline.decode(ids, skip_special).unwrap_or_default()
    }

    /// Decodes one id at a time; see [`StreamDecoder`].
    pub fn stream(&self, skip_special: bool) -> StreamDecoder<'_> {
        StreamDecoder::new(self, self.plan.clone(), skip_special)
    }

    /// The stored form of a token, as decoders get it; `None` for ids that `decode` leaves out.
    pub(super) fn piece(&self, id: u32, skip_special: bool) -> Option<String> {
        let added = self.pipeline.get_added_vocabulary();
        let token = added.simple_id_to_token(id).or_else(|| self.pipeline.get_model().id_to_token(id))?;
        (!skip_special || !added.is_special_token(&token)).then_some(token)
    }

    /// Id of a token given its stored form (`▁the`, `Ġthe`, `<|im_end|>`).
    pub fn id(&self, token: &str) -> Option<u32> {
        self.pipeline.token_to_id(token)
    }

    /// Stored form of a token.
    pub fn token(&self, id: u32) -> Option<String> {
        self.pipeline.id_to_token(id)
    }

    /// Beginning-of-sequence token.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// End-of-sequence token.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Padding token, if the files name one.
    pub fn pad(&self) -> Option<u32> {
        self.pad
    }

    /// The token for what the vocabulary lacks, if the files name one.
    pub fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// This tokenizer as the text of a `tokenizer.json`, with special tokens added to it where it lacks them; and the
    /// ids of those.
    ///
    /// # Errors
    /// If the pipeline cannot be written as JSON.
    pub fn to_json_with(&self, specials: &[&str]) -> Result<(String, Vec<u32>), TokenizerError> {
        let mut pipeline = self.pipeline.clone();
        let tokens: Vec<AddedToken> = specials
            .iter()
            .filter(|token| pipeline.token_to_id(token).is_none())
            .map(|token| AddedToken::from((*token).to_owned(), true))
            .collect();
        let written = pipeline.add_special_tokens(tokens).and_then(|_| pipeline.to_string(false));
        let json = written.map_err(|source| TokenizerError::Write { reason: source.to_string() })?;
        let ids = specials.iter().filter_map(|token| pipeline.token_to_id(token)).collect();
        Ok((json, ids))
    }

    /// Whether a text for this model starts with the beginning-of-sequence token: `add_bos_token` of the
    /// configuration; without it, what the vocabulary file does.
    pub fn adds_bos(&self) -> bool {
        self.adds_bos
    }

    /// [`Tokenizer::bos`] if [`Tokenizer::adds_bos`].
    pub fn bos_if_used(&self) -> Option<u32> {
        self.bos.filter(|_| self.adds_bos)
    }

    /// Ids after which generation stops: the end-of-sequence token and those of `generation_config.json`. Sorted.
    pub fn end_ids(&self) -> &[u32] {
        &self.end_ids
    }

    /// Ids of all special tokens. Sorted.
    pub fn special_ids(&self) -> &[u32] {
        &self.special_ids
    }

    /// Texts of all special tokens, in no order.
    pub(crate) fn special_texts(&self) -> impl Iterator<Item = &str> {
        let added = self.pipeline.get_added_vocabulary().get_added_tokens_decoder();
        added.values().filter(|token| token.special).map(|token| token.content.as_str())
    }

    /// One more than the highest id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The Jinja chat template of `tokenizer_config.json`, as text. It is never run; it only helps to guess which
    /// of our own templates fits.
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// Hexadecimal SHA-256 over the files this tokenizer was built from.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Without names in the configuration, a SentencePiece model's own named pieces count.
fn name_from_model(model: &SentencePieceModel, config: &mut FolderConfig) {
    let named = &mut config.named;
    for (slot, id) in [
        (&mut named.bos_token, model.begin),
        (&mut named.eos_token, model.end),
        (&mut named.unk_token, model.unknown),
        (&mut named.pad_token, model.pad),
    ] {
        if slot.is_none()
            && let Some(piece) = id.and_then(|id| model.pieces.get(id as usize))
        {
            *slot = Some(TokenName::Text(piece.text.clone()));
        }
    }
}
