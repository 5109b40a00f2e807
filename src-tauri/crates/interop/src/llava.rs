//! How does LLaVA's own repository lay out a model?
//!
//! Merged: language model and projector in one set of files, the tower in a folder of its own that the configuration
//! names. Or as its LoRA scripts leave it: an adapter, and the projector in `non_lora_trainables.bin`.

use eyewright_model::weights::StoredDtype;
use serde_json::{Value, json};

use crate::{
    InteropError,
    adapters::{self, Base},
    chat_jinja, llama_form,
    llava_hf::main_dtype,
    planned::{Planned, write_shards},
    source::{Part, Source},
    staging::Staging,
    torch_write,
    words::Words,
    written::{Settings, Written},
    xtuner::{copy_beside, write_tower},
};

const FORMAT: &str = "LLaVA's form";
/// Folder of the tower inside the export; LLaVA's loader looks for `clip` in a tower's name.
const TOWER: &str = "clip-vision-tower";

/// Writes the folder.
pub(crate) fn write<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    progress: &mut dyn FnMut(u64),
) -> Result<Written<'s>, InteropError> {
    source.eye(FORMAT)?;
    let mut written = Written::default();
    let dtype = settings.dtype.unwrap_or_else(|| main_dtype(source));
    if settings.keep_adapters {
        with_adapters(source, staging, settings, dtype, &mut written, progress)?;
    } else {
        let vocab = source.files.llm.config.vocab;
        let mut tensors = llama_form::planned(source, "", vocab, |_| dtype)?;
        tensors.extend(projector(source, "model.mm_projector.", dtype));
        write_shards(staging, "", "model", &tensors, settings.shard, progress)?;
        written.push("", tensors);
        let template = chat_jinja::of(&source.template, source.tokenizer.adds_bos());
        let words = Words::plain(source)?;
        words.write(source, staging, &template, None)?;
        staging.write_json("generation_config.json", &words.generation(source))?;
    }
    // What LLaVA's first stage leaves, for its second one.
    let alone = projector(source, "model.mm_projector.", dtype);
    torch_write::write(&staging.place("mm_projector.bin")?, &alone)?;
    written.push("mm_projector.bin", alone);
    let mut tower = Vec::new();
    for tensor in source.expected(Part::Tower) {
        let dtype = settings.dtype.unwrap_or_else(|| source.dtype(Part::Tower, &tensor.name));
        let name = tensor.name.clone();
        tower.push(Planned::of(source, (Part::Tower, name), tensor.name, None, dtype, tensor.shape));
    }
    write_tower(source, staging, &format!("{TOWER}/"), &tower, progress)?;
    written.push(&format!("{TOWER}/model.safetensors"), tower);
    staging.write_json("config.json", &config(source, staging, dtype)?)?;
    Ok(written)
}

fn with_adapters<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    dtype: StoredDtype,
    written: &mut Written<'s>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    let layers = adapters::layers(source, Part::Llm)?;
    if layers.is_empty() || source.is_retrained(Part::Llm) {
        let reason = "its language model has no adapters to keep; leave out `--keep-adapters`".to_owned();
        return Err(InteropError::Unsupported { format: FORMAT, reason });
    }
    let tensors = adapters::planned(source, Part::Llm, &layers, settings.dtype);
    let base = Base::of(source, Part::Llm);
    adapters::write(staging, "", &base, &layers, &source.maps(Part::Llm), &tensors, progress)?;
    written.push("adapter_model.safetensors", tensors);
    let rest = projector(source, "base_model.model.model.mm_projector.", dtype);
    torch_write::write(&staging.place("non_lora_trainables.bin")?, &rest)?;
    written.push("non_lora_trainables.bin", rest);
    copy_beside(staging, &source.paths.model, "")
}

/// XTuner's projector names end like LLaVA's.
fn projector<'s>(source: &'s Source, prefix: &str, dtype: StoredDtype) -> Vec<Planned<'s>> {
    let named = |tensor: crate::names::Expected| {
        let name = format!("{prefix}{}", tensor.name.trim_start_matches("model."));
        Planned::of(source, (Part::Projector, tensor.name), name, None, dtype, tensor.shape)
    };
    source.expected(Part::Projector).into_iter().map(named).collect()
}

fn config(source: &Source, staging: &Staging, dtype: StoredDtype) -> Result<Value, InteropError> {
    let eye = source.eye(FORMAT)?;
    let mut json = llama_form::config(source, source.files.llm.config.vocab, dtype)?;
    let (model_type, class) = match json.get("model_type").and_then(Value::as_str) {
        Some("qwen2") => ("llava_qwen", "LlavaQwenForCausalLM"),
        Some("mistral") => ("llava_mistral", "LlavaMistralForCausalLM"),
        Some("llama") => ("llava", "LlavaLlamaForCausalLM"),
        other => {
            let reason = format!("LLaVA has no class for {}; use `llava-hf`", other.unwrap_or("this model"));
            return Err(InteropError::Unsupported { format: FORMAT, reason });
        }
    };
    let kind = match eye.projector.config.depth {
        1 => "linear".to_owned(),
        depth => format!("mlp{depth}x_gelu"),
    };
    // LLaVA opens a tower by an absolute path or a hub name; a folder that moves needs this line changed.
    let tower = staging.target().join(TOWER).to_string_lossy().into_owned();
    let own = json!({
        "architectures": [class],
        "image_aspect_ratio": if source.pads { "pad" } else { "square" },
        "mm_hidden_size": eye.projector.config.vision_width,
        "mm_projector_type": kind,
        "mm_use_im_patch_token": false,
        "mm_use_im_start_end": false,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": eye.tower.config.feature_layer,
        "mm_vision_tower": tower,
        "model_type": model_type,
        "unfreeze_mm_vision_tower": false,
        "use_mm_proj": true,
    });
    if let (Some(json), Some(own)) = (json.as_object_mut(), own.as_object()) {
        json.extend(own.clone());
    }
    Ok(json)
}
