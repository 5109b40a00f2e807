//! How do the tensors of an export get into files, and are they really there afterwards?
//!
//! One list says what each tensor is called, how it is stored and where its numbers come from. The same list writes
//! the files and checks them when they are read back.

use std::{collections::BTreeMap, path::Path};

use eyewright_model::weights::{Checkpoint, SafetensorsWriter, StoredDtype, TensorSpec};
use half::{bf16, f16};
use rayon::prelude::*;

use crate::{InteropError, source::Part, source::Rows, source::Source, source::Values, staging::Staging};

/// Makes the numbers of a tensor.
pub type Make<'s> = Box<dyn Fn() -> Result<Values, InteropError> + 's>;

/// A tensor to be written.
pub struct Planned<'s> {
    /// Its name in the file.
    pub name: String,
    /// How its numbers are stored.
    pub dtype: StoredDtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub make: Make<'s>,
}

impl std::fmt::Debug for Planned<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Planned({}, {}, {:?})", self.name, self.dtype, self.shape)
    }
}

impl<'s> Planned<'s> {
    /// A tensor of a part, or rows of it, under another name.
    pub fn of(
        source: &'s Source,
        (part, from): (Part, String),
        name: String,
        rows: Option<Vec<Rows>>,
        dtype: StoredDtype,
        mut shape: Vec<usize>,
    ) -> Self {
        if let (Some(rows), Some(first)) = (&rows, shape.first_mut()) {
            *first = rows.iter().map(Rows::len).sum();
        }
        let make: Make<'s> = Box::new(move || source.read_rows(part, &from, rows.as_deref(), true));
        Self { name, dtype, shape, make }
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        self.shape.iter().product::<usize>() as u64 * self.dtype.size_in_bytes() as u64
    }

    fn spec(&self) -> TensorSpec {
        TensorSpec { name: self.name.clone(), dtype: self.dtype, shape: self.shape.clone() }
    }

    fn encoded(&self) -> Result<Vec<u8>, InteropError> {
        Ok(encode(&(self.make)()?.values, self.dtype))
    }
}

/// Numbers in a type of floats, little-endian; the nearest even one where they do not fit.
pub fn encode(values: &[f32], dtype: StoredDtype) -> Vec<u8> {
    let pairs = |convert: fn(f32) -> [u8; 2]| -> Vec<u8> {
        values.par_iter().flat_map_iter(|value| convert(*value)).collect()
    };
    match dtype {
        StoredDtype::F16 => pairs(|value| f16::from_f32(value).to_le_bytes()),
        StoredDtype::BF16 => pairs(|value| bf16::from_f32(value).to_le_bytes()),
        StoredDtype::F64 => values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect(),
        _ => values.par_iter().flat_map_iter(|value| value.to_le_bytes()).collect(),
    }
}

/// Writes the tensors as `{stem}.safetensors`, or in shards of at most `shard` bytes with an index.
///
/// # Errors
/// If a source is damaged or the disk refuses.
pub fn write_shards(
    staging: &Staging,
    folder: &str,
    stem: &str,
    tensors: &[Planned<'_>],
    shard: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    let shards = split(tensors, shard);
    let count = shards.len();
    let mut map = serde_json::Map::new();
    for (index, shard) in shards.iter().enumerate() {
        let name = match count {
            1 => format!("{stem}.safetensors"),
            _ => format!("{stem}-{:05}-of-{count:05}.safetensors", index + 1),
        };
        write_file(&staging.place(&format!("{folder}{name}"))?, shard, progress)?;
        for tensor in *shard {
            map.insert(tensor.name.clone(), name.clone().into());
        }
    }
    if count > 1 {
        let total: u64 = tensors.iter().map(Planned::bytes).sum();
        let index = serde_json::json!({ "metadata": { "total_size": total }, "weight_map": map });
        staging.write_json(&format!("{folder}{stem}.safetensors.index.json"), &index)?;
    }
    Ok(())
}

fn split<'a, 's>(tensors: &'a [Planned<'s>], limit: u64) -> Vec<&'a [Planned<'s>]> {
    let (mut shards, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (index, tensor) in tensors.iter().enumerate() {
        if bytes > 0 && bytes + tensor.bytes() > limit {
            shards.extend(tensors.get(begin..index));
            (begin, bytes) = (index, 0);
        }
        bytes += tensor.bytes();
    }
    shards.extend(tensors.get(begin..));
    shards
}

/// Writes one safetensors file.
///
/// # Errors
/// As [`write_shards`].
pub fn write_file(
    file: &Path,
    tensors: &[Planned<'_>],
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    let specs: Vec<TensorSpec> = tensors.iter().map(Planned::spec).collect();
    // transformers refuses files that do not say which framework they are for.
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut writer = SafetensorsWriter::create(file, &specs, &metadata)?;
    for tensor in tensors {
        let bytes = tensor.encoded()?;
        writer.write(&tensor.name, &bytes)?;
        progress(bytes.len() as u64);
    }
    Ok(writer.finish()?)
}

/// Reads what was written and compares every tensor; says how many there were.
///
/// # Errors
/// The first difference.
pub fn verify(
    place: &Path,
    tensors: &[Planned<'_>],
    progress: &mut dyn FnMut(u64),
) -> Result<usize, InteropError> {
    let found = Checkpoint::open(place)?;
    let different = |what: String| InteropError::Different { file: place.to_owned(), what };
    if found.len() != tensors.len() {
        return Err(different(format!("{} tensors instead of {}", found.len(), tensors.len())));
    }
    for tensor in tensors {
        let read = found.read(&tensor.name)?;
        if read.shape != tensor.shape || read.dtype != tensor.dtype {
            let (name, shape, dtype) = (&tensor.name, &read.shape, read.dtype);
            let (want, want_dtype) = (&tensor.shape, tensor.dtype);
            return Err(different(format!(
                "tensor `{name}` is {dtype} {shape:?} instead of {want_dtype} {want:?}"
            )));
        }
        let expected = tensor.encoded()?;
        if let Some(at) = read.bytes.iter().zip(&expected).position(|(a, b)| a != b) {
            let element = at / tensor.dtype.size_in_bytes();
            return Err(different(format!("tensor `{}` differs at element {element}", tensor.name)));
        }
        progress(expected.len() as u64);
    }
    Ok(tensors.len())
}
