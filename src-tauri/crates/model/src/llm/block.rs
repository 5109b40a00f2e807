//! One block of the decoder: attention and MLP, each behind an RMS norm and added to the stream.

use burn::tensor::Tensor;
use eyewright_ops::{AttentionMask, Rope, rms_norm};

use super::{DecoderConfig, Layout, attention::SelfAttention, kv_cache::LayerCache, mlp::Mlp};
use crate::{
    linear::Linear,
    lora::TuneError,
    trainable::{Trainable, Visit},
    weights::Loader,
};

#[derive(Clone, Debug)]
pub(super) struct Block {
    attention_norm: Trainable<1>,
    attention: SelfAttention,
    mlp_norm: Trainable<1>,
    mlp: Mlp,
    norm_eps: f64,
}

impl Block {
    pub(super) fn load(loader: &mut Loader<'_>, index: usize, config: &DecoderConfig) -> Self {
        let layer = format!("model.layers.{index}");
        let (attention_norm, mlp_norm) = match config.layout {
            Layout::InternLm2 => ("attention_norm", "ffn_norm"),
            Layout::Llama | Layout::Phi3 => ("input_layernorm", "post_attention_layernorm"),
        };
        Self {
            attention_norm: loader.weight(format!("{layer}.{attention_norm}.weight"), [config.hidden]),
            attention: SelfAttention::load(loader, &layer, config),
            mlp_norm: loader.weight(format!("{layer}.{mlp_norm}.weight"), [config.hidden]),
            mlp: Mlp::load(loader, &layer, config),
            norm_eps: config.norm_eps,
        }
    }

    pub(super) fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        self.attention.each_linear(visit);
        self.mlp.each_linear(visit);
    }

    /// Everything of this block is trained from now on.
    pub(super) fn free(&mut self) -> Result<(), TuneError> {
        let mut result = Ok(());
        self.each_linear(&mut |linear| {
            if result.is_ok() {
                result = linear.free();
            }
        });
        self.attention_norm.free();
        self.mlp_norm.free();
        result
    }

    pub(super) fn each_trainable(&mut self, visit: Visit<'_>) {
        self.attention_norm.visit(visit);
        self.attention.each_linear(&mut |linear| linear.each_trainable(visit));
        self.mlp_norm.visit(visit);
        self.mlp.each_linear(&mut |linear| linear.each_trainable(visit));
    }

    /// # Shapes
    /// - x: `[batch, seq, hidden]`; output the same
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        rope: &Rope,
        mask: &AttentionMask,
        cache: Option<&mut LayerCache>,
    ) -> Tensor<3> {
        let normed = rms_norm(x.clone(), self.attention_norm.get(), self.norm_eps);
        let x = x + self.attention.forward(normed, rope, mask, cache);
        let normed = rms_norm(x.clone(), self.mlp_norm.get(), self.norm_eps);
        x + self.mlp.forward(normed)
    }
}
