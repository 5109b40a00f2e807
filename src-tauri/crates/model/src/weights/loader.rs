//! How do a checkpoint's tensors reach a network, all of them and each once?
//!
//! A network is built twice by the same code: first against the list of names, with placeholders, so that
//! everything wrong is reported in one error before a byte is read; then for real, one tensor at a time.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};

use super::{
    Checkpoint, KeyMap, StoredDtype, TensorBytes, WeightsError,
    load_error::{LoadError, Misfit},
};
use crate::{
    quant::{Nf4Parts, Nf4Weight, Precision},
    trainable::Trainable,
};

/// Hands tensors to the constructors of networks.
pub struct Loader<'a> {
    source: Source<'a>,
    keys: KeyMap,
    device: Device,
    dtype: DType,
    precision: Precision,
    progress: &'a mut dyn FnMut(u64),
    taken: BTreeSet<String>,
    ignored: BTreeSet<String>,
    ignored_below: Vec<String>,
    misfits: BTreeMap<String, Misfit>,
    fault: Option<WeightsError>,
}

enum Source<'a> {
    /// Compare with the list of tensors; placeholders come out.
    Listed(&'a Checkpoint),
    /// Read the tensors.
    Stored(&'a Checkpoint),
    /// Make numbers up: norms 1, biases 0, the rest normal with this deviation.
    Random(f64),
}

/// Builds a network from `checkpoint`, strictly: every expected tensor present once, in the right shape, and
/// nothing left over except what the network declared as ignored.
///
/// `build` runs twice, see the module's first lines. `progress` is told the bytes of each tensor read.
///
/// # Errors
/// One error with all that is missing, unexpected or misshapen; or a file that is damaged.
pub fn load<T>(
    checkpoint: &Checkpoint,
    device: &Device,
    dtype: DType,
    progress: &mut dyn FnMut(u64),
    mut build: impl FnMut(&mut Loader<'_>) -> T,
) -> Result<T, LoadError> {
    let mut check = Loader::over(Source::Listed(checkpoint), &Device::flex(), DType::F32, progress);
    build(&mut check);
    check.compare(checkpoint)?;
    let mut read = Loader::over(Source::Stored(checkpoint), device, dtype, progress);
    let network = build(&mut read);
    match read.fault {
        Some(fault) => Err(LoadError::Read(fault)),
        None => Ok(network),
    }
}

/// Builds a network with random weights, for benchmarks and tests: norms 1, biases 0, the rest normal.
pub fn random<T>(
    device: &Device,
    dtype: DType,
    deviation: f64,
    build: impl FnOnce(&mut Loader<'_>) -> T,
) -> T {
    build(&mut Loader::over(Source::Random(deviation), device, dtype, &mut |_| {}))
}

impl<'a> Loader<'a> {
    fn over(source: Source<'a>, device: &Device, dtype: DType, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self {
            source,
            keys: KeyMap::CANONICAL,
            device: device.clone(),
            dtype,
            precision: Precision::Dense,
            progress,
            taken: BTreeSet::new(),
            ignored: BTreeSet::new(),
            ignored_below: Vec::new(),
            misfits: BTreeMap::new(),
            fault: None,
        }
    }

    /// The spelling of the names that follow, until the next call.
    pub fn spelt(&mut self, keys: KeyMap) -> &mut Self {
        self.keys = keys;
        self
    }

    /// How the linear maps that follow are stored, until the next call.
    pub fn stored_in(&mut self, precision: Precision) -> &mut Self {
        self.precision = precision;
        self
    }

    /// How linear maps are stored at the moment.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The dtype tensors are made in.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the tensors are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The tensor with this canonical name and shape, in the loader's dtype.
    pub fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.reshaped(name, shape, shape)
    }

    /// As [`Self::tensor`], as a weight that training may later change.
    pub(crate) fn weight<const D: usize>(
        &mut self,
        name: impl Into<String>,
        shape: [usize; D],
    ) -> Trainable<D> {
        let name = name.into();
        let tensor = self.tensor(&name, shape);
        Trainable::frozen(name, tensor)
    }

    /// As [`Self::tensor`], for one that the file keeps in another shape of as many elements.
    pub fn reshaped<const F: usize, const D: usize>(
        &mut self,
        name: &str,
        in_file: [usize; F],
        shape: [usize; D],
    ) -> Tensor<D> {
        match self.source {
            Source::Listed(checkpoint) => {
                self.list(checkpoint, name, &in_file);
                Tensor::zeros([1; D], (&self.device, DType::F32))
            }
            Source::Stored(checkpoint) => self.read(checkpoint, name, shape),
            Source::Random(deviation) => self.invent(name, shape, deviation),
        }
    }

    /// The weight with this name in 4 bits, quantised on the host from the file's numbers.
    pub(crate) fn nf4(&mut self, name: &str, shape: [usize; 2]) -> Nf4Weight {
        match self.source {
            Source::Listed(checkpoint) => {
                self.list(checkpoint, name, &shape);
                Nf4Parts::quantise(&[0.0], self.precision).on([1, 1], &self.device)
            }
            Source::Stored(checkpoint) => {
                let (values, shape) = match self.stored(checkpoint, name) {
                    Some(tensor) => (read_as_f32(&tensor.bytes, tensor.dtype), shape),
                    None => (vec![0.0], [1, 1]),
                };
                Nf4Parts::quantise(&values, self.precision).on(shape, &self.device)
            }
            Source::Random(deviation) => {
                Nf4Weight::random(name, shape, deviation, self.precision, &self.device)
            }
        }
    }

    /// A tensor that may stand in the file and is not needed.
    pub fn ignore(&mut self, name: &str) {
        self.ignored.insert(self.keys.in_file(name));
    }

    /// Tensors whose canonical names start so may stand in the file and are not needed.
    pub fn ignore_below(&mut self, prefix: &str) {
        self.ignored_below.push(self.keys.in_file(prefix));
    }

    fn list(&mut self, checkpoint: &Checkpoint, name: &str, shape: &[usize]) {
        let name = self.keys.in_file(name);
        match checkpoint.get(&name) {
            None => {
                self.misfits.insert(name, Misfit::Missing { expected: shape.to_vec() });
            }
            Some(info) => {
                if info.shape != shape {
                    let misfit = Misfit::Shape { expected: shape.to_vec(), found: info.shape.clone() };
                    self.misfits.insert(name.clone(), misfit);
                } else if !is_float(info.dtype) {
                    self.misfits.insert(name.clone(), Misfit::Dtype { found: info.dtype });
                }
                self.taken.insert(name);
            }
        }
    }

    fn compare(mut self, checkpoint: &Checkpoint) -> Result<(), LoadError> {
        for name in checkpoint.names() {
            let known = self.taken.contains(name)
                || self.ignored.contains(name)
                || is_buffer(name)
                || self.ignored_below.iter().any(|prefix| name.starts_with(prefix.as_str()));
            if !known {
                self.misfits.insert(name.to_owned(), Misfit::Unexpected);
            }
        }
        if self.misfits.is_empty() {
            return Ok(());
        }
        Err(LoadError::Misfit { checkpoint: checkpoint.path().to_owned(), misfits: self.misfits })
    }

    fn read<const D: usize>(&mut self, checkpoint: &Checkpoint, name: &str, shape: [usize; D]) -> Tensor<D> {
        match self.stored(checkpoint, name) {
            Some(tensor) => tensor_from(tensor, shape, self.dtype, &self.device),
            None => Tensor::zeros([1; D], (&Device::flex(), DType::F32)), // a placeholder, the fault is kept
        }
    }

    /// The bytes of a tensor; `None` once a read has failed.
    fn stored(&mut self, checkpoint: &Checkpoint, name: &str) -> Option<TensorBytes> {
        if self.fault.is_some() {
            return None;
        }
        match checkpoint.read(&self.keys.in_file(name)) {
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
            Ok(tensor) => {
                (self.progress)(tensor.bytes.len() as u64);
                Some(tensor)
            }
        }
    }

    fn invent<const D: usize>(&self, name: &str, shape: [usize; D], deviation: f64) -> Tensor<D> {
        let options = (&self.device, self.dtype);
        if name.ends_with(".bias") {
            Tensor::zeros(shape, options)
        } else if name.ends_with("norm.weight") || name.contains("norm1.") || name.contains("norm2.") {
            Tensor::ones(shape, options)
        } else {
            Tensor::random(shape, Distribution::Normal(0.0, deviation), options)
        }
    }
}

/// Puts a stored tensor on a device. Its bytes are given up before the device copies its own.
pub fn tensor_from<const D: usize>(
    tensor: TensorBytes,
    shape: [usize; D],
    dtype: DType,
    device: &Device,
) -> Tensor<D> {
    let data = TensorData::from_bytes_vec(converted(tensor, dtype), shape, dtype);
    Tensor::from_data(data, (device, dtype))
}

impl TensorBytes {
    /// Its elements in another type of floats; as they are where the types agree or one is not a float.
    pub fn in_dtype(self, dtype: StoredDtype) -> Vec<u8> {
        let to = match dtype {
            StoredDtype::F64 => DType::F64,
            StoredDtype::F32 => DType::F32,
            StoredDtype::F16 => DType::F16,
            StoredDtype::BF16 => DType::BF16,
            _ => return self.bytes,
        };
        if is_float(self.dtype) { converted(self, to) } else { self.bytes }
    }
}

fn is_float(dtype: StoredDtype) -> bool {
    matches!(dtype, StoredDtype::F64 | StoredDtype::F32 | StoredDtype::F16 | StoredDtype::BF16)
}

/// Tables that old files carry and every program computes for itself.
fn is_buffer(name: &str) -> bool {
    name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attention.bias_mask")
}

/// The tensor's bytes in `dtype`; those of the file where it already is.
fn converted(tensor: TensorBytes, dtype: DType) -> Vec<u8> {
    let stored = match tensor.dtype {
        StoredDtype::F64 => DType::F64,
        StoredDtype::F16 => DType::F16,
        StoredDtype::BF16 => DType::BF16,
        _ => DType::F32,
    };
    if stored == dtype {
        return tensor.bytes;
    }
    let elements = tensor.bytes.len() / tensor.dtype.size_in_bytes();
    let mut out = Vec::with_capacity(elements * dtype.size());
    // Chunks, so that the f32 in between never takes the size of the whole tensor.
    for chunk in tensor.bytes.chunks(tensor.dtype.size_in_bytes() << 16) {
        write_as(&read_as_f32(chunk, tensor.dtype), dtype, &mut out);
    }
    out
}

fn read_as_f32(bytes: &[u8], dtype: StoredDtype) -> Vec<f32> {
    match dtype {
        StoredDtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        StoredDtype::F16 => {
            bytes.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()
        }
        StoredDtype::BF16 => {
            bytes.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()
        }
        _ => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    }
}

fn write_as(values: &[f32], dtype: DType, out: &mut Vec<u8>) {
    match dtype {
        DType::F16 => out.extend(values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes())),
        DType::BF16 => out.extend(values.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())),
        DType::F64 => out.extend(values.iter().flat_map(|v| f64::from(*v).to_le_bytes())),
        _ => out.extend(values.iter().flat_map(|v| v.to_le_bytes())),
    }
}
