//! Learns a small byte-level BPE vocabulary from lines of text, and writes it as Hugging Face files.
//!
//! Nothing is unknown to it: what the lines did not teach falls back to bytes. Chinese characters stand alone, so
//! that words of any language are put together from the same pieces.

use std::path::Path;

use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Model, Trainer};

/// Every character, cut as the pipeline will cut it: words with the space before them, single digits, single Chinese
/// characters, runs of anything else.
const CUTS: &str = r"\p{Han}| ?[A-Za-z]+| ?\p{N}|[\r\n]+| ?[^\sA-Za-z\p{N}\p{Han}]+|\s+";

/// Special tokens of the InternLM2 chat form; ids count from 0.
const SPECIAL: [&str; 9] = [
    "<unk>",
    "<s>",
    "</s>",
    "<|plugin|>",
    "<|interpreter|>",
    "<|action_end|>",
    "<|action_start|>",
    "<|im_end|>",
    "<|im_start|>",
];

const CHAT_TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + \
     message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}\
     {{ '<|im_start|>assistant\\n' }}{% endif %}";

/// A vocabulary that cannot be learned or written.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The library refused.
    #[error("the vocabulary cannot be learned: {0}")]
    Library(Box<dyn std::error::Error + Send + Sync>),
    /// The disk refused.
    #[error("cannot write {}: {source}", file.display())]
    Io {
        /// Which file.
        file: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Learns at most `size` tokens from `lines` and writes `tokenizer.json`, `tokenizer_config.json` and
/// `special_tokens_map.json` into `folder`. Returns the number of tokens. Equal lines give equal files.
///
/// # Errors
/// If the folder cannot be written.
pub fn learn_tokenizer(lines: &[String], size: usize, folder: &Path) -> Result<usize, LearnError> {
    let special = |content: &&str| AddedToken::from((*content).to_owned(), true);
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(size)
        .min_frequency(8)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(SPECIAL.iter().map(special).collect())
        .build();
    let cuts = cutter()?;
    trainer.feed(lines.iter(), |line| Ok(cuts(line))).map_err(LearnError::Library)?;
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(LearnError::Library)?;
    let tokens = model.get_vocab_size();
    let model = serde_json::to_value(&model).map_err(|error| LearnError::Library(error.into()))?;
    let added: Vec<Value> =
        SPECIAL.iter().enumerate().map(|(id, content)| added(Some(id), content)).collect();
    let byte_level =
        json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": CUTS }, "behavior": "Isolated", "invert": false },
            byte_level,
        ] },
        "post_processor": null,
        "decoder": byte_level,
        "model": model,
    });
    let decoder: serde_json::Map<String, Value> =
        SPECIAL.iter().enumerate().map(|(id, content)| (id.to_string(), added_entry(content))).collect();
    let config = json!({
        "add_bos_token": true,
        "add_eos_token": false,
        "added_tokens_decoder": decoder,
        "additional_special_tokens": SPECIAL[3..],
        "bos_token": "<s>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": false,
        "eos_token": "</s>",
        "model_max_length": 1024,
        "pad_token": "</s>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
    });
    let map = json!({
        "additional_special_tokens": SPECIAL[3..],
        "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>",
    });
    for (name, value) in
        [("tokenizer.json", file), ("tokenizer_config.json", config), ("special_tokens_map.json", map)]
    {
        let path = folder.join(name);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default() + "\n";
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| LearnError::Io { file: path.clone(), source })?;
    }
    Ok(tokens)
}

fn added(id: Option<usize>, content: &str) -> Value {
    json!({
        "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
    })
}

fn added_entry(content: &str) -> Value {
    json!({
        "content": content, "lstrip": false, "normalized": false, "rstrip": false, "single_word": false,
        "special": true,
    })
}

/// A line as the pieces whose insides the vocabulary is learned from, each as the letters that stand for its bytes.
fn cutter() -> Result<impl Fn(&str) -> Vec<String> + Sync, LearnError> {
    use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
    use tokenizers::{
        OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior,
    };
    let split = Split::new(SplitPattern::Regex(CUTS.to_owned()), SplitDelimiterBehavior::Isolated, false)
        .map_err(LearnError::Library)?;
    let bytes = ByteLevel::default().add_prefix_space(false).use_regex(false);
    Ok(move |line: &str| {
        let mut cut = PreTokenizedString::from(line);
        if split.pre_tokenize(&mut cut).and_then(|()| bytes.pre_tokenize(&mut cut)).is_err() {
            return Vec::new();
        }
        let pieces = cut.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(piece, _, _)| piece.to_owned()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scenes, tokenizer::Tokenizer};

    #[test]
    fn the_demo_world_fits_in_few_tokens_and_nothing_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let lines = scenes::corpus(1, 3000);
        let tokens = learn_tokenizer(&lines, 1536, folder.path()).unwrap();
        assert!(tokens <= 1536, "{tokens}");
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(1), Some(2)));
        assert!(tokenizer.chat_template().is_some());
        let caption =
            "Two small purple butterflies on the left and a big red bus on the right, on the grass.";
        let ids = tokenizer.encode(caption);
        assert_eq!(ids.len(), caption.split(' ').count() + 2, "a token per word: {ids:?}");
        for text in [caption, "草地上，左边有两只红色的小猫。", "Zebra ünïcode 龘 🙂 12\n\n x"]
        {
            let ids = tokenizer.encode(text);
            assert_eq!(tokenizer.decode(&ids, false), text);
        }
        assert_eq!(tokenizer.encode("<|im_start|>user\n").first(), Some(&8));
        let again = tempfile::tempdir().unwrap();
        learn_tokenizer(&lines, 1536, again.path()).unwrap();
        let read = |folder: &Path| std::fs::read(folder.join("tokenizer.json")).unwrap();
        assert_eq!(read(folder.path()), read(again.path()));
    }
}
