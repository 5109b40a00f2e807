//! How are tower and projector named in the `mmproj` file of llama.cpp?
//!
//! Reference: llama.cpp `tools/mtmd/clip.cpp` and `clip-impl.h` (as in the crate llama-cpp-sys-2 0.1.161). The layer that is
//! read is always said: without that, llama.cpp runs one block less than there are.
//!
//! The order of rows is CLIP's: the class token's position is row 0, and llama.cpp hands rows 1.. to the projector. Since
//! its pull request 13321 llama.cpp puts the class token behind the patches and still hands on rows 1.. (its issue 25814).
//! No file can undo that: row 0, which is dropped, is then the only one that sees the first patch, and the last row, which
//! is handed on, starts from constants. Moving the position rows would mend the positions alone and break every llama.cpp
//! that has the order right; leaving `v.class_embd` out hands on the right rows but takes a key from all attention.

use eyewright_model::clip::FeatureSelect;
use eyewright_ops::Activation;

use super::{Entry, GgufTensor, Kind};
use crate::{
    InteropError, llava_hf,
    source::{Part, Source, Values},
};

const FORMAT: &str = "GGUF";

pub(super) type Plan<'s> = (Vec<(String, Entry)>, Vec<GgufTensor<'s>>);

/// Keys and tensors of the file.
pub(super) fn plan<'s>(source: &'s Source, kind: Kind, name: &str) -> Result<Plan<'s>, InteropError> {
    let eye = source.eye(FORMAT)?;
    let (tower, projector) = (&eye.tower.config, &eye.projector.config);
    let clip = &tower.clip;
    let refuse = |reason: &str| InteropError::Unsupported { format: FORMAT, reason: reason.to_owned() };
    if tower.select == FeatureSelect::Full {
        return Err(refuse("it reads the class token, which llama.cpp drops; use `llava-hf`"));
    }
    if projector.depth > 2 {
        return Err(refuse("its projector has more than two layers; use `xtuner`"));
    }
    if !matches!(projector.activation, Activation::Gelu | Activation::GeluTanh) {
        return Err(refuse("llama.cpp knows only GELU between the projector's layers; use `llava-hf`"));
    }
    let used = tower.used_blocks().unwrap_or(clip.layers);
    if used == 0 {
        return Err(refuse("it reads the tower before its first layer; use `llava-hf`"));
    }
    let activation = match clip.activation {
        Activation::QuickGelu => None,
        Activation::Gelu | Activation::GeluTanh => Some("clip.use_gelu"),
        Activation::Silu => Some("clip.use_silu"),
        _ => return Err(refuse("llama.cpp does not know its tower's activation; use `llava-hf`")),
    };
    let [mean, std] = llava_hf::colours(source)?;
    let number = |number: usize| Entry::Unsigned(number as u64);
    let text = |text: &str| Entry::Text(text.to_owned());
    let mut entries = vec![
        ("general.architecture", text("clip")),
        ("general.type", text("mmproj")),
        ("general.name", text(name)),
        ("general.description", text("CLIP vision tower and LLaVA projector")),
        ("general.file_type", number(usize::from(kind != Kind::F32))),
        ("clip.has_text_encoder", Entry::Flag(false)),
        ("clip.has_vision_encoder", Entry::Flag(true)),
        ("clip.has_llava_projector", Entry::Flag(true)),
        ("clip.projector_type", text("mlp")),
        ("clip.vision.image_size", number(clip.image_side)),
        ("clip.vision.patch_size", number(clip.patch_side)),
        ("clip.vision.embedding_length", number(clip.hidden)),
        ("clip.vision.feed_forward_length", number(clip.intermediate)),
        ("clip.vision.projection_dim", number(llava_hf::projection_width(source).unwrap_or(768))),
        ("clip.vision.attention.head_count", number(clip.heads)),
        ("clip.vision.attention.layer_norm_epsilon", Entry::Float(clip.norm_eps)),
        ("clip.vision.block_count", number(used)),
        ("clip.vision.feature_layer", Entry::Numbers(vec![used as i64])),
        ("clip.vision.image_mean", Entry::Floats(mean)),
        ("clip.vision.image_std", Entry::Floats(std)),
    ];
    entries.push((activation.unwrap_or("clip.use_gelu"), Entry::Flag(activation.is_some())));
    let entries = entries.into_iter().map(|(key, entry)| (key.to_owned(), entry)).collect();
    let mut tensors = Vec::new();
    for part in [Part::Tower, Part::Projector] {
        for tensor in source.expected(part) {
            let Some(name) = named(&tensor.name, used) else { continue };
            let vector = tensor.shape.len() < 2 || name.contains("position_embd");
            let kind = if vector { Kind::F32 } else { kind };
            let from = tensor.name;
            let make = Box::new(move || source.read(part, &from, true));
            tensors.push(GgufTensor { name, kind, shape: tensor.shape, make });
        }
    }
    if !projector.bias {
        // llama.cpp adds a bias always.
        for index in 0..projector.depth {
            let shape = vec![projector.text_width];
            let zeros = Values { shape: shape.clone(), values: vec![0.0; projector.text_width] };
            let name = format!("mm.{}.bias", 2 * index);
            tensors.push(GgufTensor {
                name,
                kind: Kind::F32,
                shape,
                make: Box::new(move || Ok(zeros.clone())),
            });
        }
    }
    Ok((entries, tensors))
}

/// llama.cpp's name; `None` for what it does not read.
fn named(name: &str, used: usize) -> Option<String> {
    if let Some(rest) = name.strip_prefix("model.") {
        return Some(format!("mm.{rest}"));
    }
    let rest = name.strip_prefix("vision_model.")?;
    if let Some(rest) = rest.strip_prefix("encoder.layers.") {
        let (index, rest) = rest.split_once('.')?;
        if index.parse::<usize>().ok()? >= used {
            return None;
        }
        let (map, kind) = rest.rsplit_once('.')?;
        let row = BLOCK.iter().find(|(ours, _)| *ours == map)?;
        return Some(format!("v.blk.{index}.{}.{kind}", row.1));
    }
    OUTSIDE.iter().find(|(ours, _)| *ours == rest).map(|(_, theirs)| (*theirs).to_owned())
}

/// The names of the two maps between are the wrong way round, as in every LLaVA file up to 2025: older llama.cpp and what
/// is built on it reads no other; newer sees it from the shapes and turns them back.
const BLOCK: &[(&str, &str)] = &[
    ("layer_norm1", "ln1"),
    ("layer_norm2", "ln2"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.out_proj", "attn_out"),
    ("mlp.fc1", "ffn_down"),
    ("mlp.fc2", "ffn_up"),
];

const OUTSIDE: &[(&str, &str)] = &[
    ("embeddings.class_embedding", "v.class_embd"),
    ("embeddings.patch_embedding.weight", "v.patch_embd.weight"),
    ("embeddings.position_embedding.weight", "v.position_embd.weight"),
    ("pre_layrnorm.weight", "v.pre_ln.weight"),
    ("pre_layrnorm.bias", "v.pre_ln.bias"),
];
