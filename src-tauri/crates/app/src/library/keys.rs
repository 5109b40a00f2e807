//! Keys for other programs' doors: in the system's keyring, else in memory; never in a file, never in a message.

use std::collections::BTreeMap;
use std::sync::Mutex;

use eyewright_protocol::{ErrorBody, ErrorCode, KeyInfo, KeyPlace};

use crate::studio::{Reply, lock};

/// Whose keys there may be.
pub(crate) const KEY_NAMES: &[&str] =
    &["hub", "openai", "azure", "openrouter", "vllm", "lmstudio", "ollama", "other"];

/// An operating system's keyring.
pub trait Keyring: Send + Sync {
    /// The key of a name.
    fn get(&self, name: &str) -> Option<String>;
    /// Keeps a key; `false` if it cannot.
    fn set(&self, name: &str, key: &str) -> bool;
    /// Forgets a key.
    fn forget(&self, name: &str);
}

/// All keys. It has no `Debug`, so that no message can contain one.
pub(crate) struct KeyBox {
    keyring: Reply<Box<dyn Keyring>>,
    memory: Mutex<BTreeMap<String, String>>,
}

impl KeyBox {
    pub(crate) fn new(keyring: Reply<Box<dyn Keyring>>) -> Self {
        Self { keyring, memory: Mutex::default() }
    }

    /// Why keys are in memory alone, if they are.
    pub(crate) fn no_keyring(&self) -> Option<&ErrorBody> {
        self.keyring.as_ref().err()
    }

    fn known(name: &str) -> Reply<()> {
        if KEY_NAMES.contains(&name) {
            return Ok(());
        }
        let names = KEY_NAMES.join(", ");
        Err(ErrorBody::new(ErrorCode::BadRequest, format!("keys are kept for {names} only")))
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        lock(&self.memory).get(name).cloned().or_else(|| self.keyring.as_ref().ok()?.get(name))
    }

    pub(crate) fn info(&self, name: &str) -> KeyInfo {
        let in_memory = lock(&self.memory).get(name).cloned();
        let (place, key) = match in_memory {
            Some(key) => (KeyPlace::Memory, key),
            None => match self.keyring.as_ref().ok().and_then(|keyring| keyring.get(name)) {
                Some(key) => (KeyPlace::Keyring, key),
                None => (KeyPlace::Absent, String::new()),
            },
        };
        // Of a short key, four letters would be too much of it.
        let letters: Vec<char> = key.chars().collect();
        let ends_with =
            if letters.len() >= 16 { letters[letters.len() - 4..].iter().collect() } else { String::new() };
        KeyInfo { name: name.to_owned(), place, ends_with }
    }

    pub(crate) fn all(&self) -> Vec<KeyInfo> {
        KEY_NAMES.iter().map(|name| self.info(name)).collect()
    }

    pub(crate) fn set(&self, name: &str, key: &str) -> Reply<KeyInfo> {
        Self::known(name)?;
        let key = key.trim();
        if key.is_empty() || key.len() > 4096 || key.chars().any(char::is_control) {
            return Err(ErrorBody::new(
                ErrorCode::BadRequest,
                "that is not a key: it is empty, too long, or of several lines",
            ));
        }
        if self.keyring.as_ref().is_ok_and(|keyring| keyring.set(name, key)) {
            lock(&self.memory).remove(name);
        } else {
            lock(&self.memory).insert(name.to_owned(), key.to_owned());
        }
        Ok(self.info(name))
    }

    pub(crate) fn forget(&self, name: &str) -> Reply<KeyInfo> {
        Self::known(name)?;
        lock(&self.memory).remove(name);
        if let Ok(keyring) = &self.keyring {
            keyring.forget(name);
        }
        Ok(self.info(name))
    }

    /// Every key that is in memory, to be looked for in what leaves the program.
    pub(crate) fn secrets(&self) -> Vec<String> {
        KEY_NAMES.iter().filter_map(|name| self.get(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A keyring that can be looked into, and filled up.
    #[derive(Clone, Default)]
    struct StandIn(Arc<Mutex<BTreeMap<String, String>>>, bool);

    impl Keyring for StandIn {
        fn get(&self, name: &str) -> Option<String> {
            lock(&self.0).get(name).cloned()
        }
        fn set(&self, name: &str, key: &str) -> bool {
            if !self.1 {
                lock(&self.0).insert(name.to_owned(), key.to_owned());
            }
            !self.1
        }
        fn forget(&self, name: &str) {
            lock(&self.0).remove(name);
        }
    }

    fn none() -> Reply<Box<dyn Keyring>> {
        Err(ErrorBody::new(ErrorCode::NotHere, "no keyring"))
    }

    #[test]
    fn a_key_lives_in_the_keyring_and_outlives_the_program() {
        let keyring = StandIn::default();
        let keys = KeyBox::new(Ok(Box::new(keyring.clone())));
        assert_eq!(keys.no_keyring(), None);
        assert_eq!(keys.set("hub", "hf_abcdefghijklmnop").unwrap().place, KeyPlace::Keyring);
        assert!(lock(&keys.memory).is_empty());
        let later = KeyBox::new(Ok(Box::new(keyring.clone())));
        assert_eq!(later.get("hub").as_deref(), Some("hf_abcdefghijklmnop"));
        assert_eq!(later.info("hub").ends_with, "mnop");
        assert_eq!(later.secrets(), ["hf_abcdefghijklmnop"]);
        assert_eq!(later.forget("hub").unwrap().place, KeyPlace::Absent);
        assert!(lock(&keyring.0).is_empty());
    }

    #[test]
    fn a_keyring_that_takes_nothing_leaves_the_key_in_memory() {
        let keys = KeyBox::new(Ok(Box::new(StandIn(Arc::default(), true))));
        assert_eq!(keys.set("hub", "hf_abcdefghijklmnop").unwrap().place, KeyPlace::Memory);
        assert_eq!(keys.get("hub").as_deref(), Some("hf_abcdefghijklmnop"));
    }

    #[test]
    fn a_key_is_kept_and_its_text_is_not_told() {
        let keys = KeyBox::new(none());
        assert_eq!(keys.no_keyring().unwrap().message, "no keyring");
        let info = keys.set("hub", " hf_abcdefghijklmnopqrstuvwxyz\n").unwrap();
        assert_eq!((info.place, info.ends_with.as_str()), (KeyPlace::Memory, "wxyz"));
        assert_eq!(keys.get("hub").as_deref(), Some("hf_abcdefghijklmnopqrstuvwxyz"));
        assert_eq!(keys.set("hub", "short").unwrap().ends_with, "");
        assert_eq!(keys.forget("hub").unwrap().place, KeyPlace::Absent);
        for (name, key) in [("bank", "x"), ("hub", ""), ("hub", "a\nb")] {
            assert_eq!(keys.set(name, key).unwrap_err().code, ErrorCode::BadRequest);
        }
    }
}
