//! The templates carried inside the program, by name.

use std::sync::LazyLock;

use super::chat_template::ChatTemplate;
use super::error::TemplateError;

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        const NAMES: &[&str] = &[$($name),*];
        const FILES: &[&str] = &[
            $(include_str!(concat!("../../../../../models/templates/", $name, ".toml"))),*
        ];
    };
}

templates![
    "default",
    "internlm2_chat",
    "internlm_chat",
    "llama2_chat",
    "llama3_chat",
    "mistral",
    "phi3_chat",
    "plain",
    "qwen_chat",
    "vicuna",
];

static PARSED: LazyLock<Vec<Result<ChatTemplate, TemplateError>>> =
    LazyLock::new(|| NAMES.iter().zip(FILES).map(|(name, text)| ChatTemplate::parse(name, text)).collect());
static BARE: LazyLock<ChatTemplate> = LazyLock::new(ChatTemplate::bare);

impl ChatTemplate {
    /// Names of all built-in templates, sorted.
    pub fn names() -> &'static [&'static str] {
        NAMES
    }

    /// A built-in template.
    ///
    /// # Errors
    /// [`TemplateError::UnknownName`], which lists the names there are.
    pub fn named(name: &str) -> Result<&'static Self, TemplateError> {
        let index = NAMES.iter().position(|&known| known == name);
        match index.and_then(|index| PARSED.get(index)) {
            Some(Ok(template)) => Ok(template),
            Some(Err(error)) => Err(error.clone()),
            None => Err(TemplateError::UnknownName { name: name.to_owned(), names: NAMES.to_vec() }),
        }
    }

    /// A built-in template that is known to exist; tests see to it that the fallback is never taken.
    pub(super) fn known(name: &str) -> &'static Self {
        Self::named(name).unwrap_or(&BARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_parses_under_its_own_name() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            assert_eq!(ChatTemplate::named(name).unwrap().name(), *name);
        }
        assert_eq!(*ChatTemplate::known("plain"), ChatTemplate::bare());
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let text = ChatTemplate::named("chatml").unwrap_err().to_string();
        assert!(text.contains("`chatml`") && text.contains("internlm2_chat, internlm_chat"), "{text}");
    }

    #[test]
    fn damaged_files_are_refused() {
        let rows = [
            ("name = 1", "not valid"),
            ("name='x'\nsystem='{system}'\ninstruction='{input}'\nsufix='a'", "sufix"),
            ("name='x'\nsystem=''\ninstruction='{input}'", "`{system}` exactly once"),
            ("name='x'\nsystem='{system}'\ninstruction='{inptu}'", "`{inptu}`"),
            ("name='x'\nsystem='{system}'\ninstruction='{input}'\nsuffix_as_eos=true", "no `suffix`"),
            ("name='x'\nsystem='{system}'\ninstruction='{input}'\nstop_words=['']", "stop word"),
        ];
        for (text, expected) in rows {
            let error = ChatTemplate::parse("x.toml", text).unwrap_err().to_string();
            assert!(error.contains("x.toml") && error.contains(expected), "{error}");
        }
    }
}
