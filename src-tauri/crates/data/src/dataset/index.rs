//! Where does each row of a data set lie in its file?
//!
//! The file is read once from start to end; what stays in memory is 12 bytes per row. Rows are parsed only when
//! they are asked for, so that one broken row does not hide the others.

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use super::{DatasetError, RowProblem};

/// How rows stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON array of objects.
    Json,
    /// One JSON object per line.
    JsonLines,
}

/// The places of all rows of one file, which stays open.
#[derive(Debug)]
pub struct DatasetIndex {
    path: PathBuf,
    file: File,
    form: Form,
    spans: Vec<Span>,
    length: u64,
    hash: String,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    offset: u64,
    length: u32,
}

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;
/// A row is text; one of this size is no row.
const LONGEST_ROW: u64 = 64 << 20;

impl DatasetIndex {
    /// Reads through a file. `progress` is told bytes read and bytes in all.
    ///
    /// # Errors
    /// A folder, a file that cannot be read or that holds no rows, or an array that is broken.
    pub fn open(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Self, DatasetError> {
        let refused = |source| DatasetError::Read { file: path.to_owned(), source };
        // Systems differ in what they say of opening one.
        if path.is_dir() {
            return Err(DatasetError::Folder { file: path.to_owned() });
        }
        let mut file = File::open(path).map_err(refused)?;
        let total = file.metadata().map_err(refused)?.len();
        let mut scanner = Scanner::default();
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk).map_err(refused)?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            scanner.feed(bytes).map_err(|fault| fault.of(path, &scanner))?;
            progress(scanner.offset, total);
        }
        scanner.end().map_err(|fault| fault.of(path, &scanner))?;
        if scanner.spans.is_empty() {
            return Err(DatasetError::Empty { file: path.to_owned() });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            form: if scanner.array { Form::Json } else { Form::JsonLines },
            length: scanner.offset,
            spans: scanner.spans,
            hash: hasher.finalize().to_hex().to_string(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How rows stand in it.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Never so: a file without rows does not open.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// BLAKE3 of the file in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The JSON text of a row, counted from 0.
    ///
    /// # Errors
    /// The file has changed or cannot be read any more; there is no such row.
    pub fn text(&self, row: usize) -> Result<String, DatasetError> {
        let span = self.span(row).ok_or_else(|| DatasetError::Changed { file: self.path.clone() })?;
        let bytes = self.bytes(span)?;
        // Broken letters are a fault of this row alone; its parser will say so.
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
    }

    /// Where a row stands in the file.
    pub(super) fn span(&self, row: usize) -> Option<Range<u64>> {
        self.spans.get(row).map(|span| span.offset..span.offset + u64::from(span.length))
    }

    /// What stands at a place of the file.
    pub(super) fn bytes(&self, place: Range<u64>) -> Result<Vec<u8>, DatasetError> {
        let refused = |source| DatasetError::Read { file: self.path.clone(), source };
        if self.file.metadata().map_err(refused)?.len() < self.length {
            return Err(DatasetError::Changed { file: self.path.clone() });
        }
        let mut bytes = vec![0; usize::try_from(place.end - place.start).unwrap_or(0)];
        read_exact_at(&self.file, &mut bytes, place.start).map_err(refused)?;
        Ok(bytes)
    }

    /// A row in its parts; the inner error is the row's own fault.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn record(&self, row: usize) -> Result<Result<super::Record, RowProblem>, DatasetError> {
        Ok(super::Record::parse(&self.text(row)?))
    }
}

/// What is known in the middle of a file.
#[derive(Debug, Default)]
struct Scanner {
    spans: Vec<Span>,
    /// Bytes seen before the current one.
    offset: u64,
    started: bool,
    array: bool,
    closed: bool,
    /// Where the current row began.
    row: Option<u64>,
    depth: u32,
    in_text: bool,
    escaped: bool,
    /// Bytes of a byte order mark that may still come.
    mark: usize,
}

#[derive(Debug)]
enum Fault {
    NotRows(u8),
    Broken(&'static str),
    TooMany,
}

impl Fault {
    fn of(&self, path: &Path, at: &Scanner) -> DatasetError {
        let file = path.to_owned();
        match self {
            Self::NotRows(byte) => DatasetError::NotRows { file, found: name_of(*byte) },
            Self::Broken(problem) => {
                DatasetError::Broken { file, row: at.spans.len() + 1, offset: at.offset, problem }
            }
            Self::TooMany => DatasetError::TooManyRows { file, limit: u32::MAX },
        }
    }
}

fn name_of(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("`{}`", char::from(byte)) } else { format!("the byte {byte:#04x}") }
}

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl Scanner {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let start = self.offset;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            // Most of a file is text between quotes, or a line of JSONL: those are skipped at once.
            let skip = match (self.started, self.array) {
                (true, true) if self.in_text && !self.escaped => memchr::memchr2(b'"', b'\\', rest),
                (true, false) if self.row.is_some() => memchr::memchr(b'\n', rest),
                _ => Some(0),
            };
            let Some(skip) = skip else { break };
            at += skip;
            self.offset = start + at as u64;
            if let Some(byte) = bytes.get(at) {
                self.byte(*byte)?;
            }
            at += 1;
        }
        self.offset = start + bytes.len() as u64;
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Fault> {
        if !self.started {
            return self.first(byte);
        }
        if self.array { self.in_array(byte) } else { self.in_lines(byte) }
    }

    fn first(&mut self, byte: u8) -> Result<(), Fault> {
        if BYTE_ORDER_MARK.get(self.mark) == Some(&byte) && self.offset == self.mark as u64 {
            self.mark += 1;
            return Ok(());
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => Ok(()),
            b'[' => {
                (self.started, self.array) = (true, true);
                Ok(())
            }
            b'{' => {
                self.started = true;
                self.row = Some(self.offset);
                Ok(())
            }
            other => Err(Fault::NotRows(other)),
        }
    }

    fn in_lines(&mut self, byte: u8) -> Result<(), Fault> {
        match (byte, self.row) {
            (b'\n', Some(start)) => self.close(start, self.offset),
            (b' ' | b'\t' | b'\r' | b'\n', None) => Ok(()),
            (_, None) => {
                self.row = Some(self.offset);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn in_array(&mut self, byte: u8) -> Result<(), Fault> {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return Ok(());
        }
        match (self.row, byte) {
            (_, b' ' | b'\t' | b'\r' | b'\n') => Ok(()),
            (Some(_), b'"') => {
                self.in_text = true;
                Ok(())
            }
            (Some(_), b'{' | b'[') => {
                self.depth = self.depth.checked_add(1).ok_or(Fault::Broken("it is nested too deeply"))?;
                Ok(())
            }
            (Some(start), b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 { self.close(start, self.offset + 1) } else { Ok(()) }
            }
            (Some(_), _) => Ok(()),
            (None, _) if self.closed => Err(Fault::Broken("something follows the end of the array")),
            (None, b'{') => {
                (self.row, self.depth) = (Some(self.offset), 1);
                Ok(())
            }
            (None, b',') => Ok(()),
            (None, b']') => {
                self.closed = true;
                Ok(())
            }
            (None, _) => Err(Fault::Broken("a row must be an object, `{…}`")),
        }
    }

    fn close(&mut self, start: u64, end: u64) -> Result<(), Fault> {
        let length = end - start;
        if length > LONGEST_ROW {
            return Err(Fault::Broken("it has more than 64 MiB, which no conversation has"));
        }
        if self.spans.len() >= u32::MAX as usize {
            return Err(Fault::TooMany);
        }
        self.spans.push(Span { offset: start, length: length as u32 });
        self.row = None;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        match (self.row, self.array) {
            (Some(start), false) => self.close(start, self.offset),
            (Some(_), true) => Err(Fault::Broken("the file ends in the middle of this row; copy it again")),
            (None, true) if !self.closed => {
                Err(Fault::Broken("the file ends before its array is closed with `]`; copy it again"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes = bytes.split_at_mut(count).1;
                offset += count as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<DatasetIndex, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.json");
        std::fs::write(&file, text).unwrap();
        DatasetIndex::open(&file, &mut |_, _| {})
    }

    #[test]
    fn rows_are_found_in_both_forms() {
        let rows: &[(&str, Form, &[&str])] = &[
            ("[]", Form::Json, &[]),
            (r#"[{"a": 1}, {"b": [{}]}]"#, Form::Json, &[r#"{"a": 1}"#, r#"{"b": [{}]}"#]),
            ("\u{feff} [\n {\"a\": \"}]\\\"{\"},\n{}\n] \n", Form::Json, &["{\"a\": \"}]\\\"{\"}", "{}"]),
            (
                "{\"a\": 1}\n\n  {\"b\": \"\\n\"}\nrubbish",
                Form::JsonLines,
                &["{\"a\": 1}", "{\"b\": \"\\n\"}", "rubbish"],
            ),
            (
                "{\"a\": \"ends in a backslash \\\\\"}\n{}\n",
                Form::JsonLines,
                &["{\"a\": \"ends in a backslash \\\\\"}", "{}"],
            ),
            (r#"[{"a": "\\"}, {"b": 2}]"#, Form::Json, &[r#"{"a": "\\"}"#, r#"{"b": 2}"#]),
        ];
        for (text, form, expected) in rows {
            if expected.is_empty() {
                assert!(matches!(open(text), Err(DatasetError::Empty { .. })));
                continue;
            }
            let index = open(text).unwrap();
            let found: Vec<_> = (0..index.len()).map(|row| index.text(row).unwrap()).collect();
            assert_eq!(
                (&found[..], index.form()),
                (&expected.iter().map(|&x| x.to_owned()).collect::<Vec<_>>()[..], *form)
            );
        }
    }

    #[test]
    fn a_folder_is_no_file_of_rows() {
        let folder = tempfile::tempdir().unwrap();
        let error = DatasetIndex::open(folder.path(), &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("is a folder"), "{error}");
    }

    #[test]
    fn chunks_may_end_anywhere() {
        let text = "[{\"a\": \"x\\\\\\\"]}\"},\n {\"b\": [1, {\"c\": \"}\"}]}, {}]".as_bytes();
        let mut whole = Scanner::default();
        whole.feed(text).unwrap();
        for cut in 0..text.len() {
            let mut parts = Scanner::default();
            parts.feed(&text[..cut]).unwrap();
            parts.feed(&text[cut..]).unwrap();
            parts.end().unwrap();
            let spans =
                |scanner: &Scanner| scanner.spans.iter().map(|s| (s.offset, s.length)).collect::<Vec<_>>();
            assert_eq!(spans(&parts), spans(&whole), "cut at {cut}");
        }
    }

    #[test]
    fn broken_files_are_refused_with_the_place() {
        let rows = [
            ("", "has no rows"),
            ("hello", "begins with `h`"),
            ("[{\"a\": 1}, {\"b\": ", "row 2 (byte 17)"),
            ("[{\"a\": 1}, 7]", "row 2 (byte 11): a row must be an object"),
            ("[{\"a\": 1}] x", "something follows"),
            ("[{\"a\": 1}", "ends before its array is closed"),
        ];
        for (text, expected) in rows {
            let error = open(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
