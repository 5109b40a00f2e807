//! How is one row of a file corrected or taken out, so that every byte that was not meant stays as it was?
//!
//! A change is a [`Patch`]: bytes at one place, replaced by others. Its inverse takes it back.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, IgnoredAny};

use super::{DatasetError, DatasetIndex, Record, RowProblem};

/// Bytes at one place of a file, and those to stand there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    offset: u64,
    removed: Vec<u8>,
    inserted: Vec<u8>,
}

/// A row that cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// There is no such row.
    #[error("`{}` has {rows} rows; there is no row {}", file.display(), row + 1)]
    NoRow {
        /// The file.
        file: PathBuf,
        /// What was asked for, from 0.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// Its conversation cannot be read.
    #[error("row {}: {problem}", row + 1)]
    Row {
        /// Which, from 0.
        row: usize,
        /// Why.
        problem: RowProblem,
    },
    /// Another number of texts than the row has.
    #[error("row {} has {turns} questions and answers, but {texts} were given", row + 1)]
    Turns {
        /// Which, from 0.
        row: usize,
        /// How many it has.
        turns: usize,
        /// How many were given.
        texts: usize,
    },
    /// The new file cannot be written.
    #[error("cannot write `{}`: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DatasetIndex {
    /// The change that puts other texts into a row, one for each turn in their order. Unknown fields, their order
    /// and the way the row is written stay; a text that is the same keeps its spelling too.
    ///
    /// # Errors
    /// There is no such row, it cannot be read, or it has another number of turns.
    pub fn with_texts(&self, row: usize, texts: &[String]) -> Result<Patch, EditError> {
        let span = self.known_span(row)?;
        let removed = self.bytes(span.clone())?;
        let form =
            |reason: &str| EditError::Row { row, problem: RowProblem::Form { reason: reason.to_owned() } };
        let text = std::str::from_utf8(&removed).map_err(|_| form("it is not written in UTF-8"))?;
        let record = Record::parse(text).map_err(|problem| EditError::Row { row, problem })?;
        if record.messages.len() != texts.len() {
            return Err(EditError::Turns { row, turns: record.messages.len(), texts: texts.len() });
        }
        let name = if record.misspelt { "conversation" } else { "conversations" };
        let places = spoken(text, name).filter(|places| places.len() == texts.len());
        let places = places.ok_or_else(|| form("its texts cannot be found"))?;
        let mut inserted = String::with_capacity(text.len());
        let mut from = 0;
        for ((place, (_, before)), after) in places.iter().zip(&record.messages).zip(texts) {
            if before == after {
                continue;
            }
            inserted.push_str(text.get(from..place.start).unwrap_or_default());
            inserted.push_str(&serde_json::Value::String(after.clone()).to_string());
            from = place.end;
        }
        inserted.push_str(text.get(from..).unwrap_or_default());
        Ok(Patch { offset: span.start, inserted: inserted.into_bytes(), removed })
    }

    /// The change that takes a row out, with what divides it from its neighbour.
    ///
    /// # Errors
    /// There is no such row, or the file cannot be read.
    pub fn without(&self, row: usize) -> Result<Patch, EditError> {
        let own = self.known_span(row)?;
        let before = row.checked_sub(1).and_then(|row| self.span(row));
        let place = match (before, self.span(row + 1)) {
            (_, Some(next)) => own.start..next.start,
            (Some(before), None) => before.end..own.end,
            (None, None) => own,
        };
        Ok(Patch { offset: place.start, removed: self.bytes(place)?, inserted: Vec::new() })
    }

    fn known_span(&self, row: usize) -> Result<Range<u64>, EditError> {
        let missing = || EditError::NoRow { file: self.path().to_owned(), row, rows: self.len() };
        self.span(row).ok_or_else(missing)
    }
}

impl Patch {
    /// The change that takes this one back.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { offset: self.offset, removed: self.inserted, inserted: self.removed }
    }

    /// Writes the changed file beside the old one and gives it its name only when it is whole. `hash` is what the
    /// file must contain; gives what it contains now.
    ///
    /// # Errors
    /// The file has another content than `hash` says, or cannot be read or written; it is left as it was.
    pub fn apply(&self, file: &Path, hash: &str) -> Result<String, EditError> {
        // A link stays a link: what it leads to is replaced.
        let real =
            file.canonicalize().map_err(|source| DatasetError::Read { file: file.to_owned(), source })?;
        let mut name = real.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let staged = real.with_file_name(name);
        let written = self.write(&real, &staged, hash);
        if written.is_err() {
            let _ = fs::remove_file(&staged);
        }
        written
    }

    fn write(&self, file: &Path, staged: &Path, hash: &str) -> Result<String, EditError> {
        let read = |source| DatasetError::Read { file: file.to_owned(), source };
        let write = |source| EditError::Write { file: staged.to_owned(), source };
        let changed = || EditError::Dataset(DatasetError::Changed { file: file.to_owned() });
        let mut old = File::open(file).map_err(read)?;
        let opened = old.metadata().map_err(read)?;
        let end = self.offset + self.removed.len() as u64;
        let mut out = Hashing {
            out: BufWriter::new(File::create(staged).map_err(write)?),
            hash: blake3::Hasher::new(),
        };
        let mut seen = blake3::Hasher::new();
        let mut chunk = vec![0; 1 << 20];
        let mut at = 0;
        loop {
            let length = old.read(&mut chunk).map_err(read)?;
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            seen.update(bytes);
            let here = at..at + length as u64;
            let before = &bytes[..within(self.offset, &here)];
            out.put(before).map_err(write)?;
            // The place belongs to the chunk in which it begins, so that it is filled once.
            if here.contains(&self.offset) {
                out.put(&self.inserted).map_err(write)?;
            }
            out.put(&bytes[within(end, &here)..]).map_err(write)?;
            at = here.end;
        }
        if at == self.offset {
            out.put(&self.inserted).map_err(write)?;
        }
        if seen.finalize().to_hex().as_str() != hash {
            return Err(changed());
        }
        let now = out.hash.finalize().to_hex().to_string();
        let new = out.out.into_inner().map_err(|error| write(error.into_error()))?;
        new.set_permissions(opened.permissions()).map_err(write)?;
        new.sync_all().map_err(write)?;
        // Whoever wrote to it while it was copied must not lose that.
        let last = fs::metadata(file).map_err(read)?;
        if last.len() != opened.len() || last.modified().ok() != opened.modified().ok() {
            return Err(changed());
        }
        fs::rename(staged, file).map_err(write)?;
        #[cfg(unix)]
        if let Some(folder) = file.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)?;
        }
        Ok(now)
    }
}

/// How many bytes of a chunk lie before a place.
fn within(place: u64, chunk: &Range<u64>) -> usize {
    (place.clamp(chunk.start, chunk.end) - chunk.start) as usize
}

struct Hashing {
    out: BufWriter<File>,
    hash: blake3::Hasher,
}

impl Hashing {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Where the texts of a row's conversation stand in its JSON, quotes included. The row has been parsed before.
fn spoken(text: &str, conversation: &str) -> Option<Vec<Range<usize>>> {
    let mut walk = Walk { text, at: 0 };
    walk.enter(b'{')?;
    while let Some(key) = walk.key() {
        if key != conversation {
            walk.value::<IgnoredAny>()?;
            continue;
        }
        let mut places = Vec::new();
        walk.enter(b'[')?;
        while walk.enter(b'{').is_some() {
            while let Some(key) = walk.key() {
                let (_, place) = walk.value::<IgnoredAny>()?;
                if key == "value" {
                    places.push(place);
                }
            }
            walk.enter(b'}')?;
            walk.enter(b',');
        }
        return Some(places);
    }
    None
}

/// A place in JSON text that moves on value by value.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over blanks and one byte, if it is this one.
    fn enter(&mut self, byte: u8) -> Option<()> {
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        (rest.as_bytes().get(blanks) == Some(&byte)).then(|| self.at += blanks + 1)
    }

    /// The next key of an object, with its colon and the comma before it.
    fn key(&mut self) -> Option<String> {
        self.enter(b',');
        let (key, _) = self.value::<String>()?;
        self.enter(b':')?;
        Some(key)
    }

    /// The next value and where it stands.
    fn value<T: for<'a> Deserialize<'a>>(&mut self) -> Option<(T, Range<usize>)> {
        let rest = self.rest();
        let start = self.at + rest.len() - rest.trim_start().len();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some((value, start..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &Path) -> DatasetIndex {
        DatasetIndex::open(file, &mut |_, _| {}).unwrap()
    }

    fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.json");
        fs::write(&file, text).unwrap();
        (folder, file)
    }

    /// A row whose every detail differs from what a JSON writer would make of it.
    const ODD: &str = "{ \"zeta\": 1.50e3,\n\t\"conver\\u0073ations\" : [ {\"value\":\"<image>\\nWh\\u0061t?\", \"from\":\"human\",\
                       \"mood\":[{\"value\":\"x\"}]},\n {\"from\":\"gpt\" , \"value\" : \"a \\\"dog\\\"\"} ], \"big\": 12345678901234567890123}";

    #[test]
    fn a_correction_changes_nothing_but_the_text() {
        let file = format!("[\n {ODD} ,\n {{\"conversations\": []}}\n]\n");
        let (_folder, path) = written(file.as_bytes());
        let index = open(&path);
        let texts = ["<image>\nWhat?".to_owned(), "猫 \"cat\"\n".to_owned()];
        let patch = index.with_texts(0, &texts).unwrap();
        let after = patch.apply(&path, index.hash()).unwrap();
        let expected = file.replace("\"a \\\"dog\\\"\"", "\"猫 \\\"cat\\\"\\n\"");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(open(&path).hash(), after);
        // Taken back, every byte is the old one.
        let before = patch.inverse().apply(&path, &after).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), before.as_str()), (file, index.hash()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_row_goes_with_what_divides_it() {
        let rows: &[(&str, usize, &str)] = &[
            ("[\n {\"a\":1},\n {\"b\":2},\n {\"c\":3}\n]\n", 0, "[\n {\"b\":2},\n {\"c\":3}\n]\n"),
            ("[\n {\"a\":1},\n {\"b\":2},\n {\"c\":3}\n]\n", 1, "[\n {\"a\":1},\n {\"c\":3}\n]\n"),
            ("[\n {\"a\":1},\n {\"b\":2},\n {\"c\":3}\n]\n", 2, "[\n {\"a\":1},\n {\"b\":2}\n]\n"),
            ("[{\"a\":1}]", 0, "[]"),
            ("{\"a\":1}\r\n{\"b\":2}\r\n", 0, "{\"b\":2}\r\n"),
            ("{\"a\":1}\n{\"b\":2}\n", 1, "{\"a\":1}\n"),
            ("{\"a\":1}\n{\"b\":2}", 1, "{\"a\":1}"),
            ("{\"a\":1}\nnot a row\n{\"c\":3}\n", 1, "{\"a\":1}\n{\"c\":3}\n"),
        ];
        for (text, row, expected) in rows {
            let (_folder, path) = written(text.as_bytes());
            let index = open(&path);
            let patch = index.without(*row).unwrap();
            let after = patch.apply(&path, index.hash()).unwrap();
            assert_eq!(&fs::read_to_string(&path).unwrap(), expected);
            patch.inverse().apply(&path, &after).unwrap();
            assert_eq!(&fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn places_across_chunks_are_filled_once() {
        let long = "x".repeat((1 << 20) - 40);
        let row =
            |text: &str| format!("{{\"conversations\":[{{\"from\":\"human\",\"value\":\"{text}\"}}]}}\n");
        for extra in [0, 1, 39, 40, 41, 80, 1 << 20] {
            let text = format!("{}{}{}", row(&long), row(&"y".repeat(extra)), row("z"));
            let (_folder, path) = written(text.as_bytes());
            let index = open(&path);
            let after = index.with_texts(1, &["w".to_owned()]).unwrap().apply(&path, index.hash()).unwrap();
            let expected = format!("{}{}{}", row(&long), row("w"), row("z"));
            assert_eq!((fs::read_to_string(&path).unwrap() == expected, extra), (true, extra));
            assert_eq!(open(&path).hash(), after);
        }
    }

    #[test]
    fn a_file_that_changed_is_left_alone() {
        let (folder, path) = written(b"{\"a\":1}\n{\"b\":2}\n");
        let index = open(&path);
        let patch = index.without(0).unwrap();
        let others = b"{\"a\":1}\n{\"b\":3}\n";
        fs::write(&path, others).unwrap();
        let error = patch.apply(&path, index.hash()).unwrap_err();
        assert!(matches!(error, EditError::Dataset(DatasetError::Changed { .. })), "{error}");
        assert_eq!(fs::read(&path).unwrap(), others);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn rows_that_cannot_be_corrected_say_why() {
        let bytes = b"{\"conversations\":[{\"from\":\"human\",\"value\":\"a\"}]}\n{\"id\":1}\n{\"id\":\"\xff\",\"conversations\":[]}\n";
        let (_folder, path) = written(bytes);
        let index = open(&path);
        let rows: &[(usize, &[&str], &str)] = &[
            (0, &["a", "b"], "row 1 has 1 questions and answers, but 2 were given"),
            (1, &[], "row 2: it has no `conversations`"),
            (2, &["a"], "not written in UTF-8"),
            (3, &["a"], "has 3 rows; there is no row 4"),
        ];
        for (row, texts, expected) in rows {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let error = index.with_texts(*row, &texts).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(index.without(3), Err(EditError::NoRow { row: 3, .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_rights_stay() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = written(b"{\"a\":1}\n{\"b\":2}\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let index = open(&link);
        index.without(1).unwrap().apply(&link, index.hash()).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"{\"a\":1}\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
