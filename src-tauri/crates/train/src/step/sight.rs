//! How does the model see the pictures of a micro-batch, and how does the eye learn from it?

use burn::tensor::{DType, Tensor, TensorData};
use eyewright_model::{
    clip::TowerPlace,
    llava::{Llava, VisionEye},
};
use eyewright_ops::to_dtype;

use super::{
    batch::{BatchError, MicroBatch, Pictures},
    parts::{Part, any_trained, collect},
};
use crate::gradients::Gradients;

/// What the model saw on its way to the projector's output.
pub(super) struct Sight {
    /// Normalised pixels, where the tower was run.
    pixels: Option<Tensor<4>>,
    /// Inputs of the tower's blocks, where it is trained.
    inputs: Vec<Tensor<3>>,
    /// What the projector's stretch starts from: the tower's last state, or cached features.
    last: Tensor<3>,
    /// `[pictures, tokens, hidden]`
    pub(super) projected: Tensor<3>,
    /// Positions per picture.
    pub(super) tokens: usize,
}

impl Sight {
    pub(super) fn of(model: &Llava, batch: &MicroBatch, keep: bool) -> Result<Option<Self>, BatchError> {
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

pub(super) fn eye_is_trained(eye: &mut VisionEye) -> bool {
    any_trained(|visit| eye.projector.each_trainable(visit)) || tower_is_trained(eye)
}

pub(super) fn tower_is_trained(eye: &mut VisionEye) -> bool {
    any_trained(|visit| eye.tower.each_trainable(visit))
}

/// Adds the gradients of projector and tower to `sums`.
///
/// # Shapes
/// - d_features: `[pictures, tokens, hidden]`, of the projector's output
pub(super) fn differentiate_eye(
    eye: &mut VisionEye,
    sight: Sight,
    d_features: Tensor<3>,
    sums: &mut Gradients,
) {
    let Sight { pixels, mut inputs, last, .. } = sight;
    let lowest = lowest_trained(eye).filter(|_| pixels.is_some());
    eye.projector.each_trainable(&mut |weight| weight.track());
    let leaf = graph_leaf(last, lowest.is_some());
    let mut tape = (project(eye, pixels.is_some(), leaf.clone()) * d_features).backward();
    collect(Part::Projector, &mut tape, sums, |visit| eye.projector.each_trainable(visit));
    let (Some(lowest), Some(mut gradient)) = (lowest, leaf.grad_remove(&mut tape)) else { return };
    for place in eye.tower.places().collect::<Vec<_>>().into_iter().rev() {
        eye.tower.each_trainable_at(place, &mut |weight| weight.track());
        let (leaf, output) = match (place, &pixels) {
            (TowerPlace::Block(index), _) => {
                let Some(input) = inputs.pop() else { return };
                let leaf = graph_leaf(input, place != lowest);
                (Some(leaf.clone()), eye.tower.block(index, leaf))
            }
            (TowerPlace::Start, Some(pixels)) => (None, eye.tower.start(pixels.clone())),
            (TowerPlace::Start, None) => return,
        };
        let mut tape = (output * gradient).backward();
        collect(Part::Tower, &mut tape, sums, |visit| eye.tower.each_trainable_at(place, visit));
        match leaf.and_then(|leaf| leaf.grad_remove(&mut tape)) {
            Some(below) if place != lowest => gradient = below,
            _ => return,
        }
    }
}

/// The first place of the tower, from the input, where something is trained.
fn lowest_trained(eye: &mut VisionEye) -> Option<TowerPlace> {
    let tower = &mut eye.tower;
    tower.places().find(|place| any_trained(|visit| tower.each_trainable_at(*place, visit)))
}

/// An input that is part of a graph if its gradient is wanted.
pub(super) fn graph_leaf(x: Tensor<3>, wanted: bool) -> Tensor<3> {
    if wanted { x.autodiff().require_grad() } else { x }
}
