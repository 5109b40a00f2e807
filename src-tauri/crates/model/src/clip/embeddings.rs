//! How does a picture become the tower's first row of tokens?

use burn::tensor::Tensor;
use eyewright_ops::linear;

use super::ClipConfig;
use crate::{
    trainable::{Trainable, Visit},
    weights::Loader,
};

/// Patch embedding, class token and learned positions.
///
/// CLIP writes the patch embedding as a convolution whose stride is its size; that is one matrix
/// multiplication over flattened patches.
#[derive(Clone, Debug)]
pub(super) struct PatchEmbeddings {
    /// `[hidden, 3 * patch_side * patch_side]`
    patch: Trainable<2>,
    class: Trainable<1>,
    /// `[1 + patches, hidden]`
    position: Trainable<2>,
    patch_side: usize,
}

impl PatchEmbeddings {
    pub(super) fn load(loader: &mut Loader<'_>, config: &ClipConfig) -> Self {
        let (hidden, side) = (config.hidden, config.patch_side);
        let place = "vision_model.embeddings";
        let in_file = [hidden, 3, side, side];
        let patch_name = format!("{place}.patch_embedding.weight");
        let patch = loader.reshaped(&patch_name, in_file, [hidden, 3 * side * side]);
        let positions = [1 + config.patches(), hidden];
        Self {
            class: loader.weight(format!("{place}.class_embedding"), [hidden]),
            patch: Trainable::frozen(patch_name, patch).stored_as(in_file),
            position: loader.weight(format!("{place}.position_embedding.weight"), positions),
            patch_side: side,
        }
    }

    pub(super) fn free(&mut self) {
        self.class.free();
        self.patch.free();
        self.position.free();
    }

    pub(super) fn each_trainable(&mut self, visit: Visit<'_>) {
        self.class.visit(visit);
        self.patch.visit(visit);
        self.position.visit(visit);
    }

    /// # Shapes
    /// - pixels: `[batch, 3, image_side, image_side]`
    /// - output: `[batch, 1 + patches, hidden]`
    pub(super) fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [batch, _, height, width] = pixels.dims();
        let side = self.patch_side;
        let (rows, columns) = (height / side, width / side);
        let dtype = pixels.dtype();
        let hidden = self.class.dims()[0];
        let whole = pixels.narrow(2, 0, rows * side).narrow(3, 0, columns * side);
        let patches = whole
            .reshape([batch, 3, rows, side, columns, side])
            .permute([0, 2, 4, 1, 3, 5]) // [batch, rows, columns, 3, side, side]
            .reshape([batch, rows * columns, 3 * side * side]);
        let patches = linear(patches, self.patch.cast(dtype), None); // [batch, patches, hidden]
        let class = self.class.cast(dtype).reshape([1, 1, hidden]).repeat_dim(0, batch);
        Tensor::cat(vec![class, patches], 1) + self.position.cast(dtype).unsqueeze::<3>()
    }
}
