//! `settings.toml`: read at the start, written at every change; an unreadable one is put aside, not lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use eyewright_hub::Address;
use eyewright_ops::DeviceChoice;
use eyewright_protocol::{
    ChangeSettings, DtypeWord, ErrorBody, ErrorCode, Language, SamplingSettings, Settings, Theme,
};
use serde::{Deserialize, Serialize};

use super::files::{make_folder, read_text, replace};
use crate::studio::{Reply, lock};

/// Where models come from unless the user says otherwise.
pub(crate) const HUB: &str = "https://huggingface.co";
/// The API server's port unless the user says otherwise.
pub(crate) const API_PORT: u16 = 8640;

/// The settings and their file.
pub(crate) struct SettingsFile {
    file: PathBuf,
    first_run: bool,
    now: Mutex<Settings>,
}

/// The file's form: what is absent keeps its default, so that older files stay readable.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Stored {
    language: Language,
    theme: Theme,
    device: String,
    dtype: DtypeWord,
    library: String,
    hub: String,
    system: String,
    api_server: bool,
    api_port: u16,
    notify: bool,
    keep_awake: bool,
    choice: Option<eyewright_protocol::ModelChoice>,
    sampling: SamplingSettings,
    interface: BTreeMap<String, String>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            language: Language::System,
            theme: Theme::System,
            device: "auto".into(),
            dtype: DtypeWord::Auto,
            library: String::new(),
            hub: HUB.into(),
            system: String::new(),
            api_server: false,
            api_port: API_PORT,
            notify: true,
            keep_awake: true,
            choice: None,
            sampling: SamplingSettings::default(),
            interface: BTreeMap::new(),
        }
    }
}

impl SettingsFile {
    pub(crate) fn open(home: &Path) -> Reply<Self> {
        make_folder(home)?;
        let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
        let file = home.join("settings.toml");
        let first_run = !file.exists();
        let mut stored = Stored::default();
        if !first_run {
            match read_text(&file).map(|text| toml::from_str(&text)) {
                Ok(Ok(found)) => stored = found,
                // The user's text is kept under another name; the program starts with defaults.
                _ => {
                    let _ = fs::rename(&file, file.with_extension("toml.unreadable"));
                }
            }
        }
        if stored.library.is_empty() {
            stored.library = home.display().to_string();
        }
        let settings = Settings {
            language: stored.language,
            theme: stored.theme,
            device: stored.device,
            dtype: stored.dtype,
            library: stored.library,
            hub: stored.hub,
            choice: stored.choice,
            sampling: stored.sampling,
            system: stored.system,
            api_server: stored.api_server,
            api_port: stored.api_port,
            notify: stored.notify,
            keep_awake: stored.keep_awake,
            interface: stored.interface,
        };
        Ok(Self { file, first_run, now: Mutex::new(settings) })
    }

    pub(crate) fn get(&self) -> Settings {
        lock(&self.now).clone()
    }

    pub(crate) fn first_run(&self) -> bool {
        self.first_run
    }

    /// Checks, writes, and only then takes over.
    pub(crate) fn change(&self, change: ChangeSettings) -> Reply<Settings> {
        let mut now = lock(&self.now);
        let next = changed(now.clone(), change)?;
        let text = toml::to_string_pretty(&Stored::from(next.clone())).map_err(|error| {
            ErrorBody::new(ErrorCode::Internal, format!("the settings cannot be written: {error}"))
        })?;
        replace(&self.file, text.as_bytes())?;
        now.clone_from(&next);
        Ok(next)
    }
}

impl From<Settings> for Stored {
    fn from(now: Settings) -> Self {
        Self {
            language: now.language,
            theme: now.theme,
            device: now.device,
            dtype: now.dtype,
            library: now.library,
            hub: now.hub,
            system: now.system,
            api_server: now.api_server,
            api_port: now.api_port,
            notify: now.notify,
            keep_awake: now.keep_awake,
            choice: now.choice,
            sampling: now.sampling,
            interface: now.interface,
        }
    }
}

fn changed(mut now: Settings, change: ChangeSettings) -> Reply<Settings> {
    let bad = |message: String| Err(ErrorBody::new(ErrorCode::BadRequest, message));
    macro_rules! take {
        ($($field:ident),+) => { $(if let Some(value) = change.$field { now.$field = value; })+ };
    }
    if let Some(device) = &change.device
        && let Err(error) = device.parse::<DeviceChoice>()
    {
        return bad(error.to_string());
    }
    if let Some(library) = &change.library {
        if !Path::new(library).is_absolute() {
            return bad(format!("the library folder `{library}` must be a full path"));
        }
        make_folder(Path::new(library))?;
    }
    if let Some(hub) = &change.hub
        && let Err(error) = Address::parse(hub)
    {
        return bad(error.to_string());
    }
    if change.api_port == Some(0) {
        return bad("the API server needs a port from 1 to 65535".to_owned());
    }
    if let Some(sampling) = &change.sampling {
        check_sampling(sampling)?;
    }
    if change.choice.is_some() {
        now.choice = change.choice;
    }
    for (name, text) in change.interface.into_iter().flatten() {
        if name.len() > 100 || text.len() > 20_000 || (now.interface.len() > 300 && !text.is_empty()) {
            return bad("the interface remembers too much".to_owned());
        }
        if text.is_empty() {
            now.interface.remove(&name);
        } else {
            now.interface.insert(name, text);
        }
    }
    take!(
        language, theme, device, dtype, library, hub, sampling, system, api_server, api_port, notify,
        keep_awake
    );
    Ok(now)
}

/// Sampling values within their ranges.
pub(crate) fn check_sampling(sampling: &SamplingSettings) -> Reply<()> {
    let config = crate::rooms::sampling_config(sampling, 0);
    if let Some((setting, expected)) = config.fault() {
        return Err(ErrorBody::new(ErrorCode::BadRequest, format!("{setting} must be {expected}")));
    }
    let long = sampling.stop.iter().any(|stop| stop.len() > 200);
    if sampling.max_new_tokens == 0 || sampling.max_new_tokens > 1 << 20 || sampling.stop.len() > 16 || long {
        let message = "an answer has 1 to 1048576 tokens, and at most 16 stop texts of 200 letters";
        return Err(ErrorBody::new(ErrorCode::BadRequest, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> ChangeSettings {
        serde_json::from_str("{}").unwrap()
    }

    #[test]
    fn a_change_survives_and_the_rest_stays() {
        let home = tempfile::tempdir().unwrap();
        let settings = SettingsFile::open(home.path()).unwrap();
        assert!(settings.first_run());
        let change = ChangeSettings { language: Some(Language::Zh), api_port: Some(9000), ..nothing() };
        let told = settings.change(change).unwrap();
        let again = SettingsFile::open(home.path()).unwrap();
        assert_eq!(again.get(), told);
        assert_eq!((told.language, told.api_port, told.theme), (Language::Zh, 9000, Theme::System));
        assert!(!again.first_run());
    }

    #[test]
    fn values_out_of_range_change_nothing() {
        let home = tempfile::tempdir().unwrap();
        let settings = SettingsFile::open(home.path()).unwrap();
        let before = settings.get();
        let hot = SamplingSettings { temperature: f64::NAN, ..SamplingSettings::default() };
        for change in [
            ChangeSettings { device: Some("gpu".into()), ..nothing() },
            ChangeSettings { library: Some("relative".into()), ..nothing() },
            ChangeSettings { hub: Some("file:///etc".into()), ..nothing() },
            ChangeSettings { api_port: Some(0), ..nothing() },
            ChangeSettings { sampling: Some(hot), ..nothing() },
        ] {
            assert_eq!(settings.change(change).unwrap_err().code, ErrorCode::BadRequest);
        }
        assert_eq!(settings.get(), before);
    }

    #[test]
    fn an_unreadable_file_is_put_aside() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("settings.toml"), "language = 7").unwrap();
        let settings = SettingsFile::open(home.path()).unwrap();
        assert_eq!(settings.get().language, Language::System);
        assert_eq!(fs::read_to_string(home.path().join("settings.toml.unreadable")).unwrap(), "language = 7");
    }
}
