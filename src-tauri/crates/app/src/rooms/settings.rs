//! Settings, keys and the diagnostics file.

use std::fmt::Write as _;
use std::path::PathBuf;

use eyewright_protocol::{
    ChangeSettings, Event, KeyInfo, KeyRef, KeyringStatus, Nothing, SetKey, Settings, WriteDiagnostics,
    WrittenFile,
};

use super::bad_request;
use crate::library::{names_in, read_text, replace};
use crate::studio::{Inner, Reply, now};

impl Inner {
    pub(crate) fn get_settings(&self, _: Nothing) -> Reply<Settings> {
        Ok(self.settings.get())
    }

    pub(crate) fn change_settings(&self, request: ChangeSettings) -> Reply<Settings> {
        if let Some(choice) = &request.choice {
            self.model_task(choice)?;
        }
        let before = self.settings.get();
        let settings = self.settings.change(request)?;
        self.events.tell(Event::Settings { settings: settings.clone() });
        if (before.api_server, before.api_port) != (settings.api_server, settings.api_port) {
            self.follow_api_setting();
        }
        Ok(settings)
    }

    pub(crate) fn list_keys(&self, _: Nothing) -> Reply<Vec<KeyInfo>> {
        Ok(self.keys.all())
    }

    pub(crate) fn keyring(&self, _: Nothing) -> Reply<KeyringStatus> {
        Ok(KeyringStatus { missing: self.keys.no_keyring().cloned() })
    }

    pub(crate) fn set_key(&self, request: SetKey) -> Reply<KeyInfo> {
        self.keys.set(&request.name, &request.key)
    }

    pub(crate) fn forget_key(&self, request: KeyRef) -> Reply<KeyInfo> {
        self.keys.forget(&request.name)
    }

    pub(crate) fn write_diagnostics(&self, request: WriteDiagnostics) -> Reply<WrittenFile> {
        let library = self.library()?;
        let folder = request.folder.map_or_else(|| library.diagnostics(), PathBuf::from);
        if !folder.is_absolute() {
            return Err(bad_request("the folder must be a full path"));
        }
        let file = folder.join(format!("eyewright-{}.txt", now()));
        let text = self.redacted(&self.diagnostics()?);
        replace(&file, text.as_bytes())?;
        Ok(WrittenFile { path: file.display().to_string() })
    }

    fn diagnostics(&self) -> Reply<String> {
        let library = self.library()?;
        let mut text = String::new();
        let mut part = |title: &str, content: String| {
            let _ = write!(text, "== {title}\n{content}\n\n");
        };
        part("program", format!("{:#?}", self.app_info(Nothing {})?));
        part("machine", format!("{:#?}", self.hardware(Nothing {})?));
        let settings =
            Settings { interface: Default::default(), system: String::new(), ..self.settings.get() };
        part("settings", format!("{settings:#?}"));
        part("worker", format!("{:#?}", self.worker.status()));
        part("jobs", format!("{:#?}", self.list_jobs(Nothing {})?));
        part("models", format!("{:#?}", self.list_models(Nothing {}).unwrap_or_default()));
        part("runs", names_in(&library.runs()).join("\n"));
        let log = read_text(&library.logs().join("worker.log")).unwrap_or_default();
        let cut = log.len().saturating_sub(100_000);
        let from = (cut..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
        part("log of the computing process", log[from..].to_owned());
        Ok(text)
    }

    /// Without keys, and with the user's folders shortened.
    fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.keys.secrets().into_iter().chain([self.api.key()]) {
            if secret.len() >= 4 {
                text = text.replace(&secret, "[key]");
            }
        }
        for name in ["HOME", "USERPROFILE"] {
            let folder = std::env::var(name).unwrap_or_default();
            if folder.len() > 2 {
                text = text.replace(&folder, "~");
            }
        }
        text
    }
}
