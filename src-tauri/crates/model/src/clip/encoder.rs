//! The tower's transformer: full attention between patches, pre-norm blocks, quick-GELU.

use burn::tensor::Tensor;
use eyewright_ops::{Activation, AttentionMask, attention, layer_norm};

use super::{ClipConfig, FeatureSelect, TowerConfig, embeddings::PatchEmbeddings};
use crate::{
    linear::Linear,
    trainable::{Trainable, Visit},
    weights::Loader,
};

/// The part of CLIP's image encoder that LLaVA uses: blocks behind the chosen layer are neither loaded nor run.
///
/// Reference: transformers `CLIPVisionTransformer`; the output is its `hidden_states[feature_layer]`.
#[derive(Clone, Debug)]
pub struct VisionTower {
    config: TowerConfig,
    pub(super) embeddings: PatchEmbeddings,
    pub(super) pre_norm: Norm,
    pub(super) blocks: Vec<Block>,
}

impl TowerConfig {
    /// Builds the tower from the loader's tensors.
    pub fn init(&self, loader: &mut Loader<'_>) -> VisionTower {
        let clip = &self.clip;
        let used = self.used_blocks().unwrap_or(clip.layers);
        let tower = VisionTower {
            embeddings: PatchEmbeddings::load(loader, clip),
            // the misspelling is the checkpoint's
            pre_norm: Norm::load(loader, "vision_model.pre_layrnorm", clip),
            blocks: (0..used).map(|index| Block::load(loader, index, clip)).collect(),
            config: self.clone(),
        };
        for index in used..clip.layers {
            loader.ignore_below(&format!("vision_model.encoder.layers.{index}."));
        }
        loader.ignore_below("vision_model.post_layernorm.");
        loader.ignore("vision_model.embeddings.position_ids");
        tower
    }
}

impl VisionTower {
    /// What this tower is and how it is read.
    pub fn config(&self) -> &TowerConfig {
        &self.config
    }

    /// Visits every linear map in the order of computation.
    pub fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        for block in &mut self.blocks {
            block.each_linear(visit);
        }
    }

    /// Features of a batch of normalised pictures.
    ///
    /// # Shapes
    /// - pixels: `[batch, 3, image_side, image_side]`
    /// - output: `[batch, tokens, hidden]`
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let mut x = self.start(pixels);
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.selected(x)
    }

    /// The positions that become picture tokens.
    ///
    /// # Shapes
    /// - x: `[batch, 1 + patches, hidden]`; output: `[batch, tokens, hidden]`
    pub fn selected(&self, x: Tensor<3>) -> Tensor<3> {
        match self.config.select {
            FeatureSelect::Full => x,
            FeatureSelect::Patches => {
                let patches = x.dims()[1] - 1;
                x.narrow(1, 1, patches)
            }
        }
    }

    /// The hidden state before the first block and after each block that is run.
    ///
    /// # Shapes
    /// - output: each `[batch, 1 + patches, hidden]`
    pub fn hidden_states(&self, pixels: Tensor<4>) -> Vec<Tensor<3>> {
        let mut states = vec![self.start(pixels)];
        for block in &self.blocks {
            states.push(block.forward(states[states.len() - 1].clone()));
        }
        states
    }

    /// What the first block receives.
    ///
    /// # Shapes
    /// - pixels: `[batch, 3, image_side, image_side]`; output: `[batch, 1 + patches, hidden]`
    pub fn start(&self, pixels: Tensor<4>) -> Tensor<3> {
        self.pre_norm.forward(self.embeddings.forward(pixels))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Norm {
    weight: Trainable<1>,
    bias: Trainable<1>,
    eps: f64,
}

impl Norm {
    fn load(loader: &mut Loader<'_>, name: &str, config: &ClipConfig) -> Self {
        Self {
            weight: loader.weight(format!("{name}.weight"), [config.hidden]),
            bias: loader.weight(format!("{name}.bias"), [config.hidden]),
            eps: config.norm_eps,
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        layer_norm(x, self.weight.get(), self.bias.get(), self.eps)
    }

    pub(super) fn free(&mut self) {
        self.weight.free();
        self.bias.free();
    }

    pub(super) fn each_trainable(&mut self, visit: Visit<'_>) {
        self.weight.visit(visit);
        self.bias.visit(visit);
    }
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) norm1: Norm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    pub(super) norm2: Norm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    activation: Activation,
}

impl Block {
    fn load(loader: &mut Loader<'_>, index: usize, config: &ClipConfig) -> Self {
        let (hidden, inner) = (config.hidden, config.intermediate);
        let layer = format!("vision_model.encoder.layers.{index}");
        let norm1 = Norm::load(loader, &format!("{layer}.layer_norm1"), config);
        let norm2 = Norm::load(loader, &format!("{layer}.layer_norm2"), config);
        let mut linear = |name: &str, shape| Linear::load(loader, &format!("{layer}.{name}"), shape, true);
        Self {
            norm1,
            q: linear("self_attn.q_proj", [hidden, hidden]),
            k: linear("self_attn.k_proj", [hidden, hidden]),
            v: linear("self_attn.v_proj", [hidden, hidden]),
            out: linear("self_attn.out_proj", [hidden, hidden]),
            norm2,
            fc1: linear("mlp.fc1", [inner, hidden]),
            fc2: linear("mlp.fc2", [hidden, inner]),
            heads: config.heads,
            activation: config.activation,
        }
    }

    pub(super) fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        let Self { q, k, v, out, fc1, fc2, .. } = self;
        [q, k, v, out, fc1, fc2].into_iter().for_each(visit);
    }

    /// # Shapes
    /// - x: `[batch, 1 + patches, hidden]`; output the same
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attend(self.norm1.forward(x));
        let inner = self.activation.forward(self.fc1.forward(self.norm2.forward(x.clone())));
        x + self.fc2.forward(inner)
    }

    fn attend(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, seq, hidden] = x.dims();
        let head_dim = hidden / self.heads;
        let by_head = |y: Tensor<3>| y.reshape([batch, seq, self.heads, head_dim]).swap_dims(1, 2);
        let q = by_head(self.q.forward(x.clone()));
        let k = by_head(self.k.forward(x.clone()));
        let v = by_head(self.v.forward(x));
        let y = attention(q, k, v, &AttentionMask::full(), (head_dim as f64).powf(-0.5));
        self.out.forward(y.swap_dims(1, 2).reshape([batch, seq, hidden]))
    }
}
