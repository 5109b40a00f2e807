//! Where do a picture's tokens stand among the text's?
//!
//! Knows positions and embeddings only: no pixels, no tokenizer. The caller has cut each text at its pictures.

use burn::tensor::Tensor;

use crate::llm::Decoder;

/// One stretch of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Token ids.
    Text(Vec<u32>),
    /// The picture with this index among the features given to [`splice`].
    Image(usize),
}

/// A batch of embedded conversations, padded on the right with zeros.
#[derive(Clone, Debug)]
pub struct SplicedBatch {
    /// `[batch, longest, hidden]`
    pub embeddings: Tensor<3>,
    /// Real tokens of each row.
    pub lengths: Vec<usize>,
}

/// The segments do not fit the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// A token id the embedding table has no row for.
    #[error(
        "token id {id} (row {row}) is outside the model's vocabulary of {vocab}; \
         the tokenizer belongs to another model"
    )]
    TokenOutside {
        /// Row of the batch.
        row: usize,
        /// The id.
        id: u32,
        /// Rows of the embedding table.
        vocab: usize,
    },
    /// A picture that was not given.
    #[error("row {row} refers to picture {image}, but {images} pictures were given")]
    ImageOutside {
        /// Row of the batch.
        row: usize,
        /// The index.
        image: usize,
        /// Pictures given.
        images: usize,
    },
    /// A conversation without a single token.
    #[error("row {row} has no tokens")]
    Empty {
        /// Row of the batch.
        row: usize,
    },
}

/// Embeds each row's texts and puts the features of its pictures between them.
///
/// Pictures are named by index, so a row may have none or many and rows never influence one another (XTuner
/// counts pictures through the batch and goes out of step when a row has two).
///
/// # Shapes
/// - features: `[pictures, tokens, hidden]`, already projected; `None` for text alone
/// - output: `[batch, longest, hidden]`
///
/// # Errors
/// If an id or a picture index is out of range, or a row is empty.
pub fn splice(
    decoder: &Decoder,
    rows: &[Vec<Segment>],
    features: Option<&Tensor<3>>,
) -> Result<SplicedBatch, SpliceError> {
    let images = features.map_or(0, |features| features.dims()[0]);
    check(rows, decoder.config().vocab, images)?;
    let embedded: Vec<Tensor<2>> = rows.iter().map(|row| embed_row(decoder, row, features)).collect();
    let lengths: Vec<usize> = embedded.iter().map(|row| row.dims()[0]).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let padded = embedded.into_iter().map(|row| pad(row, longest).unsqueeze::<3>()).collect();
    Ok(SplicedBatch { embeddings: Tensor::cat(padded, 0), lengths })
}

fn check(rows: &[Vec<Segment>], vocab: usize, images: usize) -> Result<(), SpliceError> {
    for (row, segments) in rows.iter().enumerate() {
        let mut tokens = 0;
        for segment in segments {
            match segment {
                Segment::Text(ids) => {
                    if let Some(id) = ids.iter().find(|id| **id as usize >= vocab) {
                        return Err(SpliceError::TokenOutside { row, id: *id, vocab });
                    }
                    tokens += ids.len();
                }
                Segment::Image(image) if *image >= images => {
                    return Err(SpliceError::ImageOutside { row, image: *image, images });
                }
                Segment::Image(_) => tokens += 1,
            }
        }
        if tokens == 0 {
            return Err(SpliceError::Empty { row });
        }
    }
    Ok(())
}

/// All of a row's text is embedded in one call; the pieces between pictures are slices of it.
fn embed_row(decoder: &Decoder, row: &[Segment], features: Option<&Tensor<3>>) -> Tensor<2> {
    let ids: Vec<u32> = row
        .iter()
        .flat_map(|segment| match segment {
            Segment::Text(ids) => ids.as_slice(),
            Segment::Image(_) => &[],
        })
        .copied()
        .collect();
    let text = (!ids.is_empty()).then(|| decoder.embed(&ids));
    let mut used = 0;
    let mut parts = Vec::with_capacity(row.len());
    for segment in row {
        match (segment, &text, features) {
            (Segment::Text(ids), Some(text), _) if !ids.is_empty() => {
                parts.push(text.clone().narrow(0, used, ids.len()));
                used += ids.len();
            }
            (Segment::Image(image), _, Some(features)) => {
                parts.push(features.clone().narrow(0, *image, 1).squeeze_dim::<2>(0)); // [tokens, hidden]
            }
            _ => {}
        }
    }
    Tensor::cat(parts, 0)
}

fn pad(row: Tensor<2>, longest: usize) -> Tensor<2> {
    let [length, hidden] = row.dims();
    if length == longest {
        return row;
    }
    let zeros = Tensor::zeros([longest - length, hidden], (&row.device(), row.dtype()));
    Tensor::cat(vec![row, zeros], 0)
}
