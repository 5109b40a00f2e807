//! What does a GGUF file hold? Nothing in it is trusted: every number is compared with the file before memory is taken.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    Entry, GgufError, Kind,
    header::{ALIGNMENT, MAGIC, tag},
};

const MAX_TENSORS: u64 = 50_000;
const MAX_ENTRIES: u64 = 10_000;
const MAX_NAME: u64 = 1024;
const MAX_TEXT: u64 = 16 << 20;
const MAX_LIST: u64 = 4_000_000;
const MAX_DIMENSIONS: u64 = 4;
const MAX_ALIGNMENT: u64 = 1 << 16;

/// An opened GGUF file whose first part holds together.
#[derive(Debug)]
pub struct GgufFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    tensors: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    kind: Kind,
    shape: Vec<usize>,
    offset: u64,
    length: u64,
}

impl GgufFile {
    /// Reads and checks everything but the tensors' numbers.
    ///
    /// # Errors
    /// If it is not GGUF, damaged, or made to harm.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let io = |source| GgufError::Io { action: "open", file: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut cursor = Cursor { file: BufReader::new(file), path, at: 0, length };
        let magic = cursor.array::<4>("the first bytes")?;
        if magic != MAGIC {
            return Err(GgufError::Magic { file: path.to_owned(), found: magic });
        }
        let version = cursor.u32("version")?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version { file: path.to_owned(), found: version });
        }
        let tensors = cursor.count("number of tensors", MAX_TENSORS)?;
        let entries = cursor.count("number of keys", MAX_ENTRIES)?;
        let mut found = BTreeMap::new();
        for index in 0..entries {
            let key = cursor.text(&format!("key {index}"), MAX_NAME)?;
            let kind = cursor.u32(&format!("key `{key}`"))?;
            let value = cursor.value(&key, kind)?;
            if found.insert(key.clone(), value).is_some() {
                return Err(cursor.damaged(format!("key `{key}`"), "it stands there twice"));
            }
        }
        let alignment = match found.get("general.alignment") {
            None => ALIGNMENT,
            Some(Entry::Unsigned(number)) if number.is_power_of_two() && *number <= MAX_ALIGNMENT => *number,
            Some(other) => {
                return Err(cursor.damaged("key `general.alignment`".into(), &format!("it is {other:?}")));
            }
        };
        let tensors = cursor.tensors(tensors, alignment)?;
        Ok(Self { path: path.to_owned(), entries: found, tensors })
    }

    /// A key's value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// How a tensor is stored, and its shape, row-major.
    pub fn get(&self, name: &str) -> Option<(Kind, &[usize])> {
        self.tensors.get(name).map(|place| (place.kind, place.shape.as_slice()))
    }

    /// The bytes of a tensor, none for a name that is not there.
    ///
    /// # Errors
    /// If the file has changed.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, GgufError> {
        let Some(place) = self.tensors.get(name) else { return Ok(Vec::new()) };
        let io = |source| GgufError::Io { action: "read", file: self.path.clone(), source };
        let mut file = File::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start(place.offset)).map_err(io)?;
        let mut bytes = vec![0; place.length as usize];
        file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }
}

struct Cursor<'p> {
    file: BufReader<File>,
    path: &'p Path,
    at: u64,
    length: u64,
}

impl Cursor<'_> {
    fn tensors(&mut self, count: u64, alignment: u64) -> Result<BTreeMap<String, Place>, GgufError> {
        let mut tensors = BTreeMap::new();
        for index in 0..count {
            let name = self.text(&format!("tensor {index}"), MAX_NAME)?;
            let place = format!("tensor `{name}`");
            let dimensions = self.u32(&place)?.into();
            if dimensions > MAX_DIMENSIONS {
                return Err(self.too_large(place, dimensions, MAX_DIMENSIONS));
            }
            let mut shape = Vec::new();
            for _ in 0..dimensions {
                let size = self.u64(&place)?;
                shape.push(
                    usize::try_from(size)
                        .map_err(|_| self.too_large(place.clone(), size, usize::MAX as u64))?,
                );
            }
            shape.reverse();
            let number = self.u32(&place)?;
            let offset = self.u64(&place)?;
            let Some(kind) = Kind::of(number) else {
                return Err(self.damaged(place, &format!("type {number} is not known")));
            };
            let Some(length) = kind.bytes_of(&shape) else {
                return Err(self.damaged(place, &format!("shape {shape:?} does not fit {}", kind.name())));
            };
            if !offset.is_multiple_of(alignment) {
                return Err(self.damaged(place, &format!("offset {offset} is no multiple of {alignment}")));
            }
            if tensors.insert(name, Place { kind, shape, offset, length }).is_some() {
                return Err(self.damaged(place, "it stands there twice"));
            }
        }
        let begin = self.at.next_multiple_of(alignment);
        for (name, tensor) in &mut tensors {
            let end = begin.checked_add(tensor.offset).and_then(|from| from.checked_add(tensor.length));
            let end = end.unwrap_or(u64::MAX);
            if end > self.length {
                let (file, place) = (self.path.to_owned(), format!("tensor `{name}`"));
                return Err(GgufError::CutShort { file, place, end, length: self.length });
            }
            tensor.offset += begin;
        }
        let mut order: Vec<_> = tensors.iter().map(|(name, t)| (t.offset, t.length, name)).collect();
        order.sort();
        for pair in order.windows(2) {
            if let [(from, length, _), (next, _, name)] = pair
                && from + length > *next
            {
                return Err(self.damaged(format!("tensor `{name}`"), "it begins inside another one"));
            }
        }
        Ok(tensors)
    }

    fn value(&mut self, key: &str, kind: u32) -> Result<Entry, GgufError> {
        let place = format!("key `{key}`");
        Ok(match kind {
            tag::U8 => Entry::Unsigned(u8::from_le_bytes(self.array(&place)?).into()),
            tag::U16 => Entry::Unsigned(u16::from_le_bytes(self.array(&place)?).into()),
            tag::U32 => Entry::Unsigned(self.u32(&place)?.into()),
            tag::U64 => Entry::Unsigned(self.u64(&place)?),
            tag::I8 => Entry::Signed(i8::from_le_bytes(self.array(&place)?).into()),
            tag::I16 => Entry::Signed(i16::from_le_bytes(self.array(&place)?).into()),
            tag::I32 => Entry::Signed(i32::from_le_bytes(self.array(&place)?).into()),
            tag::I64 => Entry::Signed(i64::from_le_bytes(self.array(&place)?)),
            tag::F32 => Entry::Float(f32::from_le_bytes(self.array(&place)?).into()),
            tag::F64 => Entry::Float(f64::from_le_bytes(self.array(&place)?)),
            tag::BOOL => Entry::Flag(self.array::<1>(&place)? != [0]),
            tag::STRING => Entry::Text(self.text(&place, MAX_TEXT)?),
            tag::ARRAY => self.list(key, &place)?,
            other => return Err(self.damaged(place, &format!("value type {other} is not known"))),
        })
    }

    fn list(&mut self, key: &str, place: &str) -> Result<Entry, GgufError> {
        let of = self.u32(place)?;
        let count = self.count(place, MAX_LIST)?;
        let smallest = match of {
            tag::U8 | tag::I8 | tag::BOOL => 1,
            tag::U16 | tag::I16 => 2,
            tag::U32 | tag::I32 | tag::F32 => 4,
            tag::U64 | tag::I64 | tag::F64 | tag::STRING => 8,
            other => return Err(self.damaged(place.to_owned(), &format!("a list of type {other}"))),
        };
        let end = self.at.saturating_add(count.saturating_mul(smallest));
        if end > self.length {
            return Err(self.cut_short(place, end));
        }
        let (mut texts, mut numbers, mut floats) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            match self.value(key, of)? {
                Entry::Text(text) => texts.push(text),
                Entry::Float(float) => floats.push(float as f32),
                Entry::Signed(number) => numbers.push(number),
                Entry::Unsigned(number) => numbers.push(number as i64),
                Entry::Flag(flag) => numbers.push(flag.into()),
                Entry::Texts(_) | Entry::Numbers(_) | Entry::Floats(_) => {}
            }
        }
        Ok(match of {
            tag::STRING => Entry::Texts(texts),
            tag::F32 | tag::F64 => Entry::Floats(floats),
            _ => Entry::Numbers(numbers),
        })
    }

    fn text(&mut self, place: &str, limit: u64) -> Result<String, GgufError> {
        let length = self.count(place, limit)?;
        let end = self.at.saturating_add(length);
        if end > self.length {
            return Err(self.cut_short(place, end));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, place)?;
        String::from_utf8(bytes).map_err(|_| self.damaged(place.to_owned(), "it is not UTF-8 text"))
    }

    fn count(&mut self, place: &str, limit: u64) -> Result<u64, GgufError> {
        let found = self.u64(place)?;
        if found > limit { Err(self.too_large(place.to_owned(), found, limit)) } else { Ok(found) }
    }

    fn u32(&mut self, place: &str) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array(place)?))
    }

    fn u64(&mut self, place: &str) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array(place)?))
    }

    fn array<const N: usize>(&mut self, place: &str) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, place)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8], place: &str) -> Result<(), GgufError> {
        let end = self.at + bytes.len() as u64;
        if end > self.length {
            return Err(self.cut_short(place, end));
        }
        let io = |source| GgufError::Io { action: "read", file: self.path.to_owned(), source };
        self.file.read_exact(bytes).map_err(io)?;
        self.at = end;
        Ok(())
    }

    fn cut_short(&self, place: &str, end: u64) -> GgufError {
        let (file, place) = (self.path.to_owned(), place.to_owned());
        GgufError::CutShort { file, place, end, length: self.length }
    }

    fn too_large(&self, place: String, found: u64, limit: u64) -> GgufError {
        GgufError::TooLarge { file: self.path.to_owned(), place, found, limit }
    }

    fn damaged(&self, place: String, what: &str) -> GgufError {
        GgufError::Damaged { file: self.path.to_owned(), place, what: what.to_owned() }
    }
}
