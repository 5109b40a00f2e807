//! GGUF, the form llama.cpp and the programs built on it read.
//!
//! Format: ggml's `docs/gguf.md`, version 3. One file for the language model, one (`mmproj`) for tower and projector.

mod blocks;
mod error;
mod header;
mod k_blocks;
mod llm;
mod mmproj;
mod read;
mod vocab;
mod write;

pub use blocks::{Kind, Quantisation};
pub use error::GgufError;
pub use header::Entry;
pub use read::GgufFile;
pub use write::{GgufTensor, verify, write as write_file};

use crate::{
    InteropError,
    source::Source,
    staging::Staging,
    written::{Settings, Written},
};

/// Writes both files and a Modelfile that names them.
///
/// # Errors
/// If the model does not fit the form, a source is damaged, or the disk refuses.
pub fn write<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    name: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<Written<'s>, InteropError> {
    let mut written = Written::default();
    let model = format!("{name}-{}.gguf", settings.quantisation.name().to_uppercase());
    let (entries, tensors) = llm::plan(source, settings.quantisation, name)?;
    write_file(&staging.place(&model)?, &entries, &tensors, progress)?;
    written.push_gguf(&model, tensors);
    let mut modelfile = format!("FROM ./{model}\n");
    if source.files.eye.is_some() {
        let kind = if settings.quantisation == Quantisation::F32 { Kind::F32 } else { Kind::F16 };
        let mmproj = format!("mmproj-{name}-{}.gguf", kind.name().to_uppercase());
        let (entries, tensors) = mmproj::plan(source, kind, name)?;
        write_file(&staging.place(&mmproj)?, &entries, &tensors, progress)?;
        written.push_gguf(&mmproj, tensors);
        modelfile.push_str(&format!("FROM ./{mmproj}\n"));
    }
    modelfile.push_str(&vocab::modelfile(&source.template));
    staging.write("Modelfile", modelfile.as_bytes())?;
    Ok(written)
}
