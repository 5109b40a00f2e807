//! What lies in the library folder: chats, data sets, models and runs as plain files, and the settings beside them.
//!
//! ```text
//! settings.toml                 in the program's home folder
//! models.json  datasets.json    lists of what lies elsewhere too
//! chats/<id>/chat.json, pictures/<hash>.<ext>
//! datasets/<id>/rows.json, pictures/
//! models/<name>/                downloads
//! runs/<id>/                    see eyewright-train
//! exports/  diagnostics/  logs/
//! ```

mod chats;
mod files;
mod keys;
mod lists;
mod settings;

use std::path::{Path, PathBuf};

pub(crate) use chats::{StoredChat, StoredMessage, StoredPicture};
pub(crate) use files::{
    FileStamp, folder_bytes, make_folder, names_in, read_json, read_text, remove_folder, replace, write_json,
};
pub(crate) use keys::KeyBox;
pub use keys::Keyring;
pub(crate) use lists::{DatasetEntry, DatasetList, ModelEntry, ModelList};
pub(crate) use settings::{SettingsFile, check_sampling};

use crate::studio::Reply;

/// The library folder.
#[derive(Clone, Debug)]
pub(crate) struct Library(PathBuf);

impl Library {
    /// Makes the folder if it is not there.
    pub(crate) fn new(folder: &Path) -> Reply<Self> {
        make_folder(folder)?;
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Ok(Self(folder))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn chats(&self) -> PathBuf {
        self.0.join("chats")
    }

    pub(crate) fn datasets(&self) -> PathBuf {
        self.0.join("datasets")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }

    pub(crate) fn exports(&self) -> PathBuf {
        self.0.join("exports")
    }

    pub(crate) fn diagnostics(&self) -> PathBuf {
        self.0.join("diagnostics")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// Whether a path lies inside, so that its files are ours to delete.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        path.is_absolute()
            && path.starts_with(&self.0)
            && !path.components().any(|part| part.as_os_str() == "..")
    }
}

/// The program's home folder where the system wants it, or the one that `EYEWRIGHT_HOME` names.
pub fn default_home() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(home) = of("EYEWRIGHT_HOME") {
        return home;
    }
    let user = || of("HOME").unwrap_or_else(|| PathBuf::from("."));
    if cfg!(target_os = "windows") {
        of("LOCALAPPDATA").unwrap_or_else(user).join("Eyewright")
    } else if cfg!(target_os = "macos") {
        user().join("Library/Application Support/Eyewright")
    } else {
        of("XDG_DATA_HOME").unwrap_or_else(|| user().join(".local/share")).join("eyewright")
    }
}

/// The folder of models of the usual library; nothing is made.
pub(crate) fn library_models() -> PathBuf {
    let home = default_home();
    // Opening makes the folder, which asking for a model should not.
    let settings = home.join("settings.toml").is_file().then(|| SettingsFile::open(&home).ok()).flatten();
    settings.map_or(home, |settings| settings.get().library.into()).join("models")
}

/// Where bundled models may be: beside an installed program, or in the checkout it was built from.
pub fn bundled_models() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> =
        std::env::var_os("EYEWRIGHT_MODELS").map(PathBuf::from).into_iter().collect();
    for above in above_program() {
        // A checkout or Windows; a Debian package; an application of macOS.
        places.extend(["models", "lib/Eyewright/models", "Resources/models"].map(|below| above.join(below)));
    }
    places.retain(|place| place.join("demo").is_dir());
    places
}

/// Folders above the running program: those beside an installed one, or above the build folder of a checkout.
pub(crate) fn above_program() -> Vec<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().skip(1).take(4).map(Path::to_owned).collect()
}

/// A name to show, or with a number behind it where another thing of its kind is called so: two of a name cannot be told
/// apart.
pub(crate) fn free_title(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2u32..).map(|number| format!("{name} ({number})"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// A name for a folder: letters and digits of a text, and a number if the name is taken.
pub(crate) fn free_name(folder: &Path, text: &str, otherwise: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|char| if char.is_alphanumeric() { char } else { '-' })
        .take(40)
        .flat_map(char::to_lowercase)
        .collect();
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    let name = name.trim_matches('-');
    let name = if name.is_empty() { otherwise } else { name };
    let taken = |name: &str| folder.join(name).exists();
    if !taken(name) {
        return name.to_owned();
    }
    (2u32..).map(|number| format!("{name}-{number}")).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_letters_and_never_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [
            ("What is this?", "what-is-this"),
            ("../../etc", "etc"),
            ("这是什么", "这是什么"),
            ("???", "chat"),
        ];
        for (text, expected) in rows {
            assert_eq!(free_name(folder.path(), text, "chat"), expected);
        }
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        assert_eq!(free_name(folder.path(), "../../etc", "chat"), "etc-2");
    }

    #[test]
    fn only_what_is_inside_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(folder.path()).unwrap();
        assert!(library.holds(&folder.path().join("models/a")));
        assert!(!library.holds(&folder.path().join("models/../../a")));
        assert!(!library.holds(Path::new("models/a")));
        assert!(!library.holds(&folder.path().with_extension("x")));
    }
}
