//! What does a model need in order to chat: networks, tokenizer, template, and eyes for pictures.

use burn::tensor::{DType, Device, Tensor};
use eyewright_data::{
    conversation::{BosMode, Piece, PromptPieces},
    image::{ImageProcessor, Picture, SquareMode},
    template::ChatTemplate,
    tokenizer::Tokenizer,
};
use eyewright_model::llava::{Llava, Segment};

use crate::{
    generate::{ChatError, Ends, to_host},
    stop::StopWatch,
};

/// A loaded model with all that turns pictures and text into its input and its output into text.
#[derive(Debug)]
pub struct ChatModel {
    /// The networks.
    pub llava: Llava,
    /// Text to ids and back.
    pub tokenizer: Tokenizer,
    /// How questions and answers are written for this model.
    pub template: ChatTemplate,
    /// How pictures are prepared; absent for a model without eyes.
    pub processor: Option<ImageProcessor>,
    /// How pictures are made square.
    pub square: SquareMode,
    /// Where the tokens of BOS go.
    pub bos: BosMode,
    /// Where it computes.
    pub device: Device,
    /// The dtype of weights and activations.
    pub dtype: DType,
}

impl ChatModel {
    /// Encodes pictures for the language model, one after the other.
    ///
    /// # Shapes
    /// - output: `[pictures, tokens, hidden]`, `None` without pictures
    ///
    /// # Errors
    /// If the model has no eyes.
    pub fn encode(&self, pictures: &[Picture]) -> Result<Option<Tensor<3>>, ChatError> {
        if pictures.is_empty() {
            return Ok(None);
        }
        let (Some(eye), Some(processor)) = (&self.llava.eye, &self.processor) else {
            return Err(ChatError::NoEye);
        };
        let encode = |picture| {
            let pixels = processor.preprocess(picture, self.square);
            eye.encode(&pixels, self.dtype, &self.device)
        };
        Ok(Some(Tensor::cat(pictures.iter().map(encode).collect(), 0)))
    }

    /// Waits until the device has done all it was given.
    pub(crate) fn finish(&self) -> Result<(), ChatError> {
        self.device.sync().map_err(|error| ChatError::Device { reason: error.to_string() })
    }

    /// Tokens one picture takes in the conversation.
    pub fn picture_tokens(&self) -> usize {
        self.llava.eye.as_ref().map_or(0, |eye| eye.tower.config().tokens())
    }

    /// The prompt's token ids, -200 at every place of a picture's features, and the scores after each of them.
    ///
    /// # Shapes
    /// - scores: `[ids, vocab]` as rows in one list
    ///
    /// # Errors
    /// If an id or a picture is out of range, or the device fails.
    pub fn prompt_scores(
        &self,
        prompt: &PromptPieces,
        features: Option<&Tensor<3>>,
    ) -> Result<(Vec<i64>, Vec<f32>), ChatError> {
        let (logits, _) = self.llava.logits(&[segments(prompt)], features)?;
        let mut ids = Vec::new();
        for piece in &prompt.pieces {
            match piece {
                Piece::Text(text) => ids.extend(text.iter().map(|id| i64::from(*id))),
                Piece::Image(_) => ids.extend(std::iter::repeat_n(-200, self.picture_tokens())),
            }
        }
        Ok((ids, to_host(logits)?))
    }

    pub(crate) fn ends(&self, stop: &[String]) -> Ends {
        let mut ids = self.tokenizer.end_ids().to_vec();
        ids.extend(self.tokenizer.eos());
        // A stop word that is one token is better watched as that token: the stream leaves special tokens out.
        ids.extend(self.template.stop_words().iter().filter_map(|word| self.tokenizer.id(word)));
        let words = self.template.stop_words().iter().chain(stop).cloned();
        Ends { ids, watch: StopWatch::new(words) }
    }
}

/// The conversation as the networks take it.
pub(crate) fn segments(prompt: &PromptPieces) -> Vec<Segment> {
    let segment = |piece: &Piece| match piece {
        Piece::Text(ids) => Segment::Text(ids.clone()),
        Piece::Image(image) => Segment::Image(*image),
    };
    prompt.pieces.iter().map(segment).collect()
}
