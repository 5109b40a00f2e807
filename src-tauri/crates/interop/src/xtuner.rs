//! What does `xtuner convert pth_to_hf` write?
//!
//! `projector/`, `llm_adapter/` and `visual_encoder_adapter/` where there are adapters; a part that was trained in
//! full is written whole: the language model at the top, the tower in `visual_encoder/`.

use eyewright_model::{projector::ProjectorConfig, weights::StoredDtype};
use serde_json::json;

use crate::{
    InteropError,
    adapters::{self, Base},
    llama_form::torch_name,
    planned::{Planned, write_file, write_shards},
    source::{Part, Source},
    staging::Staging,
    written::{Settings, Written},
};

/// Writes the folder.
///
/// # Errors
/// If a source is damaged or the disk refuses.
pub(crate) fn write<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    progress: &mut dyn FnMut(u64),
) -> Result<Written<'s>, InteropError> {
    let eye = source.eye("XTuner's form")?;
    let mut written = Written::default();
    let config = &eye.projector.config;
    let dtype = settings.dtype.unwrap_or(StoredDtype::F32);
    let projector = whole(source, Part::Projector, Some(dtype));
    staging.write_json("projector/config.json", &projector_config(config, dtype))?;
    staging
        .write("projector/configuration_projector.py", include_bytes!("python/configuration_projector.py"))?;
    staging.write("projector/modeling_projector.py", include_bytes!("python/modeling_projector.py"))?;
    write_file(&staging.place("projector/model.safetensors")?, &projector, progress)?;
    written.push("projector/model.safetensors", projector);
    write_adapters(source, staging, settings, &mut written, progress)?;
    if source.is_retrained(Part::Llm) {
        let tensors = whole(source, Part::Llm, settings.dtype);
        write_shards(staging, "", "model", &tensors, settings.shard, progress)?;
        copy_beside(staging, &source.paths.model, "")?;
        written.push("", tensors);
    }
    if source.is_retrained(Part::Tower) {
        let tensors = whole(source, Part::Tower, settings.dtype);
        write_tower(source, staging, "visual_encoder/", &tensors, progress)?;
        written.push("visual_encoder/model.safetensors", tensors);
    }
    staging.write("xtuner_config.py", xtuner_config(source).as_bytes())?;
    Ok(written)
}

/// The adapters of both parts, each in its folder.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_adapters<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    written: &mut Written<'s>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    for (part, folder) in [(Part::Llm, "llm_adapter/"), (Part::Tower, "visual_encoder_adapter/")] {
        let layers = adapters::layers(source, part)?;
        if layers.is_empty() {
            continue;
        }
        let tensors = adapters::planned(source, part, &layers, settings.dtype);
        let base = Base::of(source, part);
        adapters::write(staging, folder, &base, &layers, &source.maps(part), &tensors, progress)?;
        written.push(&format!("{folder}adapter_model.safetensors"), tensors);
    }
    Ok(())
}

/// A part under its canonical names, as it is: adapters stay beside it.
pub(crate) fn whole<'s>(source: &'s Source, part: Part, dtype: Option<StoredDtype>) -> Vec<Planned<'s>> {
    let expected = source.expected(part).into_iter();
    let plan = expected.map(|tensor| {
        let dtype = dtype.unwrap_or_else(|| source.dtype(part, &tensor.name));
        let name = tensor.name.clone();
        Planned {
            name: tensor.name,
            dtype,
            shape: tensor.shape,
            make: Box::new(move || source.read(part, &name, false)),
        }
    });
    plan.collect()
}

/// A CLIP folder: configuration, preprocessor, weights.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_tower(
    source: &Source,
    staging: &Staging,
    folder: &str,
    tensors: &[Planned<'_>],
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    let dtype = tensors.first().map_or(StoredDtype::F32, |tensor| tensor.dtype);
    staging.write_json(&format!("{folder}config.json"), &crate::llava_hf::vision_config(source, dtype)?)?;
    staging.write_json(
        &format!("{folder}preprocessor_config.json"),
        &crate::llava_hf::preprocessor(source, false)?,
    )?;
    write_file(&staging.place(&format!("{folder}model.safetensors"))?, tensors, progress)
}

/// Configuration, tokenizer and licence of a model folder: every small file that is no weights.
///
/// # Errors
/// If a file cannot be copied.
pub(crate) fn copy_beside(staging: &Staging, folder: &std::path::Path, to: &str) -> Result<(), InteropError> {
    const SMALL: u64 = 64 << 20;
    let entries = std::fs::read_dir(folder).map_err(InteropError::io("list", folder))?;
    for entry in entries {
        let path = entry.map_err(InteropError::io("list", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let weights = [".safetensors", ".bin", ".pth", ".pt", ".index.json", ".gguf"];
        let small = path.is_file() && std::fs::metadata(&path).is_ok_and(|meta| meta.len() < SMALL);
        if small && !name.starts_with('.') && !weights.iter().any(|ending| name.ends_with(ending)) {
            staging.copy(&path, &format!("{to}{name}"))?;
        }
    }
    Ok(())
}

fn projector_config(config: &ProjectorConfig, dtype: StoredDtype) -> serde_json::Value {
    json!({
        "architectures": ["ProjectorModel"],
        "auto_map": {
            "AutoConfig": "configuration_projector.ProjectorConfig",
            "AutoModel": "modeling_projector.ProjectorModel",
        },
        "bias": config.bias,
        "depth": config.depth,
        "hidden_act": crate::llava_hf::activation_name(config.activation),
        "llm_hidden_size": config.text_width,
        "model_type": "projector",
        "torch_dtype": torch_name(dtype),
        "visual_hidden_size": config.vision_width,
    })
}

/// The names that XTuner's own programs look for in the configuration beside an export.
fn xtuner_config(source: &Source) -> String {
    let text = |value: String| serde_json::Value::from(value).to_string();
    let layer = source.files.eye.as_ref().map_or(-2, |eye| eye.tower.config.feature_layer);
    format!(
        "# Written by Eyewright: the parts that this folder belongs to.\n\
         llm_name_or_path = {}\nvisual_encoder_name_or_path = {}\nvisual_select_layer = {layer}\n\
         prompt_template_name = {}\n",
        text(source.base_name(Part::Llm)),
        text(source.base_name(Part::Tower)),
        text(source.template.name().to_owned()),
    )
}
