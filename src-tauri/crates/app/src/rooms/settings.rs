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

    /// Without keys and without the user's folders.
    fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.keys.secrets().into_iter().chain([self.api.key()]) {
            if secret.len() >= 4 {
                text = text.replace(&secret, "[key]");
            }
        }
        without_folders(&text)
    }
}

/// Of every full path its last part alone: what a report of a fault is about is the file, not whose it is or where.
fn without_folders(text: &str) -> String {
    // Between these a path stands in debug output, in messages and in logs; a name may have any other character.
    const AROUND: &[char] = &['"', '`', '\n'];
    let mut shortened = String::with_capacity(text.len());
    for piece in text.split_inclusive(AROUND) {
        let end = piece.char_indices().next_back().filter(|(_, char)| AROUND.contains(char));
        let (inside, end) = piece.split_at(end.map_or(piece.len(), |(at, _)| at));
        let start = inside.char_indices().map(|(at, _)| at).find(|at| begins_path(inside, *at));
        match start {
            Some(start) => {
                let path = inside[start..].trim_end();
                let last = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
                shortened.push_str(&inside[..start]);
                shortened.push_str("…/");
                shortened.push_str(last);
                shortened.push_str(&inside[start + path.len()..]);
            }
            None => shortened.push_str(inside),
        }
        shortened.push_str(end);
    }
    shortened
}

/// Whether `/srv/me`, `C:\\Users\\me` or `\\\\server\\share` begins here: not inside a word, an address of a page or a
/// fraction.
fn begins_path(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let rest = &text[at..];
    let unix = rest.starts_with('/') && !rest.starts_with("//") && rest[1..].contains('/');
    let share = rest.starts_with("\\\\");
    let mut first = rest.chars();
    let drive = first.next().is_some_and(|char| char.is_ascii_alphabetic())
        && first.next() == Some(':')
        && matches!(first.next(), Some('\\' | '/'))
        && !rest[2..].starts_with("//");
    before.is_none_or(|before| before.is_whitespace() || "=(['".contains(before)) && (unix || share || drive)
}

#[cfg(test)]
mod tests {
    use super::without_folders;

    #[test]
    fn of_paths_the_last_part_stays() {
        let rows = [
            ("json: \"/srv/me/my data/rows.json\",\n", "json: \"…/rows.json\",\n"),
            ("cannot read `/a/b/c.png`: gone", "cannot read `…/c.png`: gone"),
            ("\"C:\\\\Users\\\\me\\\\x.json\"", "\"…/x.json\""),
            ("hub: \"https://huggingface.co/api\"", "hub: \"https://huggingface.co/api\""),
            ("in /srv/me/library\nnext", "in …/library\nnext"),
            ("openai/clip-vit, 3/4, a / b", "openai/clip-vit, 3/4, a / b"),
            ("\"/srv/Tim's files, old (2)/rows.json\"", "\"…/rows.json\""),
            ("--json=/srv/me/x", "--json=…/x"),
            (r"`\\?\C:\Users\me\x.json`", "`…/x.json`"),
            (r"`\\server\share\x.json`", "`…/x.json`"),
            ("目录 /家/我/猫.png", "目录 …/猫.png"),
        ];
        for (text, expected) in rows {
            assert_eq!(without_folders(text), expected);
        }
    }
}
