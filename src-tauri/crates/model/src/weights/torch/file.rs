//! What a torch file holds: its state dict checked against its storages, one tensor at a time read by position.
//!
//! A storage that is missing, short or damaged is an error. It is never filled up with zeros.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::dtype::StoredDtype;
use super::super::error::{WeightsError, quoted};
use super::super::open_file::OpenFile;
use super::super::problem::{TensorProblem, ZipProblem};
use super::super::safetensors::MAX_NAME_BYTES;
use super::pickle::{Value, unpickle};
use super::rebuild::TensorRecord;
use super::state_dict::{self, Refusal, StateDict};
use super::zip::{ZipEntry, read_directory};

/// Longest pickle; it holds names and shapes, and the logs of a training run at most.
const MAX_PICKLE_BYTES: u64 = 64 * 1024 * 1024;
const PICKLE_NAME: &str = "data.pkl";

/// One opened torch file whose directory, pickle and storages hold together.
#[derive(Debug)]
pub(in super::super) struct TorchFile {
    file: OpenFile,
    storages: BTreeMap<String, CheckedEntry>,
    pub(in super::super) tensors: BTreeMap<String, StoredView>,
    pub(in super::super) inert_globals: Vec<String>,
}

/// One tensor: a strided view of a zip entry that is long enough for it.
#[derive(Debug)]
pub(in super::super) struct StoredView {
    pub(in super::super) dtype: StoredDtype,
    pub(in super::super) shape: Vec<usize>,
    /// In elements, as many as `shape` has.
    strides: Vec<u64>,
    /// First element in the storage.
    first: u64,
    /// Elements from the first to the last one, both included.
    span: u64,
    storage: String,
}

/// A zip entry, and whether its checksum was found right.
#[derive(Debug)]
struct CheckedEntry {
    entry: ZipEntry,
    is_checked: AtomicBool,
}

impl TorchFile {
    pub(in super::super) fn open(file: OpenFile) -> Result<Self, WeightsError> {
        let first = file.first_bytes(4)?;
        match first.as_slice() {
            [b'P', b'K', 3, 4] => {}
            [0x80, 2..=5, ..] => return Err(WeightsError::LegacyTorch { file: file.path().to_owned() }),
            _ => return Err(WeightsError::NotTorch { file: file.path().to_owned(), found: first }),
        }
        let entries = read_directory(&file)?;
        let folder = find_pickle(&file, &entries)?;
        check_byte_order(&file, &entries, &folder)?;
        let pickle_bytes = read_entry(&file, &entries, &format!("{folder}/{PICKLE_NAME}"), MAX_PICKLE_BYTES)?;
        let in_pickle = |at, problem| WeightsError::Pickle { file: file.path().to_owned(), at, problem };
        let pickle = unpickle(&pickle_bytes).map_err(|(at, problem)| in_pickle(at, problem))?;
        let StateDict { tensors: records, inert_globals } =
            state_dict::find(&pickle).map_err(|refusal| match refusal {
                Refusal::Pickle(at, problem) => in_pickle(at, problem),
                Refusal::Content(problem) => {
                    WeightsError::StateDict { file: file.path().to_owned(), problem }
                }
            })?;
        let (mut tensors, mut storages) = (BTreeMap::new(), BTreeMap::new());
        for (name, record) in records {
            let view = check_view(&file, &entries, &folder, &pickle.values, record, name.len());
            let (view, entry) = view.map_err(|problem| WeightsError::Tensor {
                file: file.path().to_owned(),
                tensor: name.clone(),
                problem,
            })?;
            storages
                .entry(view.storage.clone())
                .or_insert_with(|| CheckedEntry { entry, is_checked: AtomicBool::new(false) });
            tensors.insert(name, view);
        }
        Ok(Self { file, storages, tensors, inert_globals })
    }

    pub(in super::super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads one tensor, row-major whatever its strides; `None` for a name that is not here.
    pub(in super::super) fn read(&self, name: &str) -> Option<Result<Vec<u8>, WeightsError>> {
        let view = self.tensors.get(name)?;
        let storage = self.storages.get(&view.storage)?;
        Some(self.read_view(name, view, storage))
    }

    fn read_view(
        &self,
        name: &str,
        view: &StoredView,
        storage: &CheckedEntry,
    ) -> Result<Vec<u8>, WeightsError> {
        let size = view.dtype.size_in_bytes() as u64;
        let place = || format!("tensor {}", quoted(name));
        // No overflow: `check_view` has found the span inside the storage.
        let (begin, length) = (view.first * size, view.span * size);
        let entry = storage.entry;
        let is_checked = storage.is_checked.load(Ordering::Relaxed);
        let is_whole = begin == 0 && length == entry.length;
        if !is_checked && !is_whole {
            let found = stream_checksum(&self.file, entry, place)?;
            self.compare_checksum(view, storage, found)?;
        }
        let bytes = self.file.read(entry.offset + begin, length, place)?;
        if !is_checked && is_whole {
            self.compare_checksum(view, storage, crc32fast::hash(&bytes))?;
        }
        if view.is_contiguous() {
            return Ok(bytes);
        }
        let total = view.dtype.bytes_of(&view.shape).unwrap_or(u64::MAX);
        let no_memory =
            || WeightsError::NoMemory { file: self.path().to_owned(), place: place(), bytes: total };
        let mut gathered = Vec::new();
        let capacity = usize::try_from(total).map_err(|_| no_memory())?;
        gathered.try_reserve_exact(capacity).map_err(|_| no_memory())?;
        gather(&bytes, view, &mut gathered);
        Ok(gathered)
    }

    fn compare_checksum(
        &self,
        view: &StoredView,
        storage: &CheckedEntry,
        found: u32,
    ) -> Result<(), WeightsError> {
        check_checksum(&self.file, &view.storage, storage.entry, found)?;
        storage.is_checked.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl StoredView {
    fn is_contiguous(&self) -> bool {
        // Without elements any strides do, and the sizes may be too large to multiply.
        if self.span == 0 {
            return true;
        }
        let mut expected = 1;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            // The stride of a dimension with one step is never taken.
            if size > 1 && stride != expected {
                return false;
            }
            expected *= (size as u64).max(1);
        }
        true
    }
}

/// Copies the elements of a view in row-major order out of the bytes it spans.
fn gather(bytes: &[u8], view: &StoredView, gathered: &mut Vec<u8>) {
    let size = view.dtype.size_in_bytes();
    let mut index = vec![0_usize; view.shape.len()];
    let mut element = 0_u64;
    loop {
        let begin = element as usize * size;
        gathered.extend_from_slice(bytes.get(begin..begin + size).unwrap_or_default());
        // Counts the index up like an odometer, the last dimension first.
        let mut dimension = view.shape.len();
        loop {
            let Some(next) = dimension.checked_sub(1) else { return };
            dimension = next;
            let (size, stride) = (view.shape[dimension], view.strides[dimension]);
            index[dimension] += 1;
            if index[dimension] < size {
                element += stride;
                break;
            }
            element -= stride * (size as u64 - 1);
            index[dimension] = 0;
        }
    }
}

/// The one folder of the zip that holds `data.pkl`; torch names it after the file.
fn find_pickle(file: &OpenFile, entries: &BTreeMap<String, ZipEntry>) -> Result<String, WeightsError> {
    let mut folders = entries.keys().filter_map(|name| name.strip_suffix(PICKLE_NAME)?.strip_suffix('/'));
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder.to_owned()),
        (first, _) => {
            let problem = if first.is_some() { ZipProblem::Duplicate } else { ZipProblem::Missing };
            Err(WeightsError::Zip { file: file.path().to_owned(), place: PICKLE_NAME.to_owned(), problem })
        }
    }
}

/// Files from before torch 2.1 do not say; they were little-endian wherever the field used them.
fn check_byte_order(
    file: &OpenFile,
    entries: &BTreeMap<String, ZipEntry>,
    folder: &str,
) -> Result<(), WeightsError> {
    const LONGEST: u64 = 16;
    let name = format!("{folder}/byteorder");
    if !entries.contains_key(&name) {
        return Ok(());
    }
    let order = read_entry(file, entries, &name, LONGEST)?;
    if order == b"little" {
        return Ok(());
    }
    let problem = ZipProblem::ByteOrder { found: String::from_utf8_lossy(&order).into_owned() };
    Err(WeightsError::Zip { file: file.path().to_owned(), place: name, problem })
}

/// Reads a whole small entry and checks its checksum.
fn read_entry(
    file: &OpenFile,
    entries: &BTreeMap<String, ZipEntry>,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, WeightsError> {
    let place = || format!("zip entry {}", quoted(name));
    let damaged = |problem| WeightsError::Zip { file: file.path().to_owned(), place: place(), problem };
    let entry = *entries.get(name).ok_or_else(|| damaged(ZipProblem::Missing))?;
    if entry.length > limit {
        return Err(damaged(ZipProblem::TooLong { found: entry.length, limit }));
    }
    let bytes = file.read(entry.offset, entry.length, place)?;
    check_checksum(file, name, entry, crc32fast::hash(&bytes))?;
    Ok(bytes)
}

fn check_checksum(file: &OpenFile, name: &str, entry: ZipEntry, found: u32) -> Result<(), WeightsError> {
    if found == entry.checksum {
        return Ok(());
    }
    let problem = ZipProblem::Checksum { found, expected: entry.checksum };
    let place = format!("zip entry {}", quoted(name));
    Err(WeightsError::Zip { file: file.path().to_owned(), place, problem })
}

/// CRC-32 of an entry, read piece by piece: a slice of a large storage needs no memory for the whole.
fn stream_checksum(
    file: &OpenFile,
    entry: ZipEntry,
    place: impl Fn() -> String,
) -> Result<u32, WeightsError> {
    const PIECE: u64 = 1024 * 1024;
    let mut hasher = crc32fast::Hasher::new();
    let mut piece = vec![0; PIECE.min(entry.length) as usize];
    let mut done = 0;
    while done < entry.length {
        let length = PIECE.min(entry.length - done) as usize;
        let Some(part) = piece.get_mut(..length) else { break };
        file.fill(entry.offset + done, part, &place)?;
        hasher.update(part);
        done += length as u64;
    }
    Ok(hasher.finalize())
}

/// Checks that a tensor lies wholly inside its storage, and the storage in the file.
fn check_view(
    file: &OpenFile,
    entries: &BTreeMap<String, ZipEntry>,
    folder: &str,
    values: &[Value<'_>],
    record: &TensorRecord,
    name_length: usize,
) -> Result<(StoredView, ZipEntry), TensorProblem> {
    if name_length > MAX_NAME_BYTES {
        return Err(TensorProblem::NameTooLong { found: name_length, limit: MAX_NAME_BYTES });
    }
    let Some(Value::Storage(storage)) = values.get(record.storage) else {
        return Err(TensorProblem::Dtype);
    };
    let dtype = record.dtype.or(storage.dtype).ok_or(TensorProblem::Dtype)?;
    let entry_name = format!("{folder}/data/{}", storage.key);
    let Some(&entry) = entries.get(&entry_name) else {
        return Err(TensorProblem::StorageMissing { entry: entry_name });
    };
    let claimed = storage.dtype.map_or(1, StoredDtype::size_in_bytes) as u64;
    if storage.elements.checked_mul(claimed) != Some(entry.length) {
        let (storage, elements) = (storage.key.to_owned(), storage.elements);
        return Err(TensorProblem::StorageSize { storage, found: entry.length, elements, dtype });
    }
    let elements = entry.length / dtype.size_in_bytes() as u64;
    let overflow =
        || TensorProblem::Overflow { shape: record.shape.clone(), strides: record.strides.clone() };
    let bytes = dtype.bytes_of(&record.shape).ok_or_else(overflow)?;
    let span = if bytes == 0 { Some(0) } else { span(&record.shape, &record.strides) };
    let span = span.ok_or_else(overflow)?;
    let end = record.first.checked_add(span).ok_or_else(overflow)?;
    if end > elements {
        return Err(TensorProblem::OutOfBounds { end, elements });
    }
    // Strides of zero make much out of little; memory must stay in proportion to the file.
    if bytes > file.length() {
        return Err(TensorProblem::Unfolds { bytes, length: file.length() });
    }
    let (shape, strides) = (record.shape.clone(), record.strides.clone());
    Ok((StoredView { dtype, shape, strides, first: record.first, span, storage: entry_name }, entry))
}

/// Elements from the first to the last one of a view that has at least one.
fn span(shape: &[usize], strides: &[u64]) -> Option<u64> {
    shape.iter().zip(strides).try_fold(1_u64, |span, (&size, &stride)| {
        span.checked_add((size as u64).checked_sub(1)?.checked_mul(stride)?)
    })
}
