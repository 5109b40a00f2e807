//! Which template fits a model that does not say?
//!
//! Looks at words in its chat template's text, in its folder's name, in its vocabulary and at its model type, in
//! that order. A Jinja template is searched, never run.

use std::fmt;

use super::chat_template::ChatTemplate;

/// What is known about a model.
#[derive(Clone, Copy)]
pub struct GuessHints<'a> {
    /// `model_type` of `config.json`.
    pub model_type: Option<&'a str>,
    /// Whether the vocabulary has a token.
    pub has_token: &'a dyn Fn(&str) -> bool,
    /// `chat_template` of `tokenizer_config.json`.
    pub chat_template: Option<&'a str>,
    /// Last part of the folder's path, or the name on the hub.
    pub folder_name: Option<&'a str>,
}

impl fmt::Debug for GuessHints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuessHints")
            .field("model_type", &self.model_type)
            .field("folder_name", &self.folder_name)
            .finish_non_exhaustive()
    }
}

/// Why a template was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuessReason {
    /// The model's own chat template holds these words.
    ChatTemplate(&'static [&'static str]),
    /// The folder's name holds these words.
    FolderName(&'static [&'static str]),
    /// The vocabulary has these tokens.
    Tokens(&'static [&'static str]),
    /// The model type is this one.
    ModelType(&'static str),
    /// Nothing pointed anywhere.
    NothingKnown,
}

impl fmt::Display for GuessReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChatTemplate(words) => {
                write!(f, "the model's chat template has `{}`", words.join("` and `"))
            }
            Self::FolderName(words) => write!(f, "the folder's name has `{}`", words.join("` and `")),
            Self::Tokens(tokens) => write!(f, "the vocabulary has `{}`", tokens.join("` and `")),
            Self::ModelType(kind) => write!(f, "the model type is `{kind}`"),
            Self::NothingKnown => f.write_str("nothing in the model's files points to a template"),
        }
    }
}

type Row = (&'static [&'static str], &'static str);

// `<|im_start|>` is shared: InternLM2 is told from Qwen afterwards.
const TEXT_ROWS: &[Row] = &[
    (&["<|start_header_id|>"], "llama3_chat"),
    (&["<|im_start|>"], "qwen_chat"),
    (&["<|user|>", "<|end|>"], "phi3_chat"),
    (&["<eoh>"], "internlm_chat"),
    (&["<<SYS>>"], "llama2_chat"),
    (&["[INST]"], "mistral"),
    (&["USER:", "ASSISTANT:"], "vicuna"),
];

const FOLDER_ROWS: &[Row] = &[
    (&["vicuna"], "vicuna"),
    (&["llava", "1.5"], "vicuna"),
    (&["internlm2", "chat"], "internlm2_chat"),
    (&["internlm", "chat"], "internlm_chat"),
    (&["llama-3", "instruct"], "llama3_chat"),
    (&["llava", "llama-3"], "llama3_chat"),
    (&["llama-2", "chat"], "llama2_chat"),
    (&["phi-3"], "phi3_chat"),
    (&["qwen", "chat"], "qwen_chat"),
    (&["qwen", "instruct"], "qwen_chat"),
    (&["mistral", "instruct"], "mistral"),
    (&["mixtral", "instruct"], "mistral"),
];

const TOKEN_ROWS: &[Row] = &[
    (&["<|start_header_id|>", "<|eot_id|>"], "llama3_chat"),
    (&["<|im_start|>", "<|im_end|>", "<|plugin|>"], "internlm2_chat"),
    (&["<|im_start|>", "<|im_end|>"], "qwen_chat"),
    (&["<|assistant|>", "<|end|>"], "phi3_chat"),
    (&["<eoh>", "<eoa>"], "internlm_chat"),
];

const TYPE_ROWS: &[(&str, &str)] = &[
    ("internlm2", "internlm2_chat"),
    ("internlm", "internlm_chat"),
    ("qwen2", "qwen_chat"),
    ("qwen", "qwen_chat"),
    ("phi3", "phi3_chat"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("llava", "vicuna"),
    // A Llama without any sign of chat is a base model.
    ("llama", "plain"),
];

impl ChatTemplate {
    /// The template that fits best, and why. Falls back to `default`.
    pub fn guess(hints: &GuessHints<'_>) -> (&'static Self, GuessReason) {
        let is_internlm = hints.model_type.is_some_and(|kind| kind.starts_with("internlm"));
        let internlm2 = is_internlm || (hints.has_token)("<|plugin|>");
        let resolve =
            |name| Self::known(if name == "qwen_chat" && internlm2 { "internlm2_chat" } else { name });
        let all = |words: &[&str], holds: &dyn Fn(&str) -> bool| words.iter().all(|word| holds(word));

        if let Some(text) = hints.chat_template {
            let found = TEXT_ROWS.iter().find(|(words, _)| all(words, &|word| text.contains(word)));
            if let Some(&(words, name)) = found {
                return (resolve(name), GuessReason::ChatTemplate(words));
            }
        }
        if let Some(folder) = hints.folder_name {
            let folder = folder.to_lowercase().replace('_', "-").replace("llama3", "llama-3");
            let found = FOLDER_ROWS.iter().find(|(words, _)| all(words, &|word| folder.contains(word)));
            if let Some(&(words, name)) = found {
                return (Self::known(name), GuessReason::FolderName(words));
            }
        }
        if let Some(&(tokens, name)) = TOKEN_ROWS.iter().find(|(tokens, _)| all(tokens, hints.has_token)) {
            return (resolve(name), GuessReason::Tokens(tokens));
        }
        if let Some(kind) = hints.model_type
            && let Some(&(kind, name)) = TYPE_ROWS.iter().find(|(known, _)| *known == kind)
        {
            return (Self::known(name), GuessReason::ModelType(kind));
        }
        (Self::known("default"), GuessReason::NothingKnown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_tables_exists() {
        let names = [TEXT_ROWS, FOLDER_ROWS, TOKEN_ROWS].concat().into_iter().map(|(_, name)| name);
        for name in names.chain(TYPE_ROWS.iter().map(|(_, name)| *name)) {
            assert!(ChatTemplate::named(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn models_get_their_templates() {
        // model type, tokens, chat template, folder → template
        type Row = (&'static str, &'static [&'static str], &'static str, &'static str, &'static str);
        let rows: [Row; 12] = [
            ("internlm2", &["<|im_start|>", "<|im_end|>", "<|plugin|>"], "", "x", "internlm2_chat"),
            ("internlm2", &[], "{{'<|im_start|>'}}", "x", "internlm2_chat"),
            ("qwen2", &["<|im_start|>", "<|im_end|>"], "<|im_start|>", "Qwen2-1.5B-Instruct", "qwen_chat"),
            ("llama", &["<|start_header_id|>", "<|eot_id|>"], "", "merged", "llama3_chat"),
            ("llama", &["<s>"], "", "vicuna-7b-v1.5", "vicuna"),
            ("llama", &["<s>"], "", "Llama-2-7b-chat-hf", "llama2_chat"),
            ("llama", &["<s>"], "", "my-model", "plain"),
            ("llava", &["<image>"], "", "model", "vicuna"),
            ("llava", &["<image>"], "", "llava-llama-3-8b-v1_1", "llama3_chat"),
            ("phi3", &["<|end|>", "<|assistant|>"], "<|user|>\n<|end|>", "x", "phi3_chat"),
            ("internlm", &["<eoh>", "<eoa>"], "", "internlm_chat_7b", "internlm_chat"),
            ("gpt_neox", &[], "", "x", "default"),
        ];
        for (model_type, tokens, chat_template, folder, expected) in rows {
            let hints = GuessHints {
                model_type: Some(model_type),
                has_token: &|token| tokens.contains(&token),
                chat_template: Some(chat_template).filter(|text| !text.is_empty()),
                folder_name: Some(folder),
            };
            let (template, reason) = ChatTemplate::guess(&hints);
            assert_eq!(template.name(), expected, "{model_type} {folder}: {reason}");
            assert!(!reason.to_string().is_empty());
        }
    }
}
