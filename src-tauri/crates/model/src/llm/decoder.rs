//! The decoder: token embeddings in, next-token scores out.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use eyewright_ops::{AttentionMask, embedding, rms_norm, to_dtype};

use super::{DecoderConfig, KvCache, Layout, block::Block};
use crate::{linear::Linear, quant::Precision, trainable::Trainable, weights::Loader};

/// A causal language model of any supported family.
#[derive(Clone, Debug)]
pub struct Decoder {
    config: DecoderConfig,
    pub(super) embeddings: Trainable<2>,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: Trainable<1>,
    pub(super) head: Linear,
    pub(super) device: Device,
    /// Of the computation; what is trained is kept in f32 and cast.
    dtype: DType,
}

impl DecoderConfig {
    /// Builds the decoder from the loader's tensors. The linear maps of its blocks are stored in the loader's
    /// precision, everything else in its dtype.
    pub fn init(&self, loader: &mut Loader<'_>) -> Decoder {
        let (embeddings, head) = match self.layout {
            Layout::InternLm2 => ("model.tok_embeddings.weight", "output"),
            Layout::Llama | Layout::Phi3 => ("model.embed_tokens.weight", "lm_head"),
        };
        let embeddings = loader.weight(embeddings, [self.vocab, self.hidden]);
        let blocks = (0..self.layers).map(|index| Block::load(loader, index, self)).collect();
        let norm = loader.weight("model.norm.weight", [self.hidden]);
        let precision = loader.precision();
        loader.stored_in(Precision::Dense);
        let head = if self.tied_head {
            loader.ignore(&format!("{head}.weight"));
            Linear::tied(head, embeddings.clone())
        } else {
            Linear::load(loader, head, [self.vocab, self.hidden], false)
        };
        loader.stored_in(precision);
        let (device, dtype) = (loader.device().clone(), loader.dtype());
        Decoder { config: self.clone(), embeddings, blocks, norm, head, device, dtype }
    }
}

impl Decoder {
    /// What this decoder is.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Visits every linear map, in the order of computation, the head last.
    pub fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        for block in &mut self.blocks {
            block.each_linear(visit);
        }
        visit(&mut self.head);
    }

    /// Embeddings of token ids. The caller has checked that every id is below `vocab`.
    ///
    /// # Shapes
    /// - output: `[tokens, hidden]`
    pub fn embed(&self, ids: &[u32]) -> Tensor<2> {
        let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
        let data = TensorData::new(ids.clone(), [ids.len()]);
        let ids = Tensor::<1, Int>::from_data(data, (&self.device, burn::tensor::DType::I32));
        to_dtype(embedding(self.embeddings.value(), ids), self.dtype)
    }

    /// The dtype of its computation.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where its weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Runs all blocks over a batch of complete texts.
    ///
    /// `lengths` gives the real length of each row where rows are padded on the right; what stands in the
    /// padding is meaningless.
    ///
    /// # Shapes
    /// - x: `[batch, seq, hidden]` embeddings
    /// - output: `[batch, seq, hidden]`, normed, ready for [`Self::logits`]
    pub fn forward(&self, x: Tensor<3>, lengths: Option<&[usize]>) -> Tensor<3> {
        let seq = x.dims()[1];
        let mask = AttentionMask::causal(seq, 0, self.config.window, lengths, &self.device);
        let rope = self.config.rope.init(0, seq, x.dtype(), &self.device);
        let mut x = x;
        for block in &self.blocks {
            x = block.forward(x, &rope, &mask, None);
        }
        self.normed(x)
    }

    /// The hidden state after the embedding and after each block, the last one normed: what transformers
    /// returns as `hidden_states`.
    ///
    /// # Shapes
    /// - x: `[batch, seq, hidden]`; output: `layers + 1` of the same
    pub fn hidden_states(&self, x: Tensor<3>, lengths: Option<&[usize]>) -> Vec<Tensor<3>> {
        let seq = x.dims()[1];
        let mask = AttentionMask::causal(seq, 0, self.config.window, lengths, &self.device);
        let rope = self.config.rope.init(0, seq, x.dtype(), &self.device);
        let mut states = vec![x];
        for block in &self.blocks {
            let next = block.forward(states[states.len() - 1].clone(), &rope, &mask, None);
            states.push(next);
        }
        let last = states.pop().map(|x| self.normed(x));
        states.extend(last);
        states
    }

    /// Runs all blocks over the tokens that follow those in `cache`, and adds them to it.
    ///
    /// # Shapes
    /// - x: `[1, seq, hidden]` embeddings of the new tokens; output the same, normed
    pub fn extend(&self, x: Tensor<3>, cache: &mut KvCache) -> Tensor<3> {
        let (past, seq) = (cache.len(), x.dims()[1]);
        let mask = AttentionMask::causal(seq, past, self.config.window, None, &self.device);
        let rope = self.config.rope.init(past, seq, x.dtype(), &self.device);
        let mut x = x;
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, &rope, &mask, Some(cache.layer(index)));
        }
        cache.advance(seq);
        self.normed(x)
    }

    /// Scores for every token of the vocabulary.
    ///
    /// # Shapes
    /// - x: `[.., hidden]`; output: `[.., vocab]`
    pub fn logits<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.head.forward(x)
    }

    /// The final norm.
    ///
    /// # Shapes
    /// - x: `[.., hidden]`, as the last block leaves it; output the same
    pub fn normed<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        rms_norm(x, self.norm.get(), self.config.norm_eps)
    }
}
