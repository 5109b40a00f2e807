//! The whole model: what a language model sees with, and the two of them together.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{Segment, SpliceError, SplicedBatch, splice};
use crate::{clip::VisionTower, llm::Decoder, projector::Projector};

/// Tower and projector: pictures in, language-model embeddings out.
#[derive(Clone, Debug)]
pub struct VisionEye {
    /// The vision tower.
    pub tower: VisionTower,
    /// From the tower's width to the language model's.
    pub projector: Projector,
}

impl VisionEye {
    /// Encodes one normalised picture.
    ///
    /// # Shapes
    /// - pixels: `3 * side * side` values, channels first
    /// - output: `[1, tokens, hidden]`
    pub fn encode(&self, pixels: &[f32], dtype: DType, device: &Device) -> Tensor<3> {
        let side = self.tower.config().clip.image_side;
        let data = TensorData::new(pixels.to_vec(), [1, 3, side, side]);
        let pixels = Tensor::<4>::from_data(data, (device, DType::F32));
        let pixels =
            if dtype == DType::F32 { pixels } else { pixels.cast(burn::tensor::FloatDType::from(dtype)) };
        self.projector.forward(self.tower.forward(pixels))
    }
}

/// A language model, with or without an eye.
#[derive(Clone, Debug)]
pub struct Llava {
    /// The language model.
    pub decoder: Decoder,
    /// Absent for a model that only reads.
    pub eye: Option<VisionEye>,
}

impl Llava {
    /// Embeds conversations and runs the language model over them.
    ///
    /// # Shapes
    /// - features: `[pictures, tokens, hidden]`
    /// - output: `[batch, longest, vocab]` and each row's real length
    ///
    /// # Errors
    /// If a token id or a picture index is out of range.
    pub fn logits(
        &self,
        rows: &[Vec<Segment>],
        features: Option<&Tensor<3>>,
    ) -> Result<(Tensor<3>, Vec<usize>), SpliceError> {
        let SplicedBatch { embeddings, lengths } = splice(&self.decoder, rows, features)?;
        let padding = (lengths.len() > 1).then_some(lengths.as_slice());
        let hidden = self.decoder.forward(embeddings, padding);
        Ok((self.decoder.logits(hidden), lengths))
    }
}
