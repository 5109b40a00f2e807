//! What a checkpoint's files are made of: named writers, and tensors as safetensors.
//!
//! Tensors are fetched one at a time while the file is written, so that no second copy of a model is ever in memory,
//! and the file's hash is known when its last byte is written.

use std::io::{self, Write};

use eyewright_model::weights::{StoredDtype, TensorSpec};

use super::error::CheckpointError;
use super::manifest::{FileRecord, check_file_name};

/// Writes the content of a file.
pub type Writer<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a>;
/// Fetches the bytes of a tensor, contiguous, row-major, little-endian.
pub type Fetch<'a> = Box<dyn FnMut(&TensorSpec) -> io::Result<Vec<u8>> + 'a>;

/// One file of a checkpoint that is about to be written.
pub struct Content<'a> {
    pub(super) name: String,
    /// How long it will be, as far as it is known.
    pub(super) expected: u64,
    pub(super) write: Writer<'a>,
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({}, {} bytes)", self.name, self.expected)
    }
}

impl<'a> Content<'a> {
    /// A file with these bytes.
    ///
    /// # Errors
    /// A name that cannot be a file of a checkpoint.
    pub fn bytes(name: &str, bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        let expected = bytes.len() as u64;
        Self::writer(name, expected, Box::new(move |file| file.write_all(&bytes)))
    }

    /// A file that is written piece by piece. `expected` is compared with the room on the disk beforehand.
    ///
    /// # Errors
    /// A name that cannot be a file of a checkpoint.
    pub fn writer(name: &str, expected: u64, write: Writer<'a>) -> Result<Self, CheckpointError> {
        check_file_name(name)?;
        Ok(Self { name: name.to_owned(), expected, write })
    }

    /// A safetensors file. Tensors are fetched in the order in which they lie in the file.
    ///
    /// # Errors
    /// A file name that cannot be, repeated tensor names, or shapes whose size does not fit.
    pub fn tensors(
        name: &str,
        specs: Vec<TensorSpec>,
        mut fetch: Fetch<'a>,
    ) -> Result<Self, CheckpointError> {
        let (header, specs, length) = lay_out(specs)?;
        let write: Writer<'a> = Box::new(move |file| {
            file.write_all(&header)?;
            for (spec, expected) in &specs {
                let bytes = fetch(spec)?;
                if bytes.len() as u64 != *expected {
                    let text = format!(
                        "tensor `{}` has {} bytes, {expected} were announced",
                        spec.name,
                        bytes.len()
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                file.write_all(&bytes)?;
            }
            Ok(())
        });
        Self::writer(name, length, write)
    }

    /// A safetensors file of tensors that are in memory already.
    ///
    /// # Errors
    /// As [`Content::tensors`].
    pub fn rows(name: &str, rows: Vec<(TensorSpec, Vec<u8>)>) -> Result<Self, CheckpointError> {
        let specs = rows.iter().map(|(spec, _)| spec.clone()).collect();
        let mut bytes: std::collections::BTreeMap<_, _> =
            rows.into_iter().map(|(spec, bytes)| (spec.name, bytes)).collect();
        Self::tensors(name, specs, Box::new(move |spec| Ok(bytes.remove(&spec.name).unwrap_or_default())))
    }
}

type Layout = (Vec<u8>, Vec<(TensorSpec, u64)>, u64);

/// The header with its length in front, the tensors in the order of their bytes, and the length of the file.
///
/// Wide elements come first, then by name, as the reference writer orders them: every tensor is then aligned.
fn lay_out(mut specs: Vec<TensorSpec>) -> Result<Layout, CheckpointError> {
    let refused = |name: &str, reason| CheckpointError::Tensor { name: name.to_owned(), reason };
    specs.sort_by(|a, b| (b.dtype.size_in_bytes(), &a.name).cmp(&(a.dtype.size_in_bytes(), &b.name)));
    let mut header = serde_json::Map::new();
    let (mut placed, mut offset) = (Vec::new(), 0_u64);
    for spec in specs {
        let length = bytes_of(spec.dtype, &spec.shape);
        let end = length.and_then(|length| offset.checked_add(length)).filter(|&end| end <= i64::MAX as u64);
        let (Some(length), Some(end)) = (length, end) else {
            return Err(refused(&spec.name, "its size does not fit a file"));
        };
        let entry = serde_json::json!({
            "dtype": spec.dtype.name(), "shape": spec.shape, "data_offsets": [offset, end],
        });
        if spec.name == "__metadata__" || header.insert(spec.name.clone(), entry).is_some() {
            return Err(refused(&spec.name, "another tensor has this name"));
        }
        offset = end;
        placed.push((spec, length));
    }
    let mut json = serde_json::Value::Object(header).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json);
    let length = offset.saturating_add(bytes.len() as u64);
    Ok((bytes, placed, length))
}

fn bytes_of(dtype: StoredDtype, shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(dtype.size_in_bytes() as u64, |product, &size| product.checked_mul(size as u64))
}

/// Passes everything on and keeps count and hash of what the file took.
pub(super) struct Hashing<'a> {
    file: &'a mut dyn Write,
    hasher: blake3::Hasher,
    length: u64,
}

impl<'a> Hashing<'a> {
    pub(super) fn new(file: &'a mut dyn Write) -> Self {
        Self { file, hasher: blake3::Hasher::new(), length: 0 }
    }

    pub(super) fn finish(self) -> FileRecord {
        FileRecord { length: self.length, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..taken).unwrap_or(bytes));
        self.length += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
