//! The decoder as training sees it: what of it is trained, and its blocks one at a time.
//!
//! A training step differentiates one place after the other; this file offers the places and does no
//! differentiation itself.

use burn::tensor::Tensor;
use eyewright_ops::{AttentionMask, Rope};

use super::Decoder;
use crate::{
    lora::{LoraConfig, Tune, TuneError},
    trainable::Visit,
};

/// A stretch of the decoder that is differentiated by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderPlace {
    /// The table of token embeddings. [`Decoder::embed`] reads it outside any graph: its gradient is the sum
    /// of its rows' gradients by token.
    Embeddings,
    /// One block, counted from the input.
    Block(usize),
    /// The final norm and the head.
    Head,
}

/// What all blocks need to know about the sequences they work on.
#[derive(Clone, Debug)]
pub struct Surroundings {
    rope: Rope,
    mask: AttentionMask,
}

impl Decoder {
    /// Prepares what is trained; new adapters start as PEFT's do, from `seed` and their layer's name.
    ///
    /// Adapters that were attached before are replaced by `Tune::Lora` where it has a target, and stay as they
    /// are otherwise.
    ///
    /// # Errors
    /// If a target does not exist, the rank is 0, or 4-bit weights should be trained in full. Nothing has
    /// changed then.
    pub fn tune(&mut self, how: &Tune, seed: u64) -> Result<(), TuneError> {
        match how {
            Tune::Frozen => Ok(()),
            Tune::Full => self.free(),
            Tune::Lora(config) => self.adapt(config, seed),
        }
    }

    fn free(&mut self) -> Result<(), TuneError> {
        // All blocks are stored alike, so the first one refuses before anything has changed.
        self.blocks.iter_mut().try_for_each(|block| block.free())?;
        self.embeddings.free();
        self.norm.free();
        if self.config().tied_head {
            self.head.tie(self.embeddings.clone());
            return Ok(());
        }
        self.head.free()
    }

    fn adapt(&mut self, config: &LoraConfig, seed: u64) -> Result<(), TuneError> {
        if config.rank == 0 {
            return Err(TuneError::NoRank);
        }
        let mut names = Vec::new();
        self.each_linear(&mut |linear| names.push(linear.name().to_owned()));
        if let Some(error) = config.unmatched(&names) {
            return Err(error);
        }
        let (head, device) = (self.head.name().to_owned(), self.device.clone());
        self.each_linear(&mut |linear| {
            if config.takes(linear.name(), linear.name() == head) {
                linear.adapt(config, seed, &device);
            }
        });
        Ok(())
    }

    /// All places, from the input to the output.
    pub fn places(&self) -> impl Iterator<Item = DecoderPlace> + use<> {
        let blocks = (0..self.blocks.len()).map(DecoderPlace::Block);
        std::iter::once(DecoderPlace::Embeddings).chain(blocks).chain([DecoderPlace::Head])
    }

    /// Visits what is trained at one place.
    pub fn each_trainable_at(&mut self, place: DecoderPlace, visit: Visit<'_>) {
        match place {
            DecoderPlace::Embeddings => self.embeddings.visit(visit),
            DecoderPlace::Block(index) => {
                if let Some(block) = self.blocks.get_mut(index) {
                    block.each_trainable(visit);
                }
            }
            DecoderPlace::Head => {
                self.norm.visit(visit);
                self.head.each_trainable(visit);
            }
        }
    }

    /// Visits everything that is trained.
    pub fn each_trainable(&mut self, visit: Visit<'_>) {
        for place in self.places() {
            self.each_trainable_at(place, visit);
        }
    }

    /// Adapters leave out inputs by masks that are a function of `pass`; `None` ends this.
    pub fn drop_out(&mut self, pass: Option<u64>) {
        self.each_linear(&mut |linear| linear.drop_out(pass));
    }

    /// As [`Self::drop_out`], for the head alone.
    pub fn drop_out_at_head(&mut self, pass: Option<u64>) {
        self.head.drop_out(pass);
    }

    /// For sequences of `seq` positions; `lengths` as in [`Self::forward`].
    pub fn surroundings(&self, seq: usize, lengths: Option<&[usize]>) -> Surroundings {
        Surroundings {
            rope: self.config().rope.init(0, seq, self.dtype(), &self.device),
            mask: AttentionMask::causal(seq, 0, self.config().window, lengths, &self.device),
        }
    }

    /// One block over complete texts.
    ///
    /// # Shapes
    /// - x: `[batch, seq, hidden]`; output the same
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, index: usize, x: Tensor<3>, surroundings: &Surroundings) -> Tensor<3> {
        self.blocks[index].forward(x, &surroundings.rope, &surroundings.mask, None)
    }
}
