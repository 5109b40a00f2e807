//! What does an export leave behind that can be checked?

use std::path::Path;

use eyewright_model::weights::StoredDtype;

use crate::{InteropError, format::Format, gguf, gguf::GgufTensor, planned, planned::Planned};

/// Choices that several formats share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The type of numbers; each format's own choice if absent.
    pub dtype: Option<StoredDtype>,
    /// Largest file of tensors in bytes.
    pub shard: u64,
    /// PEFT: one adapter on the whole llava-hf model, with the projector in `modules_to_save`.
    pub with_projector: bool,
    /// LLaVA: leave adapters beside the language model instead of adding them to it.
    pub keep_adapters: bool,
    /// GGUF: how matrices of the language model are stored.
    pub quantisation: gguf::Quantisation,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dtype: None,
            shard: 2_000_000_000,
            with_projector: false,
            keep_adapters: false,
            quantisation: gguf::Quantisation::F16,
        }
    }
}

impl Settings {
    /// The same with numbers of a type that is one of [`Format::dtypes`].
    ///
    /// # Errors
    /// If the form has no such type.
    pub fn with_dtype(mut self, format: Format, name: &str) -> Result<Self, InteropError> {
        let unknown =
            || InteropError::Dtype { name: name.to_owned(), format: format.name(), known: format.dtypes() };
        match (format, name.to_lowercase().as_str()) {
            (Format::Gguf, name) => {
                self.quantisation = gguf::Quantisation::named(name).ok_or_else(unknown)?
            }
            (_, "f32" | "fp32") => self.dtype = Some(StoredDtype::F32),
            (_, "f16" | "fp16") => self.dtype = Some(StoredDtype::F16),
            (_, "bf16") => self.dtype = Some(StoredDtype::BF16),
            _ => return Err(unknown()),
        }
        Ok(self)
    }
}

/// One file, or one set of shards, and what should be in it.
#[derive(Debug)]
pub struct TensorFile<'s> {
    /// Its name in the export, or the folder whose shards it is.
    pub name: String,
    /// What should be in it.
    pub tensors: Tensors<'s>,
}

/// What should be in a file.
#[derive(Debug)]
pub enum Tensors<'s> {
    /// In safetensors or a torch file.
    Plain(Vec<Planned<'s>>),
    /// In GGUF.
    Gguf(Vec<GgufTensor<'s>>),
}

/// Everything that an export wrote.
#[derive(Debug, Default)]
pub struct Written<'s> {
    /// Files with tensors.
    pub files: Vec<TensorFile<'s>>,
}

impl<'s> Written<'s> {
    /// Notes a safetensors or torch file, or a folder of shards.
    pub fn push(&mut self, name: &str, tensors: Vec<Planned<'s>>) {
        self.files.push(TensorFile { name: name.to_owned(), tensors: Tensors::Plain(tensors) });
    }

    /// Notes a GGUF file.
    pub fn push_gguf(&mut self, name: &str, tensors: Vec<GgufTensor<'s>>) {
        self.files.push(TensorFile { name: name.to_owned(), tensors: Tensors::Gguf(tensors) });
    }

    /// Reads everything back below `folder` and compares; says how many tensors there were in each file.
    ///
    /// # Errors
    /// The first difference.
    pub fn verify(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<(String, usize)>, InteropError> {
        let check = |file: &TensorFile<'s>, progress: &mut dyn FnMut(u64)| {
            let place = folder.join(&file.name);
            let count = match &file.tensors {
                Tensors::Plain(tensors) => planned::verify(&place, tensors, progress)?,
                Tensors::Gguf(tensors) => gguf::verify(&place, tensors, progress)?,
            };
            let name = if file.name.is_empty() { "model".to_owned() } else { file.name.clone() };
            Ok((name, count))
        };
        self.files.iter().map(|file| check(file, progress)).collect()
    }
}
