//! Writes a safetensors file so that it is either whole under its name, or not there.
//!
//! Staged beside the target, flushed to the disk, then renamed. Tensors may come in any order, one at a time:
//! their places follow from the names, dtypes and shapes that are announced first.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::dtype::StoredDtype;
use super::error::WeightsError;
use super::problem::WriteProblem;
use super::safetensors::{MAX_DIMENSIONS, MAX_HEADER_BYTES, MAX_NAME_BYTES, MAX_TENSORS, METADATA_KEY};

/// What is announced about a tensor before its bytes come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in the file.
    pub name: String,
    /// The type of its elements.
    pub dtype: StoredDtype,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
}

/// A safetensors file in the making. Dropped before [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct SafetensorsWriter {
    file: File,
    staged: PathBuf,
    target: PathBuf,
    places: BTreeMap<String, Place>,
    finished: bool,
}

#[derive(Debug)]
struct Place {
    offset: u64,
    length: u64,
    written: bool,
}

impl SafetensorsWriter {
    /// Begins the file: lays the tensors out and writes the header to a staged file beside `target`.
    ///
    /// # Errors
    /// Repeated or over-long names, shapes that do not fit, too many tensors, or a folder that cannot be written.
    pub fn create(
        target: &Path,
        specs: &[TensorSpec],
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self, WeightsError> {
        let (header, places) = lay_out(target, specs, metadata)?;
        let (file, staged) = create_staged(target)?;
        let writer = Self { file, staged, target: target.to_owned(), places, finished: false };
        writer.write_at(&header, 0)?;
        Ok(writer)
    }

    /// Writes the bytes of one announced tensor: contiguous, row-major, little-endian.
    ///
    /// # Errors
    /// A name that was not announced or came already, a wrong number of bytes, or a full disk.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), WeightsError> {
        let problem = match self.places.get(name) {
            None => WriteProblem::Unannounced,
            Some(place) if place.written => WriteProblem::Duplicate,
            Some(place) if place.length != bytes.len() as u64 => {
                WriteProblem::Size { found: bytes.len() as u64, expected: place.length }
            }
            Some(place) => {
                self.write_at(bytes, place.offset)?;
                if let Some(place) = self.places.get_mut(name) {
                    place.written = true;
                }
                return Ok(());
            }
        };
        Err(WeightsError::Write { file: self.target.clone(), tensor: name.to_owned(), problem })
    }

    /// Flushes the file to the disk and gives it its name, replacing a file that had it.
    ///
    /// # Errors
    /// A tensor that never came, or a disk or folder that refuses.
    pub fn finish(mut self) -> Result<(), WeightsError> {
        if let Some((name, _)) = self.places.iter().find(|(_, place)| !place.written) {
            let (file, tensor) = (self.target.clone(), name.clone());
            return Err(WeightsError::Write { file, tensor, problem: WriteProblem::Absent });
        }
        let io = |action, file: &Path| {
            let file = file.to_owned();
            move |source| WeightsError::Io { action, file, source }
        };
        self.file.sync_all().map_err(io("flush", &self.staged))?;
        std::fs::rename(&self.staged, &self.target)
            .map_err(io("rename the finished file to", &self.target))?;
        self.finished = true;
        // A rename survives a power cut only once the folder is flushed too; Windows has no such call.
        #[cfg(unix)]
        {
            let folder = folder_of(&self.target);
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("flush", folder))?;
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), WeightsError> {
        write_all_at(&self.file, bytes, offset).map_err(|source| WeightsError::Io {
            action: "write",
            file: self.target.clone(),
            source,
        })
    }
}

impl Drop for SafetensorsWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing better can be done with a failure here; the name ends in `.partial` and is never read.
            let _ = std::fs::remove_file(&self.staged);
        }
    }
}

/// Writes tensors that are in memory already as one safetensors file.
///
/// # Errors
/// As [`SafetensorsWriter`].
pub fn write_safetensors<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (&'a str, StoredDtype, &'a [usize], &'a [u8])>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), WeightsError> {
    let mut specs = Vec::new();
    let mut payloads = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        specs.push(TensorSpec { name: name.to_owned(), dtype, shape: shape.to_owned() });
        payloads.push(bytes);
    }
    let mut writer = SafetensorsWriter::create(path, &specs, metadata)?;
    for (spec, bytes) in specs.iter().zip(payloads) {
        writer.write(&spec.name, bytes)?;
    }
    writer.finish()
}

/// The header with its length in front, and where each tensor goes in the file.
fn lay_out(
    target: &Path,
    specs: &[TensorSpec],
    metadata: &BTreeMap<String, String>,
) -> Result<(Vec<u8>, BTreeMap<String, Place>), WeightsError> {
    let refused = |name: &str, problem| WeightsError::Write {
        file: target.to_owned(),
        tensor: name.to_owned(),
        problem,
    };
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert(METADATA_KEY.to_owned(), serde_json::json!(metadata));
    }
    // Wide elements first, as the reference writer does: every tensor then lies at a multiple of its element size.
    let mut ordered: Vec<&TensorSpec> = specs.iter().collect();
    ordered.sort_by_key(|spec| (std::cmp::Reverse(spec.dtype.size_in_bytes()), &spec.name));
    let mut places = BTreeMap::new();
    let mut offset = 0_u64;
    for spec in ordered {
        if spec.name == METADATA_KEY || spec.name.len() > MAX_NAME_BYTES {
            return Err(refused(&spec.name, WriteProblem::Name { limit: MAX_NAME_BYTES }));
        }
        let end = spec.dtype.bytes_of(&spec.shape).and_then(|length| offset.checked_add(length));
        let end = end.filter(|&end| spec.shape.len() <= MAX_DIMENSIONS && end <= i64::MAX as u64);
        let Some(end) = end else {
            return Err(refused(&spec.name, WriteProblem::Shape { shape: spec.shape.clone() }));
        };
        let entry = serde_json::json!({
            "dtype": spec.dtype.name(), "shape": spec.shape, "data_offsets": [offset, end],
        });
        header.insert(spec.name.clone(), entry);
        let place = Place { offset, length: end - offset, written: false };
        if places.insert(spec.name.clone(), place).is_some() {
            return Err(refused(&spec.name, WriteProblem::Duplicate));
        }
        offset = end;
    }
    let mut json = serde_json::Value::Object(header).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let length = json.len() as u64;
    if length > MAX_HEADER_BYTES || specs.len() > MAX_TENSORS {
        return Err(refused(METADATA_KEY, WriteProblem::Header { bytes: length, tensors: specs.len() }));
    }
    for place in places.values_mut() {
        place.offset += 8 + length;
    }
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(json);
    Ok((bytes, places))
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file beside the target, under a name that no other writer has.
fn create_staged(target: &Path) -> Result<(File, PathBuf), WeightsError> {
    let refused = |source| WeightsError::Io { action: "write", file: target.to_owned(), source };
    let name = target.file_name().ok_or_else(|| refused(io::ErrorKind::InvalidInput.into()))?;
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..100_u32 {
        let mut staged_name = std::ffi::OsString::from(".");
        staged_name.push(name);
        staged_name.push(format!(".{}-{attempt}.partial", std::process::id()));
        let staged = folder_of(target).join(staged_name);
        match OpenOptions::new().write(true).create_new(true).open(&staged) {
            Ok(file) => return Ok((file, staged)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(refused(error)),
        }
    }
    Err(refused(last))
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.split_at(count).1;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
