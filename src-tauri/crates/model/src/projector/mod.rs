//! The image projector: a small MLP from the tower's width to the language model's.
//!
//! Reference: XTuner `ProjectorModel` and LLaVA-1.5's `mlp2x_gelu`; depth 1 is LLaVA-1's single linear map.

use burn::tensor::{Device, Tensor};
use eyewright_ops::Activation;

use crate::{
    config::{ConfigError, ConfigFile},
    linear::Linear,
    lora::TuneError,
    trainable::Visit,
    weights::Loader,
};

/// What defines a projector.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectorConfig {
    /// Width of a vision feature.
    pub vision_width: usize,
    /// Width of a language-model embedding.
    pub text_width: usize,
    /// Linear maps in a row, with an activation between them; at least 1.
    pub depth: usize,
    /// What stands between them.
    pub activation: Activation,
    /// Whether the linear maps have biases.
    pub bias: bool,
}

impl ProjectorConfig {
    /// Reads the `config.json` of an XTuner `projector/` folder.
    ///
    /// # Errors
    /// Names the file and the field that is missing or impossible.
    pub fn from_config(json: &ConfigFile) -> Result<Self, ConfigError> {
        let depth = json.count("depth", Some(2))?;
        if depth > 16 {
            return Err(json.wrong("depth", "at most 16"));
        }
        let activation = json.text("hidden_act")?.unwrap_or("gelu");
        Ok(Self {
            vision_width: json.count("visual_hidden_size", Some(4096))?,
            text_width: json.count("llm_hidden_size", Some(4096))?,
            depth,
            activation: activation
                .parse()
                .map_err(|_| json.wrong("hidden_act", "a known activation, such as gelu"))?,
            bias: json.flag("bias", true)?,
        })
    }

    /// Builds the projector from the loader's tensors; XTuner's names, `model.{2i}`, are the canonical ones.
    pub fn init(&self, loader: &mut Loader<'_>) -> Projector {
        let layers = (0..self.depth)
            .map(|index| Linear::load(loader, &layer_name(index), self.shape(index), self.bias))
            .collect();
        Projector { layers, config: self.clone() }
    }

    /// A projector that knows nothing yet, to be trained. Its numbers lie within `±1/sqrt(in)`, as those of
    /// XTuner's do, and depend on `seed` alone.
    pub fn fresh(&self, seed: u64, device: &Device) -> Projector {
        let layers = (0..self.depth)
            .map(|index| Linear::fresh(&layer_name(index), self.shape(index), self.bias, seed, device))
            .collect();
        Projector { layers, config: self.clone() }
    }

    fn shape(&self, index: usize) -> [usize; 2] {
        [self.text_width, if index == 0 { self.vision_width } else { self.text_width }]
    }
}

/// Activations count as layers in XTuner's names.
fn layer_name(index: usize) -> String {
    format!("model.{}", 2 * index)
}

/// Maps vision features into the language model's embedding space.
#[derive(Clone, Debug)]
pub struct Projector {
    config: ProjectorConfig,
    layers: Vec<Linear>,
}

impl Projector {
    /// What this projector is.
    pub fn config(&self) -> &ProjectorConfig {
        &self.config
    }

    /// Visits every linear map, first to last.
    pub fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        self.layers.iter_mut().for_each(visit);
    }

    /// All of it is trained from now on.
    ///
    /// # Errors
    /// If it is stored in 4 bits, which no loader does.
    pub fn free(&mut self) -> Result<(), TuneError> {
        self.layers.iter_mut().try_for_each(Linear::free)
    }

    /// Visits everything that is trained.
    pub fn each_trainable(&mut self, visit: Visit<'_>) {
        for layer in &mut self.layers {
            layer.each_trainable(visit);
        }
    }

    /// # Shapes
    /// - features: `[batch, tokens, vision_width]`
    /// - output: `[batch, tokens, text_width]`
    pub fn forward(&self, features: Tensor<3>) -> Tensor<3> {
        let mut x = features;
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                x = self.config.activation.forward(x);
            }
            x = layer.forward(x);
        }
        x
    }
}
