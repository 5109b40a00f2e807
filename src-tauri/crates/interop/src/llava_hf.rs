//! What does transformers' `LlavaForConditionalGeneration` consist of on disk?
//!
//! Everything merged, under the names that all versions of transformers read, with `<image>` and `<pad>` in the
//! tokenizer as XTuner's own conversion adds them.

use eyewright_model::{config::ConfigFile, stack::StackKind, weights::StoredDtype};
use eyewright_ops::Activation;
use serde_json::{Value, json};

use crate::{
    InteropError, chat_jinja,
    llama_form::{self, torch_name},
    planned::{Planned, write_shards},
    source::{Part, Source},
    staging::Staging,
    words::Words,
    written::{Settings, Written},
};

const FORMAT: &str = "llava-hf";

/// Writes the folder.
///
/// # Errors
/// If the model does not fit the form, a source is damaged, or the disk refuses.
pub(crate) fn write<'s>(
    source: &'s Source,
    staging: &Staging,
    settings: &Settings,
    progress: &mut dyn FnMut(u64),
) -> Result<Written<'s>, InteropError> {
    check(source)?;
    let words = Words::of(source)?;
    let dtype = settings.dtype.unwrap_or_else(|| main_dtype(source));
    let tensors = tensors(source, &words, settings)?;
    write_shards(staging, "", "model", &tensors, settings.shard, progress)?;
    staging.write_json("config.json", &config(source, &words, dtype)?)?;
    staging.write_json("preprocessor_config.json", &preprocessor(source, source.pads)?)?;
    let template = chat_jinja::of(&source.template, source.tokenizer.adds_bos());
    let eye = source.eye(FORMAT)?;
    staging.write_json(
        "processor_config.json",
        &json!({
            "processor_class": "LlavaProcessor",
            "patch_size": eye.tower.config.clip.patch_side,
            "vision_feature_select_strategy": select_words(source),
            "image_token": "<image>",
            "num_additional_image_tokens": 1,
        }),
    )?;
    staging.write("chat_template.jinja", template.as_bytes())?;
    words.write(source, staging, &template, Some("LlavaProcessor"))?;
    staging.write_json("generation_config.json", &words.generation(source))?;
    let mut written = Written::default();
    written.push("", tensors);
    Ok(written)
}

/// The type numbers are stored in when nobody asks: the language model's.
pub(crate) fn main_dtype(source: &Source) -> StoredDtype {
    source.dtype(Part::Llm, "model.norm.weight")
}

fn check(source: &Source) -> Result<(), InteropError> {
    let projector = &source.eye(FORMAT)?.projector.config;
    if projector.depth != 2 {
        let reason = format!("its projector has {} layers, the form has two; use `xtuner`", projector.depth);
        return Err(InteropError::Unsupported { format: FORMAT, reason });
    }
    Ok(())
}

fn tensors<'s>(
    source: &'s Source,
    words: &Words,
    settings: &Settings,
) -> Result<Vec<Planned<'s>>, InteropError> {
    let as_stored = source.files.kind == StackKind::LlavaHf && settings.dtype.is_none();
    let one = settings.dtype.unwrap_or_else(|| main_dtype(source));
    let dtype = |part, name: &str| if as_stored { source.dtype(part, name) } else { one };
    let mut list =
        llama_form::planned(source, "language_model.", words.rows, |origin| dtype(Part::Llm, &origin.from))?;
    for (part, names) in [(Part::Tower, TOWER), (Part::Projector, PROJECTOR)] {
        for tensor in source.expected(part) {
            let row = names.iter().find(|(ours, _)| tensor.name.starts_with(ours));
            let name = row
                .map_or_else(|| tensor.name.clone(), |(ours, theirs)| tensor.name.replacen(ours, theirs, 1));
            let dtype = dtype(part, &tensor.name);
            list.push(Planned::of(source, (part, tensor.name), name, None, dtype, tensor.shape));
        }
    }
    Ok(list)
}

const TOWER: &[(&str, &str)] = &[("vision_model.", "vision_tower.vision_model.")];
const PROJECTOR: &[(&str, &str)] =
    &[("model.0.", "multi_modal_projector.linear_1."), ("model.2.", "multi_modal_projector.linear_2.")];

fn select_words(source: &Source) -> &'static str {
    use eyewright_model::clip::FeatureSelect::Full;
    let select = source.files.eye.as_ref().map(|eye| eye.tower.config.select);
    if select == Some(Full) { "full" } else { "default" }
}

fn config(source: &Source, words: &Words, dtype: StoredDtype) -> Result<Value, InteropError> {
    let eye = source.eye(FORMAT)?;
    let (tower, projector) = (&eye.tower.config, &eye.projector.config);
    Ok(json!({
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_seq_length": tower.tokens(),
        "image_token_index": words.image,
        "model_type": "llava",
        "multimodal_projector_bias": projector.bias,
        "pad_token_id": words.pad,
        "projector_hidden_act": activation_name(projector.activation),
        "text_config": llama_form::config(source, words.rows, dtype)?,
        "tie_word_embeddings": source.files.llm.config.tied_head,
        "torch_dtype": torch_name(dtype),
        "vision_config": vision_config(source, dtype)?,
        "vision_feature_layer": tower.feature_layer,
        "vision_feature_select_strategy": select_words(source),
        "vocab_size": words.rows,
    }))
}

/// The tower's configuration, as `CLIPVisionConfig` writes it.
///
/// # Errors
/// If the model cannot see.
pub(crate) fn vision_config(source: &Source, dtype: StoredDtype) -> Result<Value, InteropError> {
    let clip = &source.eye("a CLIP folder")?.tower.config.clip;
    Ok(json!({
        "architectures": ["CLIPVisionModel"],
        "attention_dropout": 0.0,
        "hidden_act": activation_name(clip.activation),
        "hidden_size": clip.hidden,
        "image_size": clip.image_side,
        "intermediate_size": clip.intermediate,
        "layer_norm_eps": clip.norm_eps,
        "model_type": "clip_vision_model",
        "num_attention_heads": clip.heads,
        "num_channels": 3,
        "num_hidden_layers": clip.layers,
        "patch_size": clip.patch_side,
        "projection_dim": projection_width(source).unwrap_or(768),
        "torch_dtype": torch_name(dtype),
    }))
}

/// Width of CLIP's joint space, which LLaVA does not use but its configuration keeps.
pub(crate) fn projection_width(source: &Source) -> Option<usize> {
    let json = ConfigFile::read(&source.tower_folder()?.join("config.json")).ok()?;
    let inner = json.object("vision_config").ok()?.unwrap_or(json);
    inner.count("projection_dim", None).ok()
}

/// `preprocessor_config.json`: the source's own numbers, padding to a square where the model was trained so.
///
/// # Errors
/// If the source's file is damaged.
pub(crate) fn preprocessor(source: &Source, pads: bool) -> Result<Value, InteropError> {
    let eye = source.eye(FORMAT)?;
    let side = eye.tower.config.clip.image_side;
    let own = read_preprocessor(source)?;
    let field =
        |name: &str, default: Value| own.as_ref().and_then(|own| own.get(name).cloned()).unwrap_or(default);
    let mut out = json!({
        "crop_size": { "height": side, "width": side },
        "do_center_crop": true,
        "do_convert_rgb": true,
        "do_normalize": true,
        "do_rescale": true,
        "do_resize": true,
        "image_mean": field("image_mean", json!([0.48145466, 0.4578275, 0.40821073])),
        "image_processor_type": if pads { "LlavaImageProcessor" } else { "CLIPImageProcessor" },
        "image_std": field("image_std", json!([0.26862954, 0.26130258, 0.27577711])),
        "resample": field("resample", json!(3)),
        "rescale_factor": field("rescale_factor", json!(1.0 / 255.0)),
        "size": { "shortest_edge": shortest_edge(own.as_ref()).unwrap_or(side) },
    });
    if let (true, Some(fields)) = (pads, out.as_object_mut()) {
        fields.insert("do_pad".into(), json!(true));
    }
    Ok(out)
}

fn read_preprocessor(source: &Source) -> Result<Option<ConfigFile>, InteropError> {
    let Some(folder) = source.tower_folder() else { return Ok(None) };
    let own = folder.join("preprocessor_config.json");
    if own.is_file() {
        return Ok(Some(ConfigFile::read(&own)?));
    }
    let newer = folder.join("processor_config.json");
    if newer.is_file() {
        return Ok(ConfigFile::read(&newer)?.object("image_processor")?);
    }
    Ok(None)
}

fn shortest_edge(own: Option<&ConfigFile>) -> Option<usize> {
    let size = own?.get("size")?;
    size.as_u64().or_else(|| size.get("shortest_edge")?.as_u64()).map(|side| side as usize)
}

/// Mean and deviation of the colours, for forms that keep them elsewhere.
///
/// # Errors
/// As [`preprocessor`].
pub(crate) fn colours(source: &Source) -> Result<[Vec<f32>; 2], InteropError> {
    let json = preprocessor(source, false)?;
    let list = |name: &str| {
        let values = json.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        values.iter().filter_map(Value::as_f64).map(|value| value as f32).collect()
    };
    Ok([list("image_mean"), list("image_std")])
}

/// What transformers calls an activation.
pub(crate) fn activation_name(activation: Activation) -> &'static str {
    match activation {
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu_pytorch_tanh",
        Activation::QuickGelu => "quick_gelu",
        Activation::Silu => "silu",
        Activation::Relu => "relu",
        Activation::Tanh => "tanh",
        Activation::Sigmoid => "sigmoid",
    }
}
