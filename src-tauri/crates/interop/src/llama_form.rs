//! How does a language model look in the form that transformers and llama.cpp know?
//!
//! InternLM and InternLM2 are written as the Llama that computes the same numbers: the packed queries, keys and values
//! of InternLM2 are taken apart row by row, nothing is permuted. All other families keep their own form.

use eyewright_model::{config::ConfigFile, llm::Layout, weights::StoredDtype};
use eyewright_ops::RopeScaling;
use serde_json::{Value, json};

use crate::{
    InteropError, names,
    planned::Planned,
    source::{Part, Rows, Source},
};

/// Where the numbers of a tensor in Llama form come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// Name in Llama form.
    pub(crate) name: String,
    /// Canonical name in the source.
    pub(crate) from: String,
    /// Which rows of it; all if absent.
    pub(crate) rows: Option<Vec<Rows>>,
    /// The shape in Llama form.
    pub(crate) shape: Vec<usize>,
}

/// Every tensor of the language model in Llama form.
///
/// # Errors
/// If an adapter sits on a head that is the embedding table.
pub(crate) fn origins(source: &Source) -> Result<Vec<Origin>, InteropError> {
    let config = &source.files.llm.config;
    let head = names::embeddings(config.layout).1.trim_end_matches(".weight");
    if config.tied_head && source.adapter(Part::Llm).is_some_and(|a| a.layers().any(|layer| layer == head)) {
        return Err(InteropError::Unsupported {
            format: "a merged model",
            reason: "an adapter was trained on a head that is the embedding table; export it as `xtuner` or `peft`"
                .to_owned(),
        });
    }
    let mut list = Vec::new();
    for tensor in source.expected(Part::Llm) {
        if config.layout != Layout::InternLm2 {
            let name = tensor.name.clone();
            list.push(Origin { name, from: tensor.name, rows: None, shape: tensor.shape });
            continue;
        }
        let Some((layer, kind)) = tensor.name.split_once(".attention.wqkv.") else {
            let name = renamed(&tensor.name);
            list.push(Origin { name, from: tensor.name, rows: None, shape: tensor.shape });
            continue;
        };
        for (part, rows) in ["q", "k", "v"].into_iter().zip(unpacked(source)) {
            let mut shape = tensor.shape.clone();
            if let Some(first) = shape.first_mut() {
                *first = rows.iter().map(Rows::len).sum();
            }
            let name = format!("{layer}.self_attn.{part}_proj.{kind}");
            list.push(Origin { name, from: tensor.name.clone(), rows: Some(rows), shape });
        }
    }
    Ok(list)
}

/// Rows of queries, keys and values in InternLM2's packed map: per key/value group its queries, its key, its value.
pub(crate) fn unpacked(source: &Source) -> [Vec<Rows>; 3] {
    let config = &source.files.llm.config;
    let (dim, queries) = (config.head_dim, config.heads / config.kv_heads);
    let group = |index: usize, from: usize, slots: usize| {
        let start = (index * (queries + 2) + from) * dim;
        start..start + slots * dim
    };
    let all = |from, slots| (0..config.kv_heads).map(|index| group(index, from, slots)).collect();
    [all(0, queries), all(queries, 1), all(queries + 1, 1)]
}

/// InternLM2's name to Llama's.
pub(crate) fn renamed(name: &str) -> String {
    const ROWS: &[(&str, &str)] = &[
        (".attention.wo.", ".self_attn.o_proj."),
        (".feed_forward.w1.", ".mlp.gate_proj."),
        (".feed_forward.w3.", ".mlp.up_proj."),
        (".feed_forward.w2.", ".mlp.down_proj."),
        (".attention_norm.", ".input_layernorm."),
        (".ffn_norm.", ".post_attention_layernorm."),
        ("model.tok_embeddings.", "model.embed_tokens."),
        ("output.", "lm_head."),
    ];
    let row = ROWS
        .iter()
        .find(|(ours, _)| if ours.starts_with('.') { name.contains(ours) } else { name.starts_with(ours) });
    row.map_or_else(|| name.to_owned(), |(ours, theirs)| name.replacen(ours, theirs, 1))
}

/// The tensors to write, named `prefix` and then as Llama does; the vocabulary is filled up to `vocab` rows with the
/// mean of the old ones, which no text ever reaches.
///
/// # Errors
/// As [`origins`].
pub(crate) fn planned<'s>(
    source: &'s Source,
    prefix: &str,
    vocab: usize,
    dtype: impl Fn(&Origin) -> StoredDtype,
) -> Result<Vec<Planned<'s>>, InteropError> {
    let rows = source.files.llm.config.vocab;
    let mut list = Vec::new();
    for origin in origins(source)? {
        let dtype = dtype(&origin);
        let is_table = matches!(origin.name.as_str(), "model.embed_tokens.weight" | "lm_head.weight");
        let name = format!("{prefix}{}", origin.name);
        let from = (Part::Llm, origin.from);
        let mut tensor = Planned::of(source, from, name, origin.rows, dtype, origin.shape);
        if is_table && vocab > rows {
            let inner = tensor.make;
            tensor.shape[0] = vocab;
            tensor.make = Box::new(move || {
                let mut table = inner()?;
                grow(&mut table.values, rows, vocab);
                table.shape[0] = vocab;
                Ok(table)
            });
        }
        list.push(tensor);
    }
    Ok(list)
}

fn grow(values: &mut Vec<f32>, rows: usize, to: usize) {
    let width = values.len() / rows.max(1);
    let mut mean = vec![0f64; width];
    for row in values.chunks(width.max(1)) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let mean: Vec<f32> = mean.into_iter().map(|sum| (sum / rows as f64) as f32).collect();
    for _ in rows..to {
        values.extend_from_slice(&mean);
    }
}

/// Whether the family is written as a Llama.
pub(crate) fn becomes_llama(source: &Source) -> bool {
    matches!(source.files.llm.config.model_type.as_str(), "internlm2" | "internlm")
}

/// The configuration of the language model in Llama form.
///
/// # Errors
/// If the source's configuration cannot be read.
pub(crate) fn config(source: &Source, vocab: usize, dtype: StoredDtype) -> Result<Value, InteropError> {
    let json = ConfigFile::read(&source.paths.model.join("config.json"))?;
    let json = json.object("text_config")?.unwrap_or(json);
    let config = &source.files.llm.config;
    let mut out = serde_json::Map::new();
    if becomes_llama(source) {
        out.insert("architectures".into(), json!(["LlamaForCausalLM"]));
        out.insert("model_type".into(), json!("llama"));
    } else {
        // A llava-hf folder may leave out what its configuration class fills in; its own words are kept.
        out.extend(json.all().clone());
        for dropped in ["_name_or_path", "auto_map", "quantization_config", "dtype", "transformers_version"] {
            out.remove(dropped);
        }
        out.entry("model_type").or_insert(json!(config.model_type));
    }
    let sizes = [
        ("hidden_size", config.hidden),
        ("intermediate_size", config.intermediate),
        ("num_hidden_layers", config.layers),
        ("num_attention_heads", config.heads),
        ("num_key_value_heads", config.kv_heads),
        ("head_dim", config.head_dim),
        ("max_position_embeddings", config.max_position),
        ("vocab_size", vocab),
    ];
    out.extend(sizes.map(|(name, size)| (name.to_owned(), json!(size))));
    out.insert("rms_norm_eps".into(), json!(config.norm_eps));
    out.insert("tie_word_embeddings".into(), json!(config.tied_head));
    out.insert("torch_dtype".into(), json!(torch_name(dtype)));
    if becomes_llama(source) {
        out.insert("hidden_act".into(), json!("silu"));
        out.insert("attention_bias".into(), json!(config.qkv_bias));
        out.insert("mlp_bias".into(), json!(false));
        out.insert("rope_theta".into(), json!(config.rope.theta));
        out.insert("rope_scaling".into(), rope_scaling(&config.rope.scaling));
        for field in ["bos_token_id", "eos_token_id", "pad_token_id"] {
            out.extend(json.get(field).map(|value| (field.to_owned(), value.clone())));
        }
        out.insert("use_cache".into(), json!(true));
    }
    Ok(Value::Object(out))
}

fn rope_scaling(scaling: &RopeScaling) -> Value {
    let named = |kind: &str, factor: f64| json!({ "type": kind, "rope_type": kind, "factor": factor });
    match scaling {
        RopeScaling::Linear { factor } => named("linear", *factor),
        RopeScaling::Dynamic { factor, .. } => named("dynamic", *factor),
        RopeScaling::None | RopeScaling::Llama3 { .. } => Value::Null,
    }
}

/// What torch calls a type of floats.
pub(crate) fn torch_name(dtype: StoredDtype) -> &'static str {
    match dtype {
        StoredDtype::F16 => "float16",
        StoredDtype::BF16 => "bfloat16",
        StoredDtype::F64 => "float64",
        _ => "float32",
    }
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn names_become_llamas() {
        let rows = [
            ("model.layers.3.attention.wo.weight", "model.layers.3.self_attn.o_proj.weight"),
            ("model.layers.0.feed_forward.w2.weight", "model.layers.0.mlp.down_proj.weight"),
            ("model.layers.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"),
            ("model.tok_embeddings.weight", "model.embed_tokens.weight"),
            ("output.weight", "lm_head.weight"),
            ("model.norm.weight", "model.norm.weight"),
        ];
        for (theirs, llamas) in rows {
            assert_eq!(renamed(theirs), llamas);
        }
    }
}
