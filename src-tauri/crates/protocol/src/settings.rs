//! Settings: what the user decided once. Keys are told apart from it; their text never comes back.

use crate::{DtypeWord, ModelChoice, SamplingSettings};

words! {
    /// The language of the interface.
    Language {
        /// As the system says.
        System,
        /// English.
        En,
        /// 简体中文.
        Zh,
    }

    /// Light or dark.
    Theme {
        /// As the system says.
        System,
        /// Light.
        Light,
        /// Dark.
        Dark,
    }

    /// Where a key is.
    KeyPlace {
        /// In the operating system's keyring.
        Keyring,
        /// In memory, until the program ends: there is no keyring here.
        Memory,
        /// There is none.
        Absent,
    }
}

reply! {
    /// All settings.
    Settings {
        /// Language.
        pub language: Language,
        /// Theme.
        pub theme: Theme,
        /// Where to compute: `auto`, `cpu`, `cuda:0`, …
        pub device: String,
        /// The dtype models are loaded in.
        pub dtype: DtypeWord,
        /// The library folder.
        pub library: String,
        /// Where models are downloaded from.
        pub hub: String,
        /// Who answers in a new chat.
        pub choice: Option<ModelChoice>,
        /// How tokens are chosen in a new chat.
        pub sampling: SamplingSettings,
        /// Instructions in a new chat.
        pub system: String,
        /// Whether the API server starts with the program.
        pub api_server: bool,
        /// Its port.
        pub api_port: u16,
        /// Notify when a run ends.
        pub notify: bool,
        /// Keep the machine awake while training.
        pub keep_awake: bool,
        /// What the interface itself remembers: small texts by name.
        pub interface: std::collections::BTreeMap<String, String>,
    }

    /// A key, without its text.
    KeyInfo {
        /// Whose, such as `hub` or `openai`.
        pub name: String,
        /// Where it is.
        pub place: KeyPlace,
        /// Its last four letters.
        pub ends_with: String,
    }

    /// The system's keyring.
    KeyringStatus {
        /// Why it cannot be used: keys are then in memory, until the program ends.
        pub missing: Option<crate::ErrorBody>,
    }

    /// The local API server.
    ApiServerStatus {
        /// Whether it listens.
        pub running: bool,
        /// The program is itself such a server (`eyewright serve`): it listens as long as it runs, whatever the switch
        /// says.
        pub always: bool,
        /// Its base address, such as `http://127.0.0.1:8640/v1`.
        pub address: String,
        /// The key clients must send.
        pub key: String,
        /// Why it does not run.
        pub error: Option<crate::ErrorBody>,
        /// The newest requests, newest last, at most 100.
        pub requests: Vec<ApiRequest>,
    }

    /// A request that the API server answered.
    ApiRequest {
        /// When, in milliseconds since 1970.
        pub at: u64,
        /// Method and path.
        pub what: String,
        /// HTTP status.
        pub status: u16,
        /// How long it took.
        pub ms: u64,
    }

    /// A file that was written.
    WrittenFile {
        /// Its path.
        pub path: String,
    }
}

request! {
    /// Changes what is given and leaves the rest.
    ChangeSettings {
        /// Language.
        pub language: Option<Language>,
        /// Theme.
        pub theme: Option<Theme>,
        /// Where to compute.
        pub device: Option<String>,
        /// The dtype models are loaded in.
        pub dtype: Option<DtypeWord>,
        /// Another library folder; nothing is moved.
        pub library: Option<String>,
        /// Where models are downloaded from.
        pub hub: Option<String>,
        /// Who answers in a new chat.
        pub choice: Option<ModelChoice>,
        /// How tokens are chosen in a new chat.
        pub sampling: Option<SamplingSettings>,
        /// Instructions in a new chat.
        pub system: Option<String>,
        /// Whether the API server runs; changing it starts or stops it.
        pub api_server: Option<bool>,
        /// Its port.
        pub api_port: Option<u16>,
        /// Notify when a run ends.
        pub notify: Option<bool>,
        /// Keep the machine awake while training.
        pub keep_awake: Option<bool>,
        /// Texts of the interface to set; an empty text removes one.
        pub interface: Option<std::collections::BTreeMap<String, String>>,
    }

    /// Keeps a key.
    SetKey {
        /// Whose.
        pub name: String,
        /// The key.
        pub key: String,
    }

    /// Which key.
    KeyRef {
        /// Whose.
        pub name: String,
    }
}
