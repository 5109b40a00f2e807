//! How large are the parts of a network? Numbers only, from a preset or from the parts' own configurations.

use eyewright_model::clip::ClipConfig;
use eyewright_model::llm::{DecoderConfig, Layout};
use serde::Deserialize;

use super::choices::choices;
use super::error::PlanError;

choices! {
    /// How a family packs its projections, which decides what an adapter attaches to.
    Packing {
        /// `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`; head `lm_head`.
        Llama = "llama",
        /// `wqkv`, `wo`, `w1`, `w3`, `w2`; head `output`.
        InternLm2 = "internlm2",
        /// `qkv_proj`, `o_proj`, `gate_up_proj`, `down_proj`; head `lm_head`.
        Phi3 = "phi3",
    }
}

impl<'de> Deserialize<'de> for Packing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| serde::de::Error::unknown_variant(&word, Self::WORDS))
    }
}

/// Sizes of a language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmShapes {
    /// How projections are packed.
    pub packing: Packing,
    /// Width of a token's embedding.
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Width inside the MLP.
    pub intermediate: usize,
    /// Rows of the embedding table.
    pub vocab: usize,
    /// The head is the embedding table.
    #[serde(default)]
    pub tied_head: bool,
    /// Queries, keys and values have biases.
    #[serde(default)]
    pub qkv_bias: bool,
    /// The attention's output projection has a bias.
    #[serde(default)]
    pub out_bias: bool,
}

/// Sizes of a vision tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TowerShapes {
    /// Width of a patch's feature.
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the MLP.
    pub intermediate: usize,
    /// Side of the square picture in pixels.
    pub image_side: usize,
    /// Side of a patch in pixels.
    pub patch_side: usize,
}

impl TowerShapes {
    /// Patches of one picture, without the class token.
    pub fn patches(&self) -> usize {
        (self.image_side / self.patch_side.max(1)).pow(2)
    }
}

impl From<&DecoderConfig> for LlmShapes {
    fn from(config: &DecoderConfig) -> Self {
        Self {
            packing: match config.layout {
                Layout::Llama => Packing::Llama,
                Layout::InternLm2 => Packing::InternLm2,
                Layout::Phi3 => Packing::Phi3,
            },
            hidden: config.hidden,
            layers: config.layers,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            intermediate: config.intermediate,
            vocab: config.vocab,
            tied_head: config.tied_head,
            qkv_bias: config.qkv_bias,
            out_bias: config.out_bias,
        }
    }
}

impl From<&ClipConfig> for TowerShapes {
    fn from(config: &ClipConfig) -> Self {
        Self {
            hidden: config.hidden,
            layers: config.layers,
            heads: config.heads,
            intermediate: config.intermediate,
            image_side: config.image_side,
            patch_side: config.patch_side,
        }
    }
}

/// No size is above this: far beyond any network, and products of three still fit 64 bits.
const LARGEST: usize = 1 << 20;

pub(super) fn check_sizes(origin: &str, llm: &LlmShapes, tower: &TowerShapes) -> Result<(), PlanError> {
    let rows = [
        ("llm", "hidden", llm.hidden),
        ("llm", "layers", llm.layers),
        ("llm", "heads", llm.heads),
        ("llm", "kv_heads", llm.kv_heads),
        ("llm", "head_dim", llm.head_dim),
        ("llm", "intermediate", llm.intermediate),
        ("llm", "vocab", llm.vocab),
        ("tower", "hidden", tower.hidden),
        ("tower", "layers", tower.layers),
        ("tower", "heads", tower.heads),
        ("tower", "intermediate", tower.intermediate),
        ("tower", "image_side", tower.image_side),
        ("tower", "patch_side", tower.patch_side),
    ];
    let bad = |(part, size, found), expected| {
        Err(PlanError::BadSize { origin: origin.to_owned(), part, size, found, expected })
    };
    for row in rows {
        if row.2 == 0 || row.2 > LARGEST {
            return bad(row, "from 1 to 1048576");
        }
    }
    if !llm.heads.is_multiple_of(llm.kv_heads) {
        return bad(rows[3], "a divisor of `heads`");
    }
    if tower.patch_side > tower.image_side {
        return bad(rows[12], "at most `image_side`");
    }
    Ok(())
}
