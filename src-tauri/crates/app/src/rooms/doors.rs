//! What a door does for the interface: dialogs, folders, links.

use std::fs;
use std::path::{Path, PathBuf};

use eyewright_protocol::{
    AnswerClose, FolderEntry, FolderListing, ListFolder, Nothing, OpenLink, PickFiles, PickedFiles, SaveText,
    ShowFolder,
};

use super::{bad_request, not_found};
use crate::library::replace;
use crate::studio::{Inner, Reply, io_fault};

/// Hosts whose pages the interface links to.
const LINKS: &[&str] = &["huggingface.co", "github.com", "hf-mirror.com", "modelscope.cn"];
/// Entries of a folder that are listed.
const MOST: usize = 2_000;

impl Inner {
    pub(crate) fn pick_files(&self, request: PickFiles) -> Reply<PickedFiles> {
        Ok(picked(self.host.pick_files(request.purpose)?))
    }

    pub(crate) fn save_text(&self, request: SaveText) -> Reply<PickedFiles> {
        let name: String =
            request.name.chars().filter(|char| !"/\\:".contains(*char) && !char.is_control()).collect();
        let file = self.host.pick_new_file(&name)?;
        if let Some(file) = &file {
            replace(file, request.text.as_bytes())?;
        }
        Ok(picked(file.into_iter().collect()))
    }

    pub(crate) fn list_folder(&self, request: ListFolder) -> Reply<FolderListing> {
        let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
        let path = match request.path.filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => home().unwrap_or_else(|| PathBuf::from(std::path::MAIN_SEPARATOR_STR)),
        };
        if !path.is_absolute() {
            return Err(bad_request(format!("`{}` must be a full path", path.display())));
        }
        let read = fs::read_dir(&path).map_err(|error| io_fault("list", &path, &error))?;
        let mut entries: Vec<FolderEntry> = read
            .flatten()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .take(20_000)
            .filter_map(|entry| {
                let kind = fs::metadata(entry.path()).ok()?;
                let name = entry.file_name().into_string().ok()?;
                Some(FolderEntry {
                    name,
                    folder: kind.is_dir(),
                    bytes: if kind.is_file() { kind.len() } else { 0 },
                })
            })
            .collect();
        entries.sort_by_key(|entry| (!entry.folder, entry.name.to_lowercase()));
        let cut = entries.len() > MOST;
        entries.truncate(MOST);
        let parent = path.parent().map(|parent| parent.display().to_string());
        Ok(FolderListing { path: path.display().to_string(), parent, entries, cut })
    }

    pub(crate) fn show_folder(&self, request: ShowFolder) -> Reply<Nothing> {
        let library = self.library()?;
        let folder = match (request.run, request.folder) {
            (Some(run), _) => library.runs().join(run.as_str()),
            (None, Some(folder)) => PathBuf::from(folder),
            (None, None) => library.folder().to_owned(),
        };
        // Opening a file would start a program; a folder only shows itself.
        if !folder.is_absolute() || !Path::is_dir(&folder) {
            return Err(not_found(format!("there is no folder `{}`", folder.display())));
        }
        self.host.show_folder(&folder)?;
        Ok(Nothing {})
    }

    pub(crate) fn open_link(&self, request: OpenLink) -> Reply<Nothing> {
        let host = request.url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        let plain = request.url.len() < 500 && request.url.chars().all(|char| char.is_ascii_graphic());
        if !plain || !host.is_some_and(|host| LINKS.contains(&host)) {
            return Err(bad_request("only pages of the model hubs and of Eyewright are opened"));
        }
        self.host.open_link(&request.url)?;
        Ok(Nothing {})
    }

    pub(crate) fn answer_close(&self, request: AnswerClose) -> Reply<Nothing> {
        self.host.answer_close(request.choice)?;
        Ok(Nothing {})
    }
}

fn picked(paths: Vec<PathBuf>) -> PickedFiles {
    PickedFiles { paths: paths.into_iter().map(|path| path.display().to_string()).collect() }
}
