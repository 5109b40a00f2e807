//! Which vision tower does a `config.json` describe, and which of its layers does LLaVA read?

use eyewright_ops::Activation;

use crate::config::{ConfigError, ConfigFile};

/// CLIP's image encoder (Radford et al. 2021), as `CLIPVisionConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    /// Width of a patch's feature.
    pub hidden: usize,
    /// Width inside the MLP.
    pub intermediate: usize,
    /// Number of blocks in the checkpoint.
    pub layers: usize,
    /// Attention heads; divides `hidden`.
    pub heads: usize,
    /// Side of the square picture in pixels.
    pub image_side: usize,
    /// Side of a square patch in pixels; divides `image_side` with or without a rest, as CLIP does.
    pub patch_side: usize,
    /// The MLP's activation.
    pub activation: Activation,
    /// Added to the variance in every norm.
    pub norm_eps: f64,
}

impl ClipConfig {
    /// Reads a vision configuration: a `clip_vision_model` file, or the `vision_config` of a CLIP or LLaVA one.
    ///
    /// # Errors
    /// Names the file and field that is missing, impossible or not supported.
    pub fn from_config(json: &ConfigFile) -> Result<Self, ConfigError> {
        let nested = json.object("vision_config")?;
        let json = nested.as_ref().unwrap_or(json);
        if let Some(kind) = json.text("model_type")?
            && kind != "clip_vision_model"
        {
            return Err(json.wrong("model_type", "clip_vision_model (the only vision tower Eyewright knows)"));
        }
        if json.get("num_channels").is_some() && json.count("num_channels", None)? != 3 {
            return Err(json.wrong("num_channels", "3"));
        }
        let hidden = json.count("hidden_size", Some(768))?;
        let heads = json.count("num_attention_heads", Some(12))?;
        if hidden % heads != 0 {
            return Err(json.wrong("num_attention_heads", &format!("a divisor of hidden_size {hidden}")));
        }
        let image_side = json.count("image_size", Some(224))?;
        let patch_side = json.count("patch_size", Some(32))?;
        if patch_side > image_side || image_side > 4096 {
            return Err(
                json.wrong("patch_size", &format!("at most image_size ({image_side}, itself at most 4096)"))
            );
        }
        let activation = json.text("hidden_act")?.unwrap_or("quick_gelu");
        let activation = activation
            .parse()
            .map_err(|_| json.wrong("hidden_act", "a known activation, such as quick_gelu"))?;
        Ok(Self {
            hidden,
            intermediate: json.count("intermediate_size", Some(3072))?,
            layers: json.depth("num_hidden_layers", Some(12))?,
            heads,
            image_side,
            patch_side,
            activation,
            norm_eps: json.positive("layer_norm_eps", Some(1e-5))?,
        })
    }

    /// Patches per picture.
    pub fn patches(&self) -> usize {
        let side = self.image_side / self.patch_side;
        side * side
    }
}

/// Which positions of the tower's output become picture tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeatureSelect {
    /// The patches alone; the class token is dropped.
    #[default]
    Patches,
    /// Class token and patches.
    Full,
}

/// A tower and the way LLaVA reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerConfig {
    /// The encoder.
    pub clip: ClipConfig,
    /// Index into the hidden states, of which there are `layers + 1`; negative counts from the end.
    pub feature_layer: i64,
    /// Which positions are kept.
    pub select: FeatureSelect,
}

impl TowerConfig {
    /// LLaVA's reading: last layer but one, patches only.
    pub fn llava(clip: ClipConfig) -> Self {
        Self { clip, feature_layer: -2, select: FeatureSelect::Patches }
    }

    /// Blocks that influence the features; `None` if the layer does not exist.
    pub fn used_blocks(&self) -> Option<usize> {
        let states = self.clip.layers as i64 + 1;
        let index = if self.feature_layer < 0 { states + self.feature_layer } else { self.feature_layer };
        (0..states).contains(&index).then_some(index as usize)
    }

    /// Picture tokens per picture.
    pub fn tokens(&self) -> usize {
        match self.select {
            FeatureSelect::Patches => self.clip.patches(),
            FeatureSelect::Full => self.clip.patches() + 1,
        }
    }
}
