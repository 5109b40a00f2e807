//! Which tensors does each part of a model consist of, by canonical name?
//!
//! Follows from a part's configuration alone, so that what is missing or misshapen in a file is known before it is read.

use eyewright_model::{
    clip::ClipConfig,
    llm::{DecoderConfig, Layout},
    projector::ProjectorConfig,
};

/// A tensor of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Canonical name.
    pub name: String,
    /// Shape, row-major.
    pub shape: Vec<usize>,
}

fn tensor(name: String, shape: &[usize]) -> Expected {
    Expected { name, shape: shape.to_vec() }
}

/// A linear map's weight `[out, in]` and, where it has one, its bias.
fn linear(list: &mut Vec<Expected>, name: &str, [out, width]: [usize; 2], bias: bool) {
    list.push(tensor(format!("{name}.weight"), &[out, width]));
    if bias {
        list.push(tensor(format!("{name}.bias"), &[out]));
    }
}

/// Tensors of a language model.
pub fn of_decoder(config: &DecoderConfig) -> Vec<Expected> {
    let (hidden, inner) = (config.hidden, config.intermediate);
    let (query, kv) = (config.query_width(), config.kv_width());
    let (embed, head) = embeddings(config.layout);
    let mut list = vec![tensor(embed.to_owned(), &[config.vocab, hidden])];
    for index in 0..config.layers {
        let layer = format!("model.layers.{index}");
        let mut map = |name: &str, shape, bias| linear(&mut list, &format!("{layer}.{name}"), shape, bias);
        let norms = match config.layout {
            Layout::Llama => {
                map("self_attn.q_proj", [query, hidden], config.qkv_bias);
                map("self_attn.k_proj", [kv, hidden], config.qkv_bias);
                map("self_attn.v_proj", [kv, hidden], config.qkv_bias);
                map("self_attn.o_proj", [hidden, query], config.out_bias);
                map("mlp.gate_proj", [inner, hidden], false);
                map("mlp.up_proj", [inner, hidden], false);
                map("mlp.down_proj", [hidden, inner], false);
                ["input_layernorm", "post_attention_layernorm"]
            }
            Layout::InternLm2 => {
                map("attention.wqkv", [query + 2 * kv, hidden], config.qkv_bias);
                map("attention.wo", [hidden, query], config.out_bias);
                map("feed_forward.w1", [inner, hidden], false);
                map("feed_forward.w3", [inner, hidden], false);
                map("feed_forward.w2", [hidden, inner], false);
                ["attention_norm", "ffn_norm"]
            }
            Layout::Phi3 => {
                map("self_attn.qkv_proj", [query + 2 * kv, hidden], config.qkv_bias);
                map("self_attn.o_proj", [hidden, query], config.out_bias);
                map("mlp.gate_up_proj", [2 * inner, hidden], false);
                map("mlp.down_proj", [hidden, inner], false);
                ["input_layernorm", "post_attention_layernorm"]
            }
        };
        list.extend(norms.map(|norm| tensor(format!("{layer}.{norm}.weight"), &[hidden])));
    }
    list.push(tensor("model.norm.weight".to_owned(), &[hidden]));
    if !config.tied_head {
        list.push(tensor(head.to_owned(), &[config.vocab, hidden]));
    }
    list
}

/// Names of the embedding table and of the head.
pub fn embeddings(layout: Layout) -> (&'static str, &'static str) {
    match layout {
        Layout::InternLm2 => ("model.tok_embeddings.weight", "output.weight"),
        Layout::Llama | Layout::Phi3 => ("model.embed_tokens.weight", "lm_head.weight"),
    }
}

/// Tensors of a CLIP vision tower, those behind the layer that LLaVA reads included.
pub fn of_tower(config: &ClipConfig) -> Vec<Expected> {
    let (hidden, inner, patch) = (config.hidden, config.intermediate, config.patch_side);
    let name = |rest: &str| format!("vision_model.{rest}");
    let mut list = vec![
        tensor(name("embeddings.class_embedding"), &[hidden]),
        tensor(name("embeddings.patch_embedding.weight"), &[hidden, 3, patch, patch]),
        tensor(name("embeddings.position_embedding.weight"), &[config.patches() + 1, hidden]),
    ];
    let norm = |list: &mut Vec<Expected>, norm: String| {
        list.push(tensor(format!("{norm}.weight"), &[hidden]));
        list.push(tensor(format!("{norm}.bias"), &[hidden]));
    };
    norm(&mut list, name("pre_layrnorm"));
    for index in 0..config.layers {
        let layer = name(&format!("encoder.layers.{index}"));
        norm(&mut list, format!("{layer}.layer_norm1"));
        for map in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            linear(&mut list, &format!("{layer}.self_attn.{map}"), [hidden, hidden], true);
        }
        norm(&mut list, format!("{layer}.layer_norm2"));
        linear(&mut list, &format!("{layer}.mlp.fc1"), [inner, hidden], true);
        linear(&mut list, &format!("{layer}.mlp.fc2"), [hidden, inner], true);
    }
    norm(&mut list, name("post_layernorm"));
    list
}

/// Tensors of a projector.
pub fn of_projector(config: &ProjectorConfig) -> Vec<Expected> {
    let mut list = Vec::new();
    for index in 0..config.depth {
        let width = if index == 0 { config.vision_width } else { config.text_width };
        linear(&mut list, &format!("model.{}", 2 * index), [config.text_width, width], config.bias);
    }
    list
}
