//! What a safetensors file holds: its header read and checked, one tensor at a time read by position.
//!
//! Format: <https://github.com/huggingface/safetensors#format>. Eight bytes of header length, a JSON header,
//! then the tensors without holes. The whole header is checked before a tensor is read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::dtype::StoredDtype;
use super::error::{WeightsError, quoted};
use super::open_file::OpenFile;
use super::problem::SafetensorsProblem;

/// Longest header that is read. 50,000 tensors with long names stay below it.
pub(super) const MAX_HEADER_BYTES: u64 = 10 * 1024 * 1024;
/// Most tensors in one file; the largest models of the field have some thousands.
pub(super) const MAX_TENSORS: usize = 50_000;
/// Most dimensions of one tensor.
pub(super) const MAX_DIMENSIONS: usize = 8;
/// Longest tensor name, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 1024;
/// The one key of the header that is not a tensor.
pub(super) const METADATA_KEY: &str = "__metadata__";

/// One opened safetensors file whose header holds together.
#[derive(Debug)]
pub(super) struct SafetensorsFile {
    file: OpenFile,
    pub(super) tensors: BTreeMap<String, StoredTensor>,
}

/// Where one tensor lies.
#[derive(Debug)]
pub(super) struct StoredTensor {
    pub(super) dtype: StoredDtype,
    pub(super) shape: Vec<usize>,
    offset: u64,
    length: u64,
}

impl SafetensorsFile {
    pub(super) fn open(file: OpenFile) -> Result<Self, WeightsError> {
        let length_bytes = file.read(0, 8, || "header length".to_owned())?;
        let header_length =
            length_bytes.iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        let damaged = |place: String, problem| WeightsError::Safetensors {
            file: file.path().to_owned(),
            place,
            problem,
        };
        if header_length > MAX_HEADER_BYTES {
            let problem = SafetensorsProblem::HeaderTooLong { found: header_length, limit: MAX_HEADER_BYTES };
            return Err(damaged("header".to_owned(), problem));
        }
        let header = file.read(8, header_length, || "header".to_owned())?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|error| damaged("header".to_owned(), SafetensorsProblem::Json(error)))?;
        if header.tensors.len() > MAX_TENSORS {
            let problem =
                SafetensorsProblem::TooManyTensors { found: header.tensors.len(), limit: MAX_TENSORS };
            return Err(damaged("header".to_owned(), problem));
        }
        let data_begin = 8 + header_length;
        let mut tensors = BTreeMap::new();
        for (name, raw) in header.tensors {
            let place = || format!("tensor {}", quoted(&name));
            let tensor = raw.check(name.len(), data_begin).map_err(|problem| damaged(place(), problem))?;
            let place = place();
            if tensors.insert(name, tensor).is_some() {
                return Err(damaged(place, SafetensorsProblem::Duplicate));
            }
        }
        check_layout(&file, &tensors, data_begin)?;
        Ok(Self { file, tensors })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads one tensor's bytes; `None` for a name that is not here.
    pub(super) fn read(&self, name: &str) -> Option<Result<Vec<u8>, WeightsError>> {
        let tensor = self.tensors.get(name)?;
        Some(self.file.read(tensor.offset, tensor.length, || format!("tensor {}", quoted(name))))
    }
}

/// Every byte after the header belongs to exactly one tensor.
fn check_layout(
    file: &OpenFile,
    tensors: &BTreeMap<String, StoredTensor>,
    data_begin: u64,
) -> Result<(), WeightsError> {
    let mut by_offset: Vec<_> = tensors.iter().collect();
    by_offset.sort_by_key(|(_, tensor)| (tensor.offset, tensor.length));
    let damaged = |place, problem| WeightsError::Safetensors { file: file.path().to_owned(), place, problem };
    let mut end = data_begin;
    for (name, tensor) in by_offset {
        let place = format!("tensor {}", quoted(name));
        if tensor.offset != end {
            let (found, expected) = (tensor.offset - data_begin, end - data_begin);
            return Err(damaged(place, SafetensorsProblem::NotContiguous { found, expected }));
        }
        // No overflow: `check` has added the two already.
        end = tensor.offset + tensor.length;
        if end > file.length() {
            let file_length = file.length();
            return Err(WeightsError::CutShort {
                file: file.path().to_owned(),
                place,
                end,
                length: file_length,
            });
        }
    }
    if end != file.length() {
        let extra = file.length() - end;
        return Err(damaged("data".to_owned(), SafetensorsProblem::TrailingBytes { extra }));
    }
    Ok(())
}

/// The header as written, in file order and with repeated keys, so that those can be reported.
struct Header {
    tensors: Vec<(String, RawTensor)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl RawTensor {
    fn check(self, name_length: usize, data_begin: u64) -> Result<StoredTensor, SafetensorsProblem> {
        if name_length > MAX_NAME_BYTES {
            return Err(SafetensorsProblem::NameTooLong { found: name_length, limit: MAX_NAME_BYTES });
        }
        let Some(dtype) = StoredDtype::from_safetensors(&self.dtype) else {
            return Err(SafetensorsProblem::Dtype { found: self.dtype });
        };
        if self.shape.len() > MAX_DIMENSIONS {
            let found = self.shape.len();
            return Err(SafetensorsProblem::TooManyDimensions { found, limit: MAX_DIMENSIONS });
        }
        let shape: Option<Vec<usize>> = self.shape.iter().map(|&size| usize::try_from(size).ok()).collect();
        let sized = shape.and_then(|shape| dtype.bytes_of(&shape).map(|expected| (shape, expected)));
        let Some((shape, expected)) = sized else {
            return Err(SafetensorsProblem::ShapeOverflow { shape: self.shape });
        };
        let (begin, end) = self.data_offsets;
        let offset = data_begin.checked_add(begin).filter(|_| end.checked_sub(begin) == Some(expected));
        match offset {
            Some(offset) if offset.checked_add(expected).is_some() => {
                Ok(StoredTensor { dtype, shape, offset, length: expected })
            }
            _ => Err(SafetensorsProblem::Size { shape, dtype, expected, begin, end }),
        }
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA_KEY {
                        map.next_value::<BTreeMap<String, String>>()?;
                    } else {
                        tensors.push((name, map.next_value()?));
                    }
                }
                Ok(Header { tensors })
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}
