//! Where do a picture's tokens stand among the text's?
//!
//! Knows positions and embeddings only: no pixels, no tokenizer. The caller has cut each text at its pictures.

use burn::tensor::{DType, Int, Tensor, TensorData};

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
    let mut ids = Vec::new();
    let mut at = Vec::new();
    for row in rows {
        at.push(row.iter().flat_map(|segment| places(segment, &mut ids, features)).collect::<Vec<Place>>());
    }
    let lengths: Vec<usize> = at.iter().map(Vec::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    // One table of everything that is picked from: the texts of all rows, all pictures, and a row of zeros. A
    // device with slow launches would feel a call per row and piece.
    let (device, dtype, hidden) = (decoder.device(), decoder.dtype(), decoder.config().hidden);
    let mut table = Vec::with_capacity(3);
    if !ids.is_empty() {
        table.push(decoder.embed(&ids));
    }
    let pictures = features.map_or(0, |features| {
        let [pictures, tokens, _] = features.dims();
        table.push(features.clone().reshape([pictures * tokens, hidden]));
        pictures * tokens
    });
    table.push(Tensor::zeros([1, hidden], (device, dtype)));
    let padding = ids.len() + pictures;
    let source = |place: Option<&Place>| match place {
        Some(Place::Text(index)) => *index,
        Some(Place::Picture(index)) => ids.len() + index,
        None => padding,
    };
    let picked: Vec<i32> = at
        .iter()
        .flat_map(|row| (0..longest).map(move |position| row.get(position)))
        .map(|place| source(place) as i32)
        .collect();
    let picked = TensorData::new(picked, [rows.len() * longest]);
    let picked = Tensor::<1, Int>::from_data(picked, (device, DType::I32));
    let embeddings = Tensor::cat(table, 0).select(0, picked).reshape([rows.len(), longest, hidden]);
    Ok(SplicedBatch { embeddings, lengths })
}

/// Which row of the texts or of the pictures stands at a position.
#[derive(Clone, Copy)]
enum Place {
    Text(usize),
    Picture(usize),
}

/// The positions of a segment; a text's ids join those of all texts.
fn places(segment: &Segment, ids: &mut Vec<u32>, features: Option<&Tensor<3>>) -> Vec<Place> {
    match segment {
        Segment::Text(text) => {
            let start = ids.len();
            ids.extend(text);
            (start..ids.len()).map(Place::Text).collect()
        }
        Segment::Image(image) => {
            let tokens = features.map_or(0, |features| features.dims()[1]);
            (image * tokens..(image + 1) * tokens).map(Place::Picture).collect()
        }
    }
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
