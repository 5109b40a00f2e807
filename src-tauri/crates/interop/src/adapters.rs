//! How are adapters written as PEFT reads them?

use std::collections::{BTreeMap, BTreeSet};

use eyewright_model::weights::StoredDtype;
use serde_json::{Value, json};

use crate::{
    InteropError,
    planned::{Planned, write_file},
    source::{Part, Source, Values, floats},
    staging::Staging,
};

/// One layer of an adapter in the making.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Its name in the base model.
    pub(crate) name: String,
    /// `rank` of its matrices.
    pub(crate) rank: usize,
    /// Its strength before division.
    pub(crate) alpha: f64,
}

/// What `adapter_config.json` says beside ranks and targets.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// Name or folder of the base model.
    pub(crate) name: String,
    /// `CAUSAL_LM` or nothing.
    pub(crate) task: Option<&'static str>,
    /// Class and module of a base without a task.
    pub(crate) class: Option<(&'static str, &'static str)>,
    /// Modules that are trained in full and kept in the adapter's file.
    pub(crate) saved: Vec<String>,
    /// Scale by the root of the rank.
    pub(crate) rank_stabilised: bool,
}

impl Base {
    /// The base of a part's own adapter.
    pub(crate) fn of(source: &Source, part: Part) -> Self {
        let rank_stabilised = source.adapter(part).is_some_and(|a| a.config().is_rank_stabilised());
        let llm = part == Part::Llm;
        Self {
            name: source.base_name(part),
            task: llm.then_some("CAUSAL_LM"),
            class: (!llm).then_some(("CLIPVisionModel", "transformers.models.clip.modeling_clip")),
            saved: Vec::new(),
            rank_stabilised,
        }
    }
}

/// Layers of a part's adapter, with ranks and strengths.
///
/// # Errors
/// If a matrix cannot be read.
pub(crate) fn layers(source: &Source, part: Part) -> Result<Vec<Layer>, InteropError> {
    let Some(adapter) = source.adapter(part) else { return Ok(Vec::new()) };
    let maps = source.maps(part);
    let mut layers = Vec::new();
    for name in adapter.layers() {
        let Some(&shape) = maps.get(name) else { continue };
        if let Some(pair) = adapter.pair(name, shape)? {
            let rank = pair.a.shape.first().copied().unwrap_or(0);
            layers.push(Layer { name: name.to_owned(), rank, alpha: adapter.config().alpha_of(name) });
        }
    }
    Ok(layers)
}

/// Both matrices of every layer of a part's adapter.
pub(crate) fn planned<'s>(
    source: &'s Source,
    part: Part,
    layers: &[Layer],
    dtype: Option<StoredDtype>,
) -> Vec<Planned<'s>> {
    let maps = source.maps(part);
    let mut list = Vec::new();
    for layer in layers {
        let Some(&shape) = maps.get(&layer.name) else { continue };
        let [out, width] = shape;
        for (half, shape) in [("lora_A", vec![layer.rank, width]), ("lora_B", vec![out, layer.rank])] {
            let name = layer.name.clone();
            let is_a = half == "lora_A";
            list.push(Planned {
                name: format!("base_model.model.{}.{half}.weight", layer.name),
                dtype: dtype.unwrap_or(StoredDtype::F32),
                shape: shape.clone(),
                make: Box::new(move || half_of(source, part, &name, [out, width], is_a)),
            });
        }
    }
    list
}

/// One matrix of an adapter.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn half_of(
    source: &Source,
    part: Part,
    layer: &str,
    shape: [usize; 2],
    is_a: bool,
) -> Result<Values, InteropError> {
    let pair = source.adapter(part).map(|adapter| adapter.pair(layer, shape)).transpose()?.flatten();
    let Some(pair) = pair else { return Ok(Values { shape: Vec::new(), values: Vec::new() }) };
    let tensor = if is_a { pair.a } else { pair.b };
    Ok(Values { shape: tensor.shape.clone(), values: floats(tensor.in_dtype(StoredDtype::F32)) })
}

/// Writes `adapter_config.json`, `adapter_model.safetensors` and a short README.
///
/// # Errors
/// If a source is damaged or the disk refuses.
pub(crate) fn write(
    staging: &Staging,
    folder: &str,
    base: &Base,
    layers: &[Layer],
    maps: &BTreeMap<String, [usize; 2]>,
    tensors: &[Planned<'_>],
    progress: &mut dyn FnMut(u64),
) -> Result<(), InteropError> {
    staging.write_json(&format!("{folder}adapter_config.json"), &config(base, layers, maps))?;
    write_file(&staging.place(&format!("{folder}adapter_model.safetensors"))?, tensors, progress)?;
    let readme = format!(
        "---\nbase_model: {}\nlibrary_name: peft\n---\n\nLoRA adapters, written by Eyewright.\n",
        base.name
    );
    staging.write(&format!("{folder}README.md"), readme.as_bytes())
}

fn config(base: &Base, layers: &[Layer], maps: &BTreeMap<String, [usize; 2]>) -> Value {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let adapted: BTreeSet<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    let short: BTreeSet<String> = layers.iter().map(|layer| last(&layer.name)).collect();
    // A short name stands for all maps that end in it; where some of those have no adapter, names are spelt out.
    let exact = maps.keys().any(|name| short.contains(&last(name)) && !adapted.contains(name.as_str()));
    let targets: Vec<String> = if exact {
        adapted.iter().map(|name| (*name).to_owned()).collect()
    } else {
        short.into_iter().collect()
    };
    let common = |value: fn(&Layer) -> u64| {
        let mut counts = BTreeMap::new();
        for layer in layers {
            *counts.entry(value(layer)).or_insert(0_usize) += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(value, _)| value)
    };
    let rank = common(|layer| layer.rank as u64);
    let alpha = f64::from_bits(common(|layer| layer.alpha.to_bits()));
    let exceptions = |differs: &dyn Fn(&Layer) -> Option<Value>| -> serde_json::Map<String, Value> {
        layers.iter().filter_map(|layer| Some((layer.name.clone(), differs(layer)?))).collect()
    };
    let ranks = exceptions(&|layer| (layer.rank as u64 != rank).then(|| json!(layer.rank)));
    let alphas = exceptions(&|layer| (layer.alpha != alpha).then(|| number(layer.alpha)));
    json!({
        "alpha_pattern": alphas,
        "auto_mapping": base.class.map(|(class, library)| {
            json!({ "base_model_class": class, "parent_library": library })
        }),
        "base_model_name_or_path": base.name,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "layer_replication": null,
        "layers_pattern": null,
        "layers_to_transform": null,
        "loftq_config": {},
        "lora_alpha": number(alpha),
        "lora_dropout": 0.0,
        "megatron_config": null,
        "megatron_core": "megatron.core",
        "modules_to_save": if base.saved.is_empty() { Value::Null } else { json!(base.saved) },
        "peft_type": "LORA",
        "r": rank,
        "rank_pattern": ranks,
        "revision": null,
        "target_modules": targets,
        "task_type": base.task,
        "use_dora": false,
        "use_rslora": base.rank_stabilised,
    })
}

/// Whole numbers without a point, as PEFT writes them.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}
