//! Every tensor of one checkpoint, whatever files and formats it is spread over.
//!
//! It hands out names, shapes and bytes. It does not know which of them a network wants.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::dtype::StoredDtype;
use super::error::WeightsError;
use super::folder::{Format, find_weights};
use super::open_file::OpenFile;
use super::problem::IndexProblem;
use super::safetensors::SafetensorsFile;
use super::shard_index::ShardIndex;
use super::torch::TorchFile;

/// The tensors of a folder or file, by name. Headers are read and checked; tensors are not read yet.
///
/// Files stay open, so a file that is replaced while a model loads cannot mix two checkpoints.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<WeightsFile>,
    tensors: BTreeMap<String, Listed>,
    bytes: u64,
}

/// One tensor without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The type of its elements in the file.
    pub dtype: StoredDtype,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
    /// The file it lies in.
    pub file: PathBuf,
}

/// One tensor with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorBytes {
    /// The type of its elements.
    pub dtype: StoredDtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements: contiguous, row-major, little-endian.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Listed {
    info: TensorInfo,
    file: usize,
}

#[derive(Debug)]
enum WeightsFile {
    Safetensors(SafetensorsFile),
    Torch(TorchFile),
}

impl Checkpoint {
    /// Opens a folder as Hugging Face, PEFT, LLaVA or DeepSpeed write it, or one file: `.safetensors`,
    /// `.bin`, `.pth`, `.pt`, `.ckpt` or an `.index.json`.
    ///
    /// Of several candidates in a folder safetensors wins over pickles. A torch file may hold the tensors by
    /// themselves or under `state_dict`, `module` or `model`; keys stay as they are.
    ///
    /// # Errors
    /// No weights, a damaged file, a pickle that is more than data, or an index that disagrees with its shards.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let file = if path.is_dir() { find_weights(path)? } else { path.to_owned() };
        let (files, shard_of) = match Format::of(&file) {
            Some(Format::Index) => {
                let index = ShardIndex::read(&OpenFile::open(&file)?)?;
                let files = open_shards(&file, &index)?;
                (files, Some(index.shard_of))
            }
            Some(_) => (vec![WeightsFile::open(&file)?], None),
            None => return Err(WeightsFile::unknown(&file)),
        };
        let mut tensors = BTreeMap::new();
        let mut bytes = 0_u64;
        for (number, opened) in files.iter().enumerate() {
            for (name, info) in opened.tensors() {
                // Sizes were checked one by one; only a hostile file could reach the limit of their sum.
                bytes = bytes.saturating_add(info.dtype.bytes_of(&info.shape).unwrap_or(u64::MAX));
                tensors.insert(name, Listed { info, file: number });
            }
        }
        debug_assert!(shard_of.is_none_or(|index| index.len() == tensors.len()));
        Ok(Self { path: path.to_owned(), files, tensors, bytes })
    }

    /// The path this was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// What is known about a tensor without reading it.
    pub fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|listed| &listed.info)
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is no tensor at all.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Bytes of all tensors together, as [`read`](Self::read) would return them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Python globals, such as `mmengine.logging.history_buffer.HistoryBuffer`, that the torch files refer to
    /// beside the tensors. They were left unread and nothing was run; a careful caller may still want to say so.
    pub fn inert_globals(&self) -> impl Iterator<Item = &str> {
        self.files
            .iter()
            .flat_map(|file| match file {
                WeightsFile::Safetensors(_) => [].iter(),
                WeightsFile::Torch(file) => file.inert_globals.iter(),
            })
            .map(String::as_str)
    }

    /// Reads one tensor. Torch files are checked against their CRC-32 here.
    ///
    /// # Errors
    /// An unknown name, a file that has changed or is damaged, or no memory.
    pub fn read(&self, name: &str) -> Result<TensorBytes, WeightsError> {
        let listed = self.tensors.get(name);
        let bytes = match listed.and_then(|listed| self.files.get(listed.file)) {
            Some(WeightsFile::Safetensors(file)) => file.read(name),
            Some(WeightsFile::Torch(file)) => file.read(name),
            None => None,
        };
        let (Some(listed), Some(bytes)) = (listed, bytes) else {
            return Err(WeightsError::NoSuchTensor { checkpoint: self.path.clone(), name: name.to_owned() });
        };
        Ok(TensorBytes { dtype: listed.info.dtype, shape: listed.info.shape.clone(), bytes: bytes? })
    }
}

impl WeightsFile {
    fn open(path: &Path) -> Result<Self, WeightsError> {
        match Format::of(path) {
            Some(Format::Safetensors) => SafetensorsFile::open(OpenFile::open(path)?).map(Self::Safetensors),
            Some(Format::Torch) => TorchFile::open(OpenFile::open(path)?).map(Self::Torch),
            Some(Format::Index) | None => Err(Self::unknown(path)),
        }
    }

    /// A path that does not exist is told apart from one whose ending says nothing.
    fn unknown(path: &Path) -> WeightsError {
        match OpenFile::open(path) {
            Ok(_) => WeightsError::UnknownFormat { file: path.to_owned() },
            Err(error) => error,
        }
    }

    fn tensors(&self) -> Vec<(String, TensorInfo)> {
        let info = |dtype, shape: &[usize], path: &Path| TensorInfo {
            dtype,
            shape: shape.to_owned(),
            file: path.to_owned(),
        };
        match self {
            Self::Safetensors(file) => {
                let row = |(name, t): (&String, &super::safetensors::StoredTensor)| {
                    (name.clone(), info(t.dtype, &t.shape, file.path()))
                };
                file.tensors.iter().map(row).collect()
            }
            Self::Torch(file) => {
                let row = |(name, t): (&String, &super::torch::StoredView)| {
                    (name.clone(), info(t.dtype, &t.shape, file.path()))
                };
                file.tensors.iter().map(row).collect()
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Safetensors(file) => file.tensors.contains_key(name),
            Self::Torch(file) => file.tensors.contains_key(name),
        }
    }
}

/// Opens the shards of an index and compares both sides. All disagreements are reported at once, because
/// a download of many gigabytes should have to be repeated only once.
fn open_shards(index_file: &Path, index: &ShardIndex) -> Result<Vec<WeightsFile>, WeightsError> {
    let mut files = BTreeMap::new();
    let mut missing_shards = Vec::new();
    for shard in index.shards() {
        let path = index_file.with_file_name(shard);
        if path.exists() {
            files.insert(shard, WeightsFile::open(&path)?);
        } else {
            missing_shards.push(shard.to_owned());
        }
    }
    let is_missing = |(tensor, shard): &(&String, &String)| {
        !files.get(shard.as_str()).is_some_and(|file| file.has(tensor))
    };
    let missing_tensors: Vec<String> =
        index.shard_of.iter().filter(is_missing).map(|(tensor, _)| tensor.clone()).collect();
    let (mut unlisted_tensors, mut repeated_tensors) = (Vec::new(), Vec::new());
    for (&shard, file) in &files {
        for (tensor, _) in file.tensors() {
            match index.shard_of.get(&tensor) {
                None => unlisted_tensors.push(tensor),
                Some(listed) if listed != shard => repeated_tensors.push(tensor),
                Some(_) => {}
            }
        }
    }
    let lists = [&missing_shards, &missing_tensors, &unlisted_tensors, &repeated_tensors];
    if lists.iter().all(|list| list.is_empty()) {
        return Ok(files.into_values().collect());
    }
    let problem =
        IndexProblem::Disagrees { missing_shards, missing_tensors, unlisted_tensors, repeated_tensors };
    Err(WeightsError::Index { file: index_file.to_owned(), problem })
}
