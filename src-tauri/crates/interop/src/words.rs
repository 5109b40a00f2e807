//! Which tokens does a picture model need beside the language model's own, and how is its tokenizer written?

use serde_json::{Value, json};

use crate::{InteropError, source::Source, staging::Staging};

/// Rows of embedding tables come in multiples of this, as XTuner's conversion makes them.
const MULTIPLE: usize = 64;

/// The tokenizer with `<image>` and `<pad>` in it.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// Id of `<image>`.
    pub(crate) image: u32,
    /// Id of `<pad>`.
    pub(crate) pad: u32,
    /// Rows of the embedding table that hold them all.
    pub(crate) rows: usize,
    json: String,
}

impl Words {
    /// Adds what is missing.
    ///
    /// # Errors
    /// If the tokenizer cannot be written.
    pub(crate) fn of(source: &Source) -> Result<Self, InteropError> {
        let (json, ids) = source.tokenizer.to_json_with(&["<image>", "<pad>"])?;
        let (image, pad) = (ids.first().copied().unwrap_or(0), ids.get(1).copied().unwrap_or(0));
        let rows = source.files.llm.config.vocab;
        let needed = image.max(pad) as usize + 1;
        let rows = if needed > rows { needed.next_multiple_of(MULTIPLE) } else { rows };
        Ok(Self { image, pad, rows, json })
    }

    /// The tokenizer as it is, with `<pad>`, for forms in which a picture is no token.
    pub(crate) fn plain(source: &Source) -> Result<Self, InteropError> {
        let rows = source.files.llm.config.vocab;
        let (json, _) = source.tokenizer.to_json_with(&[])?;
        let pad = source.tokenizer.pad().or(source.tokenizer.unknown()).or(source.tokenizer.eos());
        Ok(Self { image: 0, pad: pad.unwrap_or(0), rows, json })
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn write(
        &self,
        source: &Source,
        staging: &Staging,
        chat_template: &str,
        processor: Option<&str>,
    ) -> Result<(), InteropError> {
        staging.write("tokenizer.json", self.json.as_bytes())?;
        let tokenizer = &source.tokenizer;
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
        let mut named = serde_json::Map::new();
        for (role, id) in [
            ("bos_token", tokenizer.bos()),
            ("eos_token", tokenizer.eos()),
            ("unk_token", tokenizer.unknown()),
        ] {
            named.extend(text(id).map(|text| (role.to_owned(), json!(text))));
        }
        named.extend(text(Some(self.pad)).map(|text| ("pad_token".to_owned(), json!(text))));
        if processor.is_some() {
            named.insert("pad_token".into(), json!("<pad>"));
        }
        let mut config = named.clone();
        // Read from `tokenizer.json` as it is; the classes of single families build their own.
        config.insert("tokenizer_class".into(), json!("PreTrainedTokenizerFast"));
        config.insert("added_tokens_decoder".into(), self.added());
        config.insert("add_bos_token".into(), json!(tokenizer.adds_bos()));
        config.insert("clean_up_tokenization_spaces".into(), json!(false));
        config.insert("model_max_length".into(), json!(source.files.llm.config.max_position));
        config.insert("chat_template".into(), json!(chat_template));
        if let Some(class) = processor {
            config.insert("image_token".into(), json!("<image>"));
            config.insert("processor_class".into(), json!(class));
        }
        staging.write_json("tokenizer_config.json", &Value::Object(config))?;
        staging.write_json("special_tokens_map.json", &Value::Object(named))
    }

    fn added(&self) -> Value {
        let parsed: Value = serde_json::from_str(&self.json).unwrap_or_default();
        let tokens = parsed.get("added_tokens").and_then(Value::as_array).cloned().unwrap_or_default();
        let entry = |mut token: Value| {
            let id = token.get("id")?.to_string();
            token.as_object_mut()?.remove("id");
            Some((id, token))
        };
        Value::Object(tokens.into_iter().filter_map(entry).collect())
    }

    /// `generation_config.json`: where answers end.
    pub(crate) fn generation(&self, source: &Source) -> Value {
        let tokenizer = &source.tokenizer;
        let mut ends = tokenizer.end_ids().to_vec();
        ends.extend(source.template.stop_words().iter().filter_map(|word| tokenizer.id(word)));
        ends.sort_unstable();
        ends.dedup();
        json!({
            "bos_token_id": tokenizer.bos(),
            "eos_token_id": ends,
            "pad_token_id": self.pad,
        })
    }
}
