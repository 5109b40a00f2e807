//! How does one micro-batch become gradients?
//!
//! The network is differentiated stretch by stretch, from the head down, as explicit vector-Jacobian products:
//! a stretch is computed again from its kept input with its weights tracked, multiplied with the gradient of
//! its output, and differentiated. With checkpointing a stretch is one block, so that the graph of one block
//! (and its dequantised weights) is all that ever exists; without, it is all blocks of the language model.

use burn::tensor::{DType, IndexingUpdateOp, Int, Tensor, TensorData};
use eyewright_model::{
    clip::TowerPlace,
    llava::{Llava, VisionEye, splice},
    llm::{DecoderPlace, Surroundings},
};
use eyewright_ops::{to_dtype, token_losses, token_losses_and_gradient};

use super::{
    batch::{BatchError, Layout, MicroBatch, Pictures},
    parts::{Part, any_trained, collect},
};
use crate::gradients::Gradients;

/// What all passes of a step have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassConfig {
    /// One block at a time.
    pub(super) checkpointing: bool,
    /// What a token's loss is multiplied by in the gradients.
    pub(super) weight: f64,
    /// Elements of `[rows, vocab]` that may exist at a time.
    pub(super) logits_at_a_time: usize,
}

/// Sum of the losses of all learned tokens, `[1]`, f32; nothing is differentiated.
pub(super) fn loss_sum(
    model: &Llava,
    batch: &MicroBatch,
    layout: &Layout,
    logits_at_a_time: usize,
) -> Result<Tensor<1>, BatchError> {
    let sight = Sight::of(model, batch, false)?;
    let embeddings = spliced(model, batch, sight.as_ref())?;
    let surroundings = surroundings(model, layout);
    let blocks = model.decoder.config().layers;
    let top = (0..blocks).fold(embeddings, |x, index| model.decoder.block(index, x, &surroundings));
    let (rows, targets) = learned_rows(top, layout);
    let mut sum = Tensor::zeros([1], (&rows.device(), DType::F32));
    for (start, count) in chunks(rows.dims()[0], model, logits_at_a_time) {
        let normed = model.decoder.normed(rows.clone().narrow(0, start, count));
        let logits = model.decoder.logits(normed);
        sum = sum + token_losses(logits, targets.clone().narrow(0, start, count)).sum();
    }
    Ok(sum)
}

/// Adds the gradients of one micro-batch to `sums` and returns the sum of its losses as [`loss_sum`] does.
pub(super) fn differentiate(
    model: &mut Llava,
    batch: &MicroBatch,
    layout: &Layout,
    config: PassConfig,
    sums: &mut Gradients,
) -> Result<Tensor<1>, BatchError> {
    let sight = Sight::of(model, batch, true)?;
    let embeddings = spliced(model, batch, sight.as_ref())?;
    let below = Below {
        embeddings: any_trained(|visit| model.decoder.each_trainable_at(DecoderPlace::Embeddings, visit)),
        eye: sight.is_some() && model.eye.as_mut().is_some_and(eye_is_trained),
    };
    let surroundings = surroundings(model, layout);
    let mut blocks = Blocks { model, surroundings, below, checkpointing: config.checkpointing, sums };
    let (top, kept) = blocks.forward(embeddings);
    let (loss, d_top) = head(blocks.model, top, layout, config, blocks.sums);
    let Some(d_embeddings) = blocks.backward(kept, d_top) else { return Ok(loss) };
    let [batch_size, seq, hidden] = d_embeddings.dims();
    let d_rows = d_embeddings.reshape([batch_size * seq, hidden]);
    if below.embeddings {
        embedding_rows(model, layout, d_rows.clone(), sums);
    }
    if let (true, Some(sight), Some(eye)) = (below.eye, sight, model.eye.as_mut()) {
        let d_features = picture_rows(layout, &d_rows, sight.tokens);
        see_backward(eye, sight, d_features, sums);
    }
    Ok(loss)
}

/// What the model saw on its way to the projector's output.
struct Sight {
    /// Normalised pixels, where the tower was run.
    pixels: Option<Tensor<4>>,
    /// Inputs of the tower's blocks, where it is trained.
    inputs: Vec<Tensor<3>>,
    /// What the projector's stretch starts from: the tower's last state, or cached features.
    last: Tensor<3>,
    /// `[pictures, tokens, hidden]`
    projected: Tensor<3>,
    /// Positions per picture.
    tokens: usize,
}

impl Sight {
    fn of(model: &Llava, batch: &MicroBatch, keep: bool) -> Result<Option<Self>, BatchError> {
        let pictures = batch.pictures.count();
        if pictures == 0 {
            return Ok(None);
        }
        let eye = model.eye.as_ref().ok_or(BatchError::NoEye { pictures })?;
        let (pixels, inputs, last) = match &batch.pictures {
            Pictures::None => return Ok(None),
            Pictures::Features(features) => (None, Vec::new(), checked_features(eye, model, features)?),
            Pictures::Pixels(pixels) => {
                let pixels = pixel_tensor(eye, model, pixels)?;
                let mut x = eye.tower.start(pixels.clone());
                let mut inputs = Vec::new();
                for place in eye.tower.places() {
                    let TowerPlace::Block(index) = place else { continue };
                    if keep {
                        inputs.push(x.clone());
                    }
                    x = eye.tower.block(index, x);
                }
                (Some(pixels), inputs, x)
            }
        };
        let projected = project(eye, pixels.is_some(), last.clone());
        let tokens = projected.dims()[1];
        Ok(Some(Self { pixels, inputs, last, projected, tokens }))
    }
}

/// The projector's stretch.
fn project(eye: &VisionEye, from_tower: bool, last: Tensor<3>) -> Tensor<3> {
    eye.projector.forward(if from_tower { eye.tower.selected(last) } else { last })
}

fn pixel_tensor(eye: &VisionEye, model: &Llava, pixels: &[Vec<f32>]) -> Result<Tensor<4>, BatchError> {
    let side = eye.tower.config().clip.image_side;
    let expected = 3 * side * side;
    if let Some((picture, found)) =
        pixels.iter().map(Vec::len).enumerate().find(|(_, length)| *length != expected)
    {
        return Err(BatchError::PixelCount { picture, expected, found });
    }
    let data = TensorData::new(pixels.concat(), [pixels.len(), 3, side, side]);
    let pixels = Tensor::from_data(data, (model.decoder.device(), DType::F32));
    Ok(to_dtype(pixels, model.decoder.dtype()))
}

fn checked_features(eye: &VisionEye, model: &Llava, features: &Tensor<3>) -> Result<Tensor<3>, BatchError> {
    let [_, tokens, width] = features.dims();
    let expected = [eye.tower.config().tokens(), eye.projector.config().vision_width];
    if [tokens, width] != expected {
        return Err(BatchError::FeatureShape { expected, found: [tokens, width] });
    }
    Ok(to_dtype(features.clone(), model.decoder.dtype()))
}

fn spliced(model: &Llava, batch: &MicroBatch, sight: Option<&Sight>) -> Result<Tensor<3>, BatchError> {
    let rows: Vec<_> = batch.rows.iter().map(|row| row.segments.clone()).collect();
    Ok(splice(&model.decoder, &rows, sight.map(|sight| &sight.projected))?.embeddings)
}

fn surroundings(model: &Llava, layout: &Layout) -> Surroundings {
    let padded = (layout.lengths.len() > 1).then_some(layout.lengths.as_slice());
    model.decoder.surroundings(layout.longest, padded)
}

fn eye_is_trained(eye: &mut VisionEye) -> bool {
    any_trained(|visit| eye.projector.each_trainable(visit)) || tower_is_trained(eye)
}

pub(super) fn tower_is_trained(eye: &mut VisionEye) -> bool {
    any_trained(|visit| eye.tower.each_trainable(visit))
}

/// Who waits for a gradient below the language model's blocks.
#[derive(Clone, Copy)]
struct Below {
    embeddings: bool,
    eye: bool,
}

/// The blocks of the language model, there and back.
struct Blocks<'a> {
    model: &'a mut Llava,
    surroundings: Surroundings,
    below: Below,
    checkpointing: bool,
    sums: &'a mut Gradients,
}

/// What is kept for the way back.
enum Kept {
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
        blocks.find(|index| any_trained(|visit| decoder.each_trainable_at(DecoderPlace::Block(*index), visit)))
    }

    /// The last block's output, outside any graph, and what the way back needs.
    fn forward(&mut self, embeddings: Tensor<3>) -> (Tensor<3>, Kept) {
        let lowest = self.lowest();
        let mut x = embeddings;
        if let (false, Some(_)) = (self.checkpointing, lowest) {
            for index in 0..self.count() {
                self.model.decoder.each_trainable_at(DecoderPlace::Block(index), &mut |weight| weight.track());
            }
            let leaf = leaf(x, self.wants_embeddings());
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
    fn backward(&mut self, kept: Kept, d_top: Tensor<3>) -> Option<Tensor<3>> {
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
                    let leaf = leaf(input, wants_input);
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

    fn collect(&mut self, index: usize, tape: &mut burn::tensor::Gradients) {
        let decoder = &mut self.model.decoder;
        collect(Part::Llm, tape, self.sums, |visit| decoder.each_trainable_at(DecoderPlace::Block(index), visit));
    }
}

fn leaf(x: Tensor<3>, wanted: bool) -> Tensor<3> {
    if wanted { x.autodiff().require_grad() } else { x }
}

/// Norm, head and loss of the learned rows, a few rows at a time: losses' sum, and the gradient of the last
/// block's output.
fn head(
    model: &mut Llava,
    top: Tensor<3>,
    layout: &Layout,
    config: PassConfig,
    sums: &mut Gradients,
) -> (Tensor<1>, Tensor<3>) {
    let (dims, device) = (top.dims(), top.device());
    let (rows, targets) = learned_rows(top, layout);
    let decoder = &mut model.decoder;
    let mut loss = Tensor::zeros([1], (&device, DType::F32));
    let mut d_rows = Vec::new();
    let learned = rows.dims()[0];
    for (start, count) in chunks(learned, model_of(decoder), config.logits_at_a_time) {
        decoder.each_trainable_at(DecoderPlace::Head, &mut |weight| weight.track());
        let leaf = rows.clone().narrow(0, start, count).autodiff().require_grad();
        let logits = decoder.logits(decoder.normed(leaf.clone())); // [count, vocab]
        let targets = targets.clone().narrow(0, start, count);
        let (losses, d_logits) = token_losses_and_gradient(logits.clone().inner(), targets, config.weight);
        loss = loss + losses.sum();
        let d_logits = to_dtype(d_logits, logits.dtype());
        let mut tape = (logits * d_logits).backward();
        collect(Part::Llm, &mut tape, sums, |visit| decoder.each_trainable_at(DecoderPlace::Head, visit));
        d_rows.extend(leaf.grad_remove(&mut tape));
    }
    (loss, spread(d_rows, layout, dims))
}
