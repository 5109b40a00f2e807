//! How does one micro-batch become gradients?
//!
//! The network is differentiated stretch by stretch, from the head down, as explicit vector-Jacobian products:
//! a stretch is computed with its weights tracked, multiplied with the gradient of its output, and
//! differentiated. Rows are picked and put back outside any graph.

use burn::tensor::{DType, Device, IndexingUpdateOp, Int, Tensor, TensorData};
use eyewright_model::{
    llava::{Llava, splice},
    llm::{DecoderPlace, Surroundings},
};
use eyewright_ops::{to_dtype, token_losses, token_losses_and_gradient};

use super::{
    batch::{BatchError, Layout, MicroBatch},
    blocks::{Below, Blocks},
    parts::{Part, any_trained, collect},
    sight::{Sight, differentiate_eye, eye_is_trained, tower_is_trained},
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
    /// The key of this pass's dropout masks.
    pub(super) dropout: u64,
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
    for (start, count) in chunks(rows.dims()[0], model.decoder.config().vocab, logits_at_a_time) {
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
    // A frozen tower is never differentiated, so what came into its blocks is not needed again.
    let keep = model.eye.as_mut().is_some_and(tower_is_trained);
    let sight = Sight::of(model, batch, keep)?;
    let embeddings = spliced(model, batch, sight.as_ref())?;
    let below = Below {
        embeddings: any_trained(|visit| model.decoder.each_trainable_at(DecoderPlace::Embeddings, visit)),
        eye: sight.is_some() && model.eye.as_mut().is_some_and(eye_is_trained),
    };
    let surroundings = surroundings(model, layout);
    let mut blocks = Blocks { model, surroundings, below, checkpointing: config.checkpointing, sums };
    let (top, kept) = blocks.forward(embeddings);
    let (loss, d_top) = head(blocks.model, top, layout, config, blocks.sums);
    let Some(d_embeddings) = d_top.and_then(|d_top| blocks.backward(kept, d_top)) else { return Ok(loss) };
    let [batch_size, seq, hidden] = d_embeddings.dims();
    let d_rows = d_embeddings.reshape([batch_size * seq, hidden]);
    if below.embeddings {
        embedding_rows(model, layout, d_rows.clone(), sums);
    }
    if let (true, Some(sight), Some(eye)) = (below.eye, sight, model.eye.as_mut()) {
        let d_features = picture_rows(layout, &d_rows, sight.tokens);
        differentiate_eye(eye, sight, d_features, sums);
    }
    Ok(loss)
}

fn spliced(model: &Llava, batch: &MicroBatch, sight: Option<&Sight>) -> Result<Tensor<3>, BatchError> {
    let rows: Vec<_> = batch.rows.iter().map(|row| row.segments.clone()).collect();
    Ok(splice(&model.decoder, &rows, sight.map(|sight| &sight.projected))?.embeddings)
}

/// Padding stands on the right, so no real position looks at it, and what it sees itself is thrown away: one mask
/// serves all rows, instead of one each that would have to be made and sent anew for every pass.
fn surroundings(model: &Llava, layout: &Layout) -> Surroundings {
    model.decoder.surroundings(layout.longest, None)
}

/// Norm, head and loss of the learned rows, a few rows at a time: losses' sum, and the gradient of the last
/// block's output (`None` without learned rows).
fn head(
    model: &mut Llava,
    top: Tensor<3>,
    layout: &Layout,
    config: PassConfig,
    sums: &mut Gradients,
) -> (Tensor<1>, Option<Tensor<3>>) {
    let (dims, device) = (top.dims(), top.device());
    let (rows, targets) = learned_rows(top, layout);
    let decoder = &mut model.decoder;
    let vocab = decoder.config().vocab;
    let mut loss = Tensor::zeros([1], (&device, DType::F32));
    let mut d_rows = Vec::new();
    for (start, count) in chunks(rows.dims()[0], vocab, config.logits_at_a_time) {
        // A chunk has masks of its own; it is computed once, so they need not be found again.
        decoder.drop_out_at_head(Some(config.dropout.wrapping_add(start as u64)));
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

/// Stretches of at most `at_a_time` elements of `[rows, vocab]`, at least a row each.
fn chunks(rows: usize, vocab: usize, at_a_time: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = (at_a_time / vocab.max(1)).max(1);
    (0..rows).step_by(size).map(move |start| (start, size.min(rows - start)))
}

/// The hidden states that tokens are learned from, `[learned, hidden]`, and those tokens.
fn learned_rows(top: Tensor<3>, layout: &Layout) -> (Tensor<2>, Tensor<1, Int>) {
    let ([batch, seq, hidden], device) = (top.dims(), top.device());
    let at = indices(layout.learned.iter().map(|(at, _)| *at), &device);
    let targets = indices(layout.learned.iter().map(|(_, id)| *id as usize), &device);
    (top.reshape([batch * seq, hidden]).select(0, at), targets)
}

/// Learned rows back in their places, zeros everywhere else. Picking from the rows and one row of zeros is
/// fast on every device; writing into place is not.
fn spread(mut rows: Vec<Tensor<2>>, layout: &Layout, [batch, seq, hidden]: [usize; 3]) -> Option<Tensor<3>> {
    let first = rows.first()?;
    let (device, dtype) = (first.device(), first.dtype());
    rows.push(Tensor::zeros([1, hidden], (&device, dtype)));
    let mut source = vec![layout.learned.len(); batch * seq];
    for (row, (at, _)) in layout.learned.iter().enumerate() {
        source[*at] = row;
    }
    let spread = Tensor::cat(rows, 0).select(0, indices(source.into_iter(), &device));
    Some(spread.reshape([batch, seq, hidden]))
}

/// The gradient of the embedding table: each token's rows added up.
fn embedding_rows(model: &mut Llava, layout: &Layout, d_rows: Tensor<2>, sums: &mut Gradients) {
    let device = d_rows.device();
    let (vocab, hidden) = (model.decoder.config().vocab, model.decoder.config().hidden);
    let at = indices(layout.texts.iter().map(|(at, _)| *at), &device);
    let ids = indices(layout.texts.iter().map(|(_, id)| *id as usize), &device);
    let rows = to_dtype(d_rows.select(0, at), DType::F32);
    let table = Tensor::<2>::zeros([vocab, hidden], (&device, DType::F32));
    let table = table.select_assign(0, ids, rows, IndexingUpdateOp::Add).reshape([vocab * hidden]);
    model.decoder.each_trainable_at(DecoderPlace::Embeddings, &mut |weight| {
        sums.add(Part::Llm.full_name(weight.name()), table.clone());
    });
}

/// The gradient of each picture's features: what its places in the text received, added up.
///
/// # Shapes
/// - d_rows: `[batch * seq, hidden]`; output: `[pictures, tokens, hidden]`
fn picture_rows(layout: &Layout, d_rows: &Tensor<2>, tokens: usize) -> Tensor<3> {
    let [rows, hidden] = d_rows.dims();
    let (device, dtype) = (d_rows.device(), d_rows.dtype());
    let with_zeros = Tensor::cat(vec![d_rows.clone(), Tensor::zeros([1, hidden], (&device, dtype))], 0);
    // The first place of every picture in one pick, then the second of those that have one, and so on.
    let most = layout.places.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let nth = |number: usize| {
        let picked = layout.places.iter().flat_map(|places| {
            let start = places.get(number).copied();
            (0..tokens).map(move |token| start.map_or(rows, |start| start + token))
        });
        with_zeros.clone().select(0, indices(picked, &device))
    };
    let sum = (1..most).fold(nth(0), |sum, number| sum + nth(number));
    sum.reshape([layout.places.len(), tokens, hidden])
}

fn indices(values: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.map(|value| value as i32).collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), (device, DType::I32))
}
