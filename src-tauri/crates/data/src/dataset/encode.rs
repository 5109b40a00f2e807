//! How does a row become token ids, labels and picture files?

use std::path::PathBuf;

use super::{ImageFolder, Record, RowProblem};
use crate::{
    conversation::{EncodedExample, check_images, encode_example},
    template::ChatTemplate,
    tokenizer::Tokenizer,
};

/// What a row may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderLimits {
    /// Tokens, a picture counting as one; what is longer is cut off.
    pub max_length: usize,
    /// Positions of one picture in the language model; 0 for a model that cannot see.
    pub picture_tokens: usize,
    /// Positions the language model has.
    pub max_positions: usize,
}

/// Turns rows into examples.
#[derive(Debug)]
pub struct RowEncoder {
    /// How questions and answers are written.
    pub template: ChatTemplate,
    /// Text to ids.
    pub tokenizer: Tokenizer,
    /// In front of every conversation; empty for none.
    pub system: String,
    /// Where pictures are; without one, rows may have none.
    pub images: Option<ImageFolder>,
    /// What a row may take.
    pub limits: EncoderLimits,
}

/// A row ready to be trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRow {
    /// Tokens and labels.
    pub example: EncodedExample,
    /// The files of its pictures, in the order of their first appearance.
    pub pictures: Vec<PathBuf>,
}

impl RowEncoder {
    /// Encodes a row and finds its pictures, which are not opened.
    ///
    /// # Errors
    /// Whatever keeps the row from being trained on.
    pub fn encode(&self, record: &Record) -> Result<EncodedRow, RowProblem> {
        let turns = record.turns()?;
        if !record.images.is_empty() && self.limits.picture_tokens == 0 {
            return Err(RowProblem::NoEye);
        }
        check_images(&turns, record.images.len()).map_err(RowProblem::Conversation)?;
        let system = Some(self.system.as_str()).filter(|system| !system.is_empty());
        let max_length = self.limits.max_length;
        let example = encode_example(&self.template, &self.tokenizer, system, &turns, max_length)
            .map_err(RowProblem::Conversation)?;
        // A label on the very first position has nothing before it to be learned from.
        if example.labels.iter().skip(1).flatten().next().is_none() {
            return Err(if example.truncated {
                RowProblem::OverLong { limit: max_length }
            } else {
                RowProblem::NothingToLearn
            });
        }
        let seen = example.images();
        let positions = example.tokens.len() + seen * self.limits.picture_tokens.saturating_sub(1);
        if positions > self.limits.max_positions {
            return Err(RowProblem::Positions { positions, limit: self.limits.max_positions });
        }
        let names = record.images.iter().take(seen);
        let folder = self.images.as_ref();
        let pictures = names
            .map(|name| folder.ok_or(RowProblem::NoEye).and_then(|folder| folder.resolve(name)))
            .collect::<Result<_, _>>()?;
        Ok(EncodedRow { example, pictures })
    }
}
