//! What the files beside the vocabulary say: named tokens, added tokens, flags, the chat template's text.
//!
//! Reads `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and `generation_config.json`, each
//! optional. Knows nothing of vocabularies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokenizers::AddedToken;

use super::error::TokenizerError;

/// Largest vocabulary file, bytes.
pub(super) const VOCABULARY_BYTES: u64 = 64 << 20;
/// Largest file beside the vocabulary, bytes.
const CONFIG_BYTES: u64 = 8 << 20;
/// Most added tokens.
const ADDED_LIMIT: usize = 200_000;
/// Longest added token, bytes.
pub(super) const TOKEN_BYTES_LIMIT: usize = 1024;

/// A token as the configuration files spell it: its text, or an object with flags.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum TokenName {
    Text(String),
    Flagged(FlaggedToken),
}

/// A token with the flags of `AddedToken`; the id comes from elsewhere.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FlaggedToken {
    pub(super) content: String,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) special: bool,
}

impl FlaggedToken {
    pub(super) fn to_added(&self) -> AddedToken {
        AddedToken {
            content: self.content.clone(),
            single_word: self.single_word,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            normalized: self.normalized,
            special: self.special,
        }
    }
}

impl TokenName {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Flagged(token) => &token.content,
        }
    }

    /// As a special token, which is never normalised unless the file says so.
    pub(super) fn to_special(&self) -> AddedToken {
        match self {
            Self::Text(text) => AddedToken::from(text.clone(), true),
            Self::Flagged(token) => token.to_added().special(true),
        }
    }
}

/// The named tokens that both JSON files may hold.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct NamedTokens {
    pub(super) bos_token: Option<TokenName>,
    pub(super) eos_token: Option<TokenName>,
    pub(super) unk_token: Option<TokenName>,
    pub(super) sep_token: Option<TokenName>,
    pub(super) pad_token: Option<TokenName>,
    pub(super) cls_token: Option<TokenName>,
    pub(super) mask_token: Option<TokenName>,
    #[serde(default)]
    pub(super) additional_special_tokens: Option<Vec<TokenName>>,
}

impl NamedTokens {
    /// All of them, in the order in which transformers adds missing ones to a vocabulary.
    pub(super) fn all(&self) -> impl Iterator<Item = &TokenName> {
        let named = [
            &self.bos_token,
            &self.eos_token,
            &self.unk_token,
            &self.sep_token,
            &self.pad_token,
            &self.cls_token,
            &self.mask_token,
        ];
        named.into_iter().flatten().chain(self.additional_special_tokens.iter().flatten())
    }

    fn fill_from(&mut self, other: Self) {
        fn fill<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if mine.is_none() {
                *mine = theirs;
            }
        }
        fill(&mut self.bos_token, other.bos_token);
        fill(&mut self.eos_token, other.eos_token);
        fill(&mut self.unk_token, other.unk_token);
        fill(&mut self.sep_token, other.sep_token);
        fill(&mut self.pad_token, other.pad_token);
        fill(&mut self.cls_token, other.cls_token);
        fill(&mut self.mask_token, other.mask_token);
        fill(&mut self.additional_special_tokens, other.additional_special_tokens);
    }
}

#[derive(Debug, Default, Deserialize)]
struct TokenizerConfigFile {
    #[serde(default)]
    added_tokens_decoder: Option<BTreeMap<String, FlaggedToken>>,
    add_bos_token: Option<bool>,
    add_prefix_space: Option<bool>,
    legacy: Option<bool>,
    tokenizer_class: Option<String>,
    chat_template: Option<ChatTemplateText>,
}

/// A single template, or several with names (`default`, `tool_use`, …).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ChatTemplateText {
    One(String),
    Several(Vec<NamedTemplate>),
}

#[derive(Debug, Deserialize)]
struct NamedTemplate {
    #[serde(default)]
    name: String,
    template: String,
}

#[derive(Debug, Default, Deserialize)]
struct GenerationConfigFile {
    eos_token_id: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

/// Everything the side files say.
#[derive(Debug, Default)]
pub(super) struct FolderConfig {
    /// Where added tokens were declared, for errors.
    pub(super) file: PathBuf,
    pub(super) named: NamedTokens,
    /// Whether there is a `tokenizer_config.json`, whose silence about a token then means "none".
    pub(super) present: bool,
    pub(super) added: BTreeMap<u32, AddedToken>,
    pub(super) add_bos: Option<bool>,
    pub(super) add_prefix_space: Option<bool>,
    pub(super) legacy: Option<bool>,
    pub(super) tokenizer_class: String,
    pub(super) chat_template: Option<String>,
    pub(super) end_ids: Vec<u32>,
}

/// Reads files of one folder, keeps a running hash of what was read.
pub(super) struct Folder<'a> {
    path: &'a Path,
    hash: Sha256,
}

impl<'a> Folder<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, hash: Sha256::new() }
    }

    /// Bytes of a file, or `None` if it does not exist.
    pub(super) fn read(
        &mut self,
        name: &str,
        limit: u64,
    ) -> Result<Option<(PathBuf, Vec<u8>)>, TokenizerError> {
        let file = self.path.join(name);
        let failed = |source| TokenizerError::Read { file: file.clone(), source };
        let handle = match File::open(&file) {
            Ok(handle) => handle,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let found = handle.metadata().map_err(failed)?.len();
        let mut bytes = Vec::new();
        // A file may grow, or have no length at all (a pipe): the limit is enforced on what is really read.
        handle.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
        if found > limit || bytes.len() as u64 > limit {
            let found = found.max(bytes.len() as u64);
            return Err(TokenizerError::TooLarge { file, what: "the file (bytes)", found, limit });
        }
        self.hash.update(name.as_bytes());
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(&bytes);
        Ok(Some((file, bytes)))
    }

    fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<(PathBuf, T)>, TokenizerError> {
        let Some((file, bytes)) = self.read(name, CONFIG_BYTES)? else { return Ok(None) };
        let value = parse(&file, &bytes)?;
        Ok(Some((file, value)))
    }

    /// Hexadecimal SHA-256 over names, lengths and bytes of all files read so far.
    pub(super) fn fingerprint(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads the side files.
    pub(super) fn config(&mut self) -> Result<FolderConfig, TokenizerError> {
        let mut config = FolderConfig { file: self.path.join("tokenizer_config.json"), ..Default::default() };
        let mut declares_added = false;
        if let Some((file, bytes)) = self.read("tokenizer_config.json", CONFIG_BYTES)? {
            config.named = parse(&file, &bytes)?;
            config.present = true;
            let found: TokenizerConfigFile = parse(&file, &bytes)?;
            if let Some(added) = found.added_tokens_decoder {
                declares_added = true;
                for (id, token) in added {
                    let id = id.parse().map_err(|_| unsupported_id(&file, &id))?;
                    config.added.insert(id, token.to_added());
                }
            }
            config.add_bos = found.add_bos_token;
            config.add_prefix_space = found.add_prefix_space;
            config.legacy = found.legacy;
            config.tokenizer_class = found.tokenizer_class.unwrap_or_default();
            config.chat_template = found.chat_template.and_then(ChatTemplateText::into_default);
        }
        if let Some((_, named)) = self.json::<NamedTokens>("special_tokens_map.json")? {
            config.named.fill_from(named);
        }
        if !declares_added
            && let Some((file, added)) = self.json::<BTreeMap<String, u32>>("added_tokens.json")?
        {
            for (content, id) in added {
                // The older file has no flags; transformers takes the tokens as they are, not normalised.
                let special = config.named.all().any(|name| name.text() == content);
                let token = AddedToken { content, normalized: false, special, ..Default::default() };
                config.added.insert(id, token);
            }
            config.file = file;
        }
        check_added(&config)?;
        if let Some((_, found)) = self.json::<GenerationConfigFile>("generation_config.json")? {
            config.end_ids = match found.eos_token_id {
                None => Vec::new(),
                Some(OneOrMany::One(id)) => vec![id],
                Some(OneOrMany::Many(ids)) => ids,
            };
        }
        Ok(config)
    }
}

impl ChatTemplateText {
    fn into_default(self) -> Option<String> {
        match self {
            Self::One(text) => Some(text),
            Self::Several(mut list) => {
                let index = list.iter().position(|entry| entry.name == "default").unwrap_or(0);
                (index < list.len()).then(|| list.swap_remove(index).template)
            }
        }
    }
}

fn parse<T: DeserializeOwned>(file: &Path, bytes: &[u8]) -> Result<T, TokenizerError> {
    serde_json::from_slice(bytes).map_err(|source| TokenizerError::Json { file: file.into(), source })
}

fn unsupported_id(file: &Path, id: &str) -> TokenizerError {
    TokenizerError::Unsupported {
        file: file.into(),
        place: "added_tokens_decoder",
        found: id.to_owned(),
        supported: "token ids as keys",
    }
}

fn check_added(config: &FolderConfig) -> Result<(), TokenizerError> {
    let too_large = |what, found: usize, limit: usize| {
        Err(TokenizerError::TooLarge {
            file: config.file.clone(),
            what,
            found: found as u64,
            limit: limit as u64,
        })
    };
    if config.added.len() > ADDED_LIMIT {
        return too_large("the number of added tokens", config.added.len(), ADDED_LIMIT);
    }
    let named = config.named.all().map(|name| name.text().len());
    let longest = config.added.values().map(|token| token.content.len()).chain(named).max().unwrap_or(0);
    if longest > TOKEN_BYTES_LIMIT {
        return too_large("an added token (bytes)", longest, TOKEN_BYTES_LIMIT);
    }
    Ok(())
}
