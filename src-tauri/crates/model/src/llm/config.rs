//! Which decoder does a language model's `config.json` describe?
//!
//! One decoder serves all families; they differ in the fields below and in how their checkpoints name and
//! pack the projections ([`Layout`]).

use eyewright_ops::{Activation, RopeConfig, RopeScaling};

use crate::config::{ConfigError, ConfigFile};

/// How a family names its tensors and packs its projections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `self_attn.{q,k,v,o}_proj`, `mlp.{gate,up,down}_proj`, `lm_head` (Llama, Vicuna, Mistral, Qwen2, InternLM).
    Llama,
    /// `attention.wqkv` packed per key/value group, `feed_forward.w{1,2,3}`, `output` (InternLM2).
    InternLm2,
    /// `self_attn.qkv_proj` in three blocks, `mlp.gate_up_proj` in two (Phi-3).
    Phi3,
}

/// Everything that defines a decoder; no optional values are left.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// The family's name in Hugging Face files, `internlm2` for example.
    pub model_type: String,
    /// Tensor names and packing.
    pub layout: Layout,
    /// Width of a token's embedding.
    pub hidden: usize,
    /// Width inside the MLP.
    pub intermediate: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding table.
    pub vocab: usize,
    /// Longest text the model was made for, in tokens.
    pub max_position: usize,
    /// Added to the mean square in every norm.
    pub norm_eps: f64,
    /// Rotary embedding.
    pub rope: RopeConfig,
    /// The MLP's gate function.
    pub activation: Activation,
    /// Queries, keys and values have biases.
    pub qkv_bias: bool,
    /// The attention's output projection has a bias.
    pub out_bias: bool,
    /// The head is the embedding table.
    pub tied_head: bool,
    /// Queries see only this many keys (Mistral).
    pub window: Option<usize>,
}

impl DecoderConfig {
    /// Reads a language model's configuration (a `config.json`, or the `text_config` of a LLaVA one).
    ///
    /// # Errors
    /// Names the file and the field that is missing, impossible, or of a kind that is not supported.
    pub fn from_config(json: &ConfigFile) -> Result<Self, ConfigError> {
        let model_type = json.text("model_type")?.unwrap_or("llama").to_owned();
        let Some(family) = Family::of(&model_type) else {
            return Err(json.wrong(
                "model_type",
                "one of internlm2, internlm, llama, mistral, qwen2, phi3 (a language model that Eyewright knows)",
            ));
        };
        let hidden = json.count("hidden_size", Some(4096))?;
        let heads = json.count("num_attention_heads", Some(32))?;
        let kv_heads = json.count("num_key_value_heads", Some(heads))?;
        let head_dim = json.count("head_dim", Some(hidden / heads.min(hidden)))?;
        if heads % kv_heads != 0 {
            return Err(
                json.wrong("num_key_value_heads", &format!("a divisor of the {heads} attention heads"))
            );
        }
        if head_dim % 2 != 0 {
            return Err(json.wrong("head_dim", "an even number (rotary embeddings turn pairs)"));
        }
        let max_position = json.count("max_position_embeddings", Some(family.max_position))?;
        let activation = json.text("hidden_act")?.unwrap_or("silu");
        let activation =
            activation.parse().map_err(|_| json.wrong("hidden_act", "a known activation, such as silu"))?;
        let bias = match family.bias {
            Bias::Never => (false, false),
            Bias::QueryKeyValue => (true, false),
            Bias::Field(field, default) => {
                let set = json.flag(field, default)?;
                (set, set)
            }
        };
        Ok(Self {
            layout: family.layout,
            hidden,
            intermediate: json.count("intermediate_size", Some(11008))?,
            layers: json.depth("num_hidden_layers", Some(32))?,
            heads,
            kv_heads,
            head_dim,
            vocab: json.count("vocab_size", Some(family.vocab))?,
            max_position,
            norm_eps: json.positive("rms_norm_eps", Some(1e-6))?,
            rope: rope(json, head_dim, max_position, &family)?,
            activation,
            qkv_bias: bias.0,
            out_bias: bias.1,
            tied_head: json.flag("tie_word_embeddings", false)?,
            window: window(json, &model_type)?,
            model_type,
        })
    }

    /// Longest text the model can read, in tokens: scaled positions reach further than those it was trained on.
    /// Llama 3.1's files name the stretched length themselves.
    pub fn context(&self) -> usize {
        match self.rope.scaling {
            RopeScaling::Linear { factor } | RopeScaling::Dynamic { factor, .. } => {
                (self.max_position as f64 * factor) as usize
            }
            RopeScaling::None | RopeScaling::Llama3 { .. } => self.max_position,
        }
    }

    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads together.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}

enum Bias {
    Never,
    QueryKeyValue,
    /// A field of the configuration says so, with this default.
    Field(&'static str, bool),
}

/// Families that can be read, by the `model_type` of their `config.json`. Each is compared with transformers in
/// tests/parity.
pub const FAMILIES: &[&str] = &["internlm2", "internlm", "llama", "mistral", "qwen2", "phi3"];

/// What a family's configuration class fills in for absent fields.
struct Family {
    layout: Layout,
    bias: Bias,
    vocab: usize,
    max_position: usize,
    theta: f64,
}

impl Family {
    fn of(model_type: &str) -> Option<Self> {
        let family =
            |layout, bias, vocab, max_position, theta| Self { layout, bias, vocab, max_position, theta };
        Some(match model_type {
            "internlm2" => family(Layout::InternLm2, Bias::Field("bias", true), 103_168, 2048, 10_000.0),
            "internlm" => family(Layout::Llama, Bias::Field("bias", true), 103_168, 2048, 10_000.0),
            "llama" => family(Layout::Llama, Bias::Field("attention_bias", false), 32_000, 2048, 10_000.0),
            "mistral" => family(Layout::Llama, Bias::Never, 32_000, 131_072, 10_000.0),
            "qwen2" => family(Layout::Llama, Bias::QueryKeyValue, 151_936, 32_768, 10_000.0),
            "phi3" => family(Layout::Phi3, Bias::Never, 32_064, 4096, 10_000.0),
            _ => return None,
        })
    }
}

/// Old files keep `rope_theta` and `rope_scaling` at the top, files of transformers 5 in `rope_parameters`.
fn rope(
    json: &ConfigFile,
    head_dim: usize,
    max_position: usize,
    family: &Family,
) -> Result<RopeConfig, ConfigError> {
    let parameters = json.object("rope_parameters")?;
    let scaling = match &parameters {
        Some(parameters) => Some(parameters.clone()),
        None => json.object("rope_scaling")?,
    };
    let theta = match &parameters {
        Some(parameters) => parameters.positive("rope_theta", Some(family.theta))?,
        None => json.positive("rope_theta", Some(family.theta))?,
    };
    let partial = json.number("partial_rotary_factor", Some(1.0))?;
    if partial != 1.0 {
        return Err(json.wrong("partial_rotary_factor", "1 (rotating a part of a head is not supported)"));
    }
    let scaling = match scaling {
        None => RopeScaling::None,
        Some(scaling) => rope_scaling(&scaling, max_position)?,
    };
    Ok(RopeConfig { theta, head_dim, scaling })
}

fn rope_scaling(scaling: &ConfigFile, max_position: usize) -> Result<RopeScaling, ConfigError> {
    let kind_field = if scaling.get("rope_type").is_some() { "rope_type" } else { "type" };
    let factor = || {
        let factor = scaling.number("factor", None)?;
        if factor >= 1.0 { Ok(factor) } else { Err(scaling.wrong("factor", "at least 1")) }
    };
    Ok(match scaling.text(kind_field)?.unwrap_or("default") {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: factor()? },
        "dynamic" => RopeScaling::Dynamic { factor: factor()?, max_position },
        "llama3" => RopeScaling::Llama3 {
            factor: factor()?,
            low_freq_factor: scaling.positive("low_freq_factor", None)?,
            high_freq_factor: scaling.positive("high_freq_factor", None)?,
            original_max_position: scaling.count("original_max_position_embeddings", None)?,
        },
        _ => return Err(scaling.wrong(kind_field, "default, linear, dynamic or llama3")),
    })
}

/// Qwen2 carries the field but uses it only where `use_sliding_window` says so.
fn window(json: &ConfigFile, model_type: &str) -> Result<Option<usize>, ConfigError> {
    let used = match model_type {
        "mistral" | "phi3" => true,
        "qwen2" => json.flag("use_sliding_window", false)?,
        _ => false,
    };
    if !used || json.get("sliding_window").is_none() {
        return Ok(None);
    }
    if model_type == "qwen2" {
        return Err(json.wrong("use_sliding_window", "false (windows on some layers only are not supported)"));
    }
    json.count("sliding_window", None).map(Some)
}
