//! How does a language model become a GGUF that llama.cpp computes the same numbers from?
//!
//! Reference: llama.cpp `src/models/{llama,internlm2,qwen2,phi3}.cpp`. The Llama kinds rotate neighbouring pairs there,
//! Hugging Face rotates halves: rows of queries and keys are reordered for them.

use std::f64::consts::PI;

use eyewright_model::llm::DecoderConfig;
use eyewright_ops::RopeScaling;

use super::{Entry, GgufTensor, Kind, Quantisation, blocks::Role, mmproj::Plan, vocab};
use crate::{
    InteropError,
    llama_form::{self, Origin},
    source::{Part, Rows, Source, Values},
};

/// llama.cpp's name of the family, and whether it rotates neighbouring pairs.
fn architecture(config: &DecoderConfig) -> (&'static str, bool) {
    match config.model_type.as_str() {
        "internlm2" => ("internlm2", true),
        "qwen2" => ("qwen2", false),
        "phi3" => ("phi3", false),
        _ => ("llama", true),
    }
}

/// Keys and tensors of the file.
pub(super) fn plan<'s>(
    source: &'s Source,
    quantisation: Quantisation,
    name: &str,
) -> Result<Plan<'s>, InteropError> {
    let config = &source.files.llm.config;
    let (architecture, pairs) = architecture(config);
    let number = |number: usize| Entry::Unsigned(number as u64);
    let text = |text: &str| Entry::Text(text.to_owned());
    let mut entries = vec![
        ("general.architecture".to_owned(), text(architecture)),
        ("general.type".to_owned(), text("model")),
        ("general.name".to_owned(), text(name)),
        ("general.file_type".to_owned(), Entry::Unsigned(quantisation.file_type())),
        ("general.quantization_version".to_owned(), Entry::Unsigned(2)),
    ];
    let own = [
        ("context_length", number(config.max_position)),
        ("embedding_length", number(config.hidden)),
        ("block_count", number(config.layers)),
        ("feed_forward_length", number(config.intermediate)),
        ("vocab_size", number(config.vocab)),
        ("attention.head_count", number(config.heads)),
        ("attention.head_count_kv", number(config.kv_heads)),
        ("attention.key_length", number(config.head_dim)),
        ("attention.value_length", number(config.head_dim)),
        ("attention.layer_norm_rms_epsilon", Entry::Float(config.norm_eps)),
        ("rope.dimension_count", number(config.head_dim)),
        ("rope.freq_base", Entry::Float(config.rope.theta)),
    ];
    entries.extend(own.map(|(key, entry)| (format!("{architecture}.{key}"), entry)));
    if let RopeScaling::Linear { factor } = config.rope.scaling {
        entries.push((format!("{architecture}.rope.scaling.type"), text("linear")));
        entries.push((format!("{architecture}.rope.scaling.factor"), Entry::Float(factor)));
    }
    if let (Some(window), "phi3") = (config.window, architecture) {
        entries.push((format!("{architecture}.attention.sliding_window"), number(window)));
    }
    vocab::entries(source, &mut entries)?;
    let mut tensors = Vec::new();
    for origin in llama_form::origins(source)? {
        tensors.push(tensor(source, origin, quantisation, pairs)?);
    }
    if let Some(factors) = frequency_factors(config) {
        let values = Values { shape: vec![factors.len()], values: factors };
        let shape = values.shape.clone();
        let make = Box::new(move || Ok(values.clone()));
        tensors.push(GgufTensor { name: "rope_freqs.weight".to_owned(), kind: Kind::F32, shape, make });
    }
    Ok((entries, tensors))
}

fn tensor<'s>(
    source: &'s Source,
    origin: Origin,
    quantisation: Quantisation,
    pairs: bool,
) -> Result<GgufTensor<'s>, InteropError> {
    let config = &source.files.llm.config;
    let unknown = || InteropError::Unsupported {
        format: "GGUF",
        reason: format!("llama.cpp has no name for the tensor `{}`", origin.name),
    };
    let name = named(&origin.name).ok_or_else(unknown)?;
    let kind = match origin.shape.as_slice() {
        [_, width] => quantisation.kind(role(&name, config), *width),
        _ => Kind::F32,
    };
    let turned = pairs && (name.contains(".attn_q.") || name.contains(".attn_k."));
    let rows = if turned {
        let rows = origin.rows.clone().unwrap_or_else(|| {
            let all = origin.shape.first().copied().unwrap_or(0);
            std::iter::once(0..all).collect()
        });
        Some(neighbours(&rows, config.head_dim))
    } else {
        origin.rows
    };
    let from = origin.from;
    let make = Box::new(move || source.read_rows(Part::Llm, &from, rows.as_deref(), true));
    Ok(GgufTensor { name, kind, shape: origin.shape, make })
}

fn role(name: &str, config: &DecoderConfig) -> Role {
    let block = || name.split('.').nth(1)?.parse().ok();
    match name.split_once("attn_").or_else(|| name.split_once("ffn_")).map(|(_, map)| map) {
        _ if name == "output.weight" => Role::Head,
        _ if name == "token_embd.weight" && config.tied_head => Role::Head,
        _ if name == "token_embd.weight" => Role::Table,
        Some("v.weight" | "down.weight") => block().map_or(Role::Plain, |b| Role::Delicate(b, config.layers)),
        Some("qkv.weight") => Role::Fused,
        _ => Role::Plain,
    }
}

/// Rows of whole heads, each head's halves interleaved.
fn neighbours(rows: &[Rows], head_dim: usize) -> Vec<Rows> {
    let flat: Vec<usize> = rows.iter().cloned().flatten().collect();
    let half = head_dim / 2;
    let one = |row: usize| row..row + 1;
    let of_head = |head: &[usize]| -> Vec<Rows> {
        let (low, high) = head.split_at(half.min(head.len()));
        low.iter().zip(high).flat_map(|(low, high)| [one(*low), one(*high)]).collect()
    };
    flat.chunks(head_dim).flat_map(of_head).collect()
}

/// llama.cpp's name for one in Llama form (or Phi-3's).
fn named(name: &str) -> Option<String> {
    const OUTSIDE: &[(&str, &str)] = &[
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"),
    ];
    const BLOCK: &[(&str, &str)] = &[
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.qkv_proj", "attn_qkv"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.gate_up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    if let Some((_, theirs)) = OUTSIDE.iter().find(|(ours, _)| *ours == name) {
        return Some((*theirs).to_owned());
    }
    let (index, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (map, kind) = rest.rsplit_once('.')?;
    let row = BLOCK.iter().find(|(ours, _)| *ours == map)?;
    Some(format!("blk.{index}.{}.{kind}", row.1))
}

/// What Llama 3.1 divides each frequency by.
fn frequency_factors(config: &DecoderConfig) -> Option<Vec<f32>> {
    let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position } =
        config.rope.scaling
    else {
        return None;
    };
    let original = original_max_position as f64;
    let of = |index: usize| {
        let frequency = config.rope.theta.powf(-2.0 * index as f64 / config.head_dim as f64);
        let wave = 2.0 * PI / frequency;
        if wave < original / high_freq_factor {
            1.0
        } else if wave > original / low_freq_factor {
            factor
        } else {
            let smooth = (original / wave - low_freq_factor) / (high_freq_factor - low_freq_factor);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    Some((0..config.head_dim / 2).map(|index| of(index) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::neighbours;

    #[test]
    fn halves_of_each_head_become_neighbours() {
        // Two heads of four rows: 0 1 2 3 and 8 9 10 11.
        let rows: Vec<usize> = neighbours(&[0..4, 8..12], 4).into_iter().flatten().collect();
        assert_eq!(rows, [0, 2, 1, 3, 8, 10, 9, 11]);
    }
}
