//! How is a GGUF file written, one tensor after the other, and checked?

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use super::{
    Entry, GgufError, GgufFile, Kind,
    header::{ALIGNMENT, MAGIC, VERSION, tag},
};
use crate::{InteropError, planned::Make};

/// A tensor to be written.
pub struct GgufTensor<'s> {
    /// Its name in the file.
    pub name: String,
    /// How its numbers are stored.
    pub kind: Kind,
    /// Its shape, row-major; the file has it the other way round.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub make: Make<'s>,
}

impl std::fmt::Debug for GgufTensor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GgufTensor({}, {:?}, {:?})", self.name, self.kind, self.shape)
    }
}

impl GgufTensor<'_> {
    fn bytes(&self, file: &Path) -> Result<u64, GgufError> {
        self.kind.bytes_of(&self.shape).ok_or_else(|| GgufError::Damaged {
            file: file.to_owned(),
            place: format!("tensor `{}`", self.name),
            what: format!("{:?} does not fit {}", self.shape, self.kind.name()),
        })
    }
}

/// Writes a whole file.
///
/// # Errors
/// If a source is damaged or the disk refuses.
pub fn write(
    file: &Path,
    entries: &[(String, Entry)],
    tensors: &[GgufTensor<'_>],
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    let mut header = Vec::from(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend((entries.len() as u64).to_le_bytes());
    for (key, entry) in entries {
        text(&mut header, key);
        value(&mut header, entry);
    }
    let mut offset = 0_u64;
    for tensor in tensors {
        text(&mut header, &tensor.name);
        header.extend((tensor.shape.len() as u32).to_le_bytes());
        for size in tensor.shape.iter().rev() {
            header.extend((*size as u64).to_le_bytes());
        }
        header.extend(tensor.kind.number().to_le_bytes());
        header.extend(offset.to_le_bytes());
        offset += tensor.bytes(file)?.next_multiple_of(ALIGNMENT);
    }
    pad(&mut header);
    let io = |source| GgufError::Io { action: "write", file: file.to_owned(), source };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file).map_err(io)?);
    out.write_all(&header).map_err(io)?;
    for tensor in tensors {
        let mut bytes = tensor.kind.pack(&(tensor.make)()?.values);
        progress(bytes.len() as u64);
        if bytes.len() as u64 != tensor.bytes(file)? {
            let what = format!("{} bytes came", bytes.len());
            let place = format!("tensor `{}`", tensor.name);
            return Err(GgufError::Damaged { file: file.to_owned(), place, what }.into());
        }
        pad(&mut bytes);
        out.write_all(&bytes).map_err(io)?;
    }
    out.flush().map_err(io)?;
    Ok(())
}

/// Reads a file back and compares every tensor; says how many there were.
///
/// # Errors
/// The first difference.
pub fn verify(
    file: &Path,
    tensors: &[GgufTensor<'_>],
    progress: &mut dyn FnMut(u64),
) -> Result<usize, InteropError> {
    let found = GgufFile::open(file)?;
    let different = |what: String| InteropError::Different { file: file.to_owned(), what };
    if found.names().count() != tensors.len() {
        return Err(different(format!("{} tensors instead of {}", found.names().count(), tensors.len())));
    }
    for tensor in tensors {
        let name = &tensor.name;
        let Some((kind, shape)) = found.get(name) else {
            return Err(different(format!("tensor `{name}` is missing")));
        };
        if (kind, shape) != (tensor.kind, tensor.shape.as_slice()) {
            let (want, want_kind) = (&tensor.shape, tensor.kind.name());
            return Err(different(format!(
                "tensor `{name}` is {} {shape:?} instead of {want_kind} {want:?}",
                kind.name()
            )));
        }
        let expected = tensor.kind.pack(&(tensor.make)()?.values);
        let read = found.read(name)?;
        if let Some(at) = read.iter().zip(&expected).position(|(a, b)| a != b) {
            return Err(different(format!("tensor `{name}` differs at byte {at}")));
        }
        progress(expected.len() as u64);
    }
    Ok(tensors.len())
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn value(out: &mut Vec<u8>, entry: &Entry) {
    let list = |out: &mut Vec<u8>, of: u32, length: usize| {
        out.extend(tag::ARRAY.to_le_bytes());
        out.extend(of.to_le_bytes());
        out.extend((length as u64).to_le_bytes());
    };
    match entry {
        Entry::Unsigned(number) => {
            out.extend(tag::U32.to_le_bytes());
            out.extend((*number as u32).to_le_bytes());
        }
        Entry::Signed(number) => {
            out.extend(tag::I32.to_le_bytes());
            out.extend((*number as i32).to_le_bytes());
        }
        Entry::Float(number) => {
            out.extend(tag::F32.to_le_bytes());
            out.extend((*number as f32).to_le_bytes());
        }
        Entry::Flag(flag) => {
            out.extend(tag::BOOL.to_le_bytes());
            out.push(u8::from(*flag));
        }
        Entry::Text(words) => {
            out.extend(tag::STRING.to_le_bytes());
            text(out, words);
        }
        Entry::Texts(texts) => {
            list(out, tag::STRING, texts.len());
            texts.iter().for_each(|words| text(out, words));
        }
        Entry::Numbers(numbers) => {
            list(out, tag::I32, numbers.len());
            numbers.iter().for_each(|number| out.extend((*number as i32).to_le_bytes()));
        }
        Entry::Floats(floats) => {
            list(out, tag::F32, floats.len());
            floats.iter().for_each(|float| out.extend(float.to_le_bytes()));
        }
    }
}
