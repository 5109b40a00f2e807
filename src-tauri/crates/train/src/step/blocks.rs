//! How do gradients come down through the blocks of the language model?
//!
//! With checkpointing every block is computed a second time from its kept input, with its weights tracked: the
//! graph of one block (and its dequantised weights) is all that ever exists. Without, all blocks are one graph.

use burn::tensor::{Gradients as Tape, Tensor};
use eyewright_model::{
    llava::Llava,
    llm::{DecoderPlace, Surroundings},
};

use super::{
    parts::{Part, any_trained, collect},
    sight::graph_leaf,
};
use crate::gradients::Gradients;

/// Who waits for a gradient below the language model's blocks.
#[derive(Clone, Copy)]
pub(super) struct Below {
    pub(super) embeddings: bool,
    pub(super) eye: bool,
}

/// The blocks of the language model, there and back.
pub(super) struct Blocks<'a> {
    pub(super) model: &'a mut Llava,
    pub(super) surroundings: Surroundings,
    pub(super) below: Below,
    pub(super) checkpointing: bool,
    pub(super) sums: &'a mut Gradients,
}

/// What is kept for the way back.
pub(super) enum Kept {
    /// Inputs of the blocks from the lowest that is differentiated, and that block's index.
    Inputs(usize, Vec<Tensor<3>>),
    /// The graph of all blocks: its leaf and its result.
    Graph(Tensor<3>, Tensor<3>),
    /// Nothing below the head is trained.
    Nothing,
}

impl Blocks<'_> {
    fn count(&self) -> usize {
        self.model.decoder.config().layers
    }

    fn wants_embeddings(&self) -> bool {
        self.below.embeddings || self.below.eye
    }

    /// The lowest block that has to be differentiated.
    fn lowest(&mut self) -> Option<usize> {
        if self.wants_embeddings() {
            return Some(0);
        }
        let decoder = &mut self.model.decoder;
        let mut blocks = 0..decoder.config().layers;
        blocks
            .find(|index| any_trained(|visit| decoder.each_trainable_at(DecoderPlace::Block(*index), visit)))
    }

    /// The last block's output, outside any graph, and what the way back needs.
    pub(super) fn forward(&mut self, embeddings: Tensor<3>) -> (Tensor<3>, Kept) {
        let lowest = self.lowest();
        let mut x = embeddings;
        if let (false, Some(_)) = (self.checkpointing, lowest) {
            for index in 0..self.count() {
                self.model
                    .decoder
                    .each_trainable_at(DecoderPlace::Block(index), &mut |weight| weight.track());
            }
            let leaf = graph_leaf(x, self.wants_embeddings());
            let top = (0..self.count()).fold(leaf.clone(), |x, index| self.block(index, x));
            return (top.clone().inner(), Kept::Graph(leaf, top));
        }
        let mut inputs = Vec::new();
        for index in 0..self.count() {
            if lowest.is_some_and(|lowest| index >= lowest) {
                inputs.push(x.clone());
            }
            x = self.block(index, x);
        }
        (x, lowest.map_or(Kept::Nothing, |lowest| Kept::Inputs(lowest, inputs)))
    }

    /// From the gradient of the last block's output to that of the embeddings, if anyone waits for it.
    pub(super) fn backward(&mut self, kept: Kept, d_top: Tensor<3>) -> Option<Tensor<3>> {
        match kept {
            Kept::Nothing => None,
            Kept::Graph(leaf, top) => {
                let mut tape = (top * d_top).backward();
                for index in 0..self.count() {
                    self.collect(index, &mut tape);
                }
                leaf.grad_remove(&mut tape)
            }
            Kept::Inputs(lowest, mut inputs) => {
                let mut gradient = d_top;
                for index in (lowest..self.count()).rev() {
                    let input = inputs.pop()?;
                    let wants_input = index > lowest || self.wants_embeddings();
                    let place = DecoderPlace::Block(index);
                    self.model.decoder.each_trainable_at(place, &mut |weight| weight.track());
                    let leaf = graph_leaf(input, wants_input);
                    // Seeded with ones, the product's gradient by the block's output is exactly `gradient`.
                    let mut tape = (self.block(index, leaf.clone()) * gradient).backward();
                    self.collect(index, &mut tape);
                    gradient = leaf.grad_remove(&mut tape)?;
                }
                Some(gradient)
            }
        }
    }

    fn block(&self, index: usize, x: Tensor<3>) -> Tensor<3> {
        self.model.decoder.block(index, x, &self.surroundings)
    }

    fn collect(&mut self, index: usize, tape: &mut Tape) {
        let decoder = &mut self.model.decoder;
        collect(Part::Llm, tape, self.sums, |visit| {
            decoder.each_trainable_at(DecoderPlace::Block(index), visit)
        });
    }
}
