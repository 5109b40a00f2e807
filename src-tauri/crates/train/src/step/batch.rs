//! What is one pass of training made of, and where in it do texts, pictures and learned tokens stand?
//!
//! Knows ids and positions; no tokenizer, no picture files, and no arithmetic.

use burn::tensor::Tensor;
use eyewright_data::conversation::{EncodedExample, ExampleToken};
use eyewright_model::llava::{Segment, SpliceError};

/// Rows that go through the network together.
#[derive(Clone, Debug)]
pub struct MicroBatch {
    /// The conversations.
    pub rows: Vec<Row>,
    /// The pictures that their segments name by index.
    pub pictures: Pictures,
}

/// One conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Texts and pictures in order.
    pub segments: Vec<Segment>,
    /// For each text token in order, the token itself where the model should learn to say it here, else
    /// `None`. Pictures have no labels. A label on the very first position has nothing before it to be learned
    /// from and is passed over, as in Hugging Face's losses.
    pub labels: Vec<Option<u32>>,
}

/// The pictures of a micro-batch.
#[derive(Clone, Debug)]
pub enum Pictures {
    /// Text alone.
    None,
    /// Normalised pixels, `3 · side · side` values per picture, channels first.
    Pixels(Vec<Vec<f32>>),
    /// What a frozen tower made of them: `[pictures, tokens, vision_width]`.
    Features(Tensor<3>),
}

impl Pictures {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Pixels(pixels) => pixels.len(),
            Self::Features(features) => features.dims()[0],
        }
    }
}

/// A micro-batch that does not fit the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Token ids or picture indices are out of range.
    #[error(transparent)]
    Splice(#[from] SpliceError),
    /// Every text token needs a label or a `None`.
    #[error("row {row} has {tokens} text tokens and {labels} labels")]
    LabelCount {
        /// Row of the micro-batch.
        row: usize,
        /// Its text tokens.
        tokens: usize,
        /// Its labels.
        labels: usize,
    },
    /// A label the head has no score for.
    #[error("row {row} has the label {label}, outside the model's vocabulary of {vocab}")]
    LabelOutside {
        /// Row of the micro-batch.
        row: usize,
        /// The label.
        label: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// Pictures for a model without an eye.
    #[error("the batch has {pictures} pictures, but the model has no vision tower")]
    NoEye {
        /// Number of pictures.
        pictures: usize,
    },
    /// A picture of the wrong size.
    #[error("picture {picture} has {found} values, the vision tower expects {expected} (3 · side · side)")]
    PixelCount {
        /// Index of the picture.
        picture: usize,
        /// What the tower takes.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// Cached features, of another tower or while the tower changes.
    #[error("cached features have the shape {found:?}, the model expects {expected:?} per picture")]
    FeatureShape {
        /// Tokens and width.
        expected: [usize; 2],
        /// Tokens and width.
        found: [usize; 2],
    },
    /// Features cannot be cached while what makes them changes.
    #[error("cached picture features cannot be used while the vision tower is trained; give pixels")]
    FeaturesOfTrainedTower,
}

impl Row {
    /// A row from an encoded example whose first picture has the index `first_picture` in the micro-batch.
    pub fn from_example(example: &EncodedExample, first_picture: usize) -> Self {
        let mut row = Self::default();
        for (token, label) in example.tokens.iter().zip(&example.labels) {
            match token {
                ExampleToken::Image(image) => row.segments.push(Segment::Image(first_picture + image)),
                ExampleToken::Text(id) => {
                    match row.segments.last_mut() {
                        Some(Segment::Text(ids)) => ids.push(*id),
                        _ => row.segments.push(Segment::Text(vec![*id])),
                    }
                    row.labels.push(*label);
                }
            }
        }
        row
    }
}

/// Positions in a padded batch, counted through all rows: row · longest + position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Real positions of each row.
    pub(super) lengths: Vec<usize>,
    /// Positions of the longest row.
    pub(super) longest: usize,
    /// Positions whose score for a token is learned, and the token: the one that follows.
    pub(super) learned: Vec<(usize, u32)>,
    /// Positions of text tokens, and their ids.
    pub(super) texts: Vec<(usize, u32)>,
    /// For each picture the first positions of its places.
    pub(super) places: Vec<Vec<usize>>,
}

impl Layout {
    /// Lays out `batch` with pictures of `picture_tokens` each.
    pub(super) fn of(batch: &MicroBatch, picture_tokens: usize, vocab: usize) -> Result<Self, BatchError> {
        let length = |segment: &Segment| match segment {
            Segment::Text(ids) => ids.len(),
            Segment::Image(_) => picture_tokens,
        };
        let lengths: Vec<usize> =
            batch.rows.iter().map(|row| row.segments.iter().map(length).sum()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut layout =
            Self { lengths, longest, places: vec![Vec::new(); batch.pictures.count()], ..Self::default() };
        for (index, row) in batch.rows.iter().enumerate() {
            layout.add(index, row, picture_tokens, vocab)?;
        }
        Ok(layout)
    }

    fn add(
        &mut self,
        index: usize,
        row: &Row,
        picture_tokens: usize,
        vocab: usize,
    ) -> Result<(), BatchError> {
        let start = index * self.longest;
        let mut at = start;
        let mut labels = row.labels.iter();
        let mut tokens = 0;
        for segment in &row.segments {
            match segment {
                Segment::Image(image) => {
                    let images = self.places.len();
                    let outside = SpliceError::ImageOutside { row: index, image: *image, images };
                    self.places.get_mut(*image).ok_or(outside)?.push(at);
                    at += picture_tokens;
                }
                Segment::Text(ids) => {
                    tokens += ids.len();
                    for id in ids {
                        self.texts.push((at, *id));
                        if let Some(Some(label)) = labels.next()
                            && at > start
                        {
                            if *label as usize >= vocab {
                                return Err(BatchError::LabelOutside { row: index, label: *label, vocab });
                            }
                            self.learned.push((at - 1, *label));
                        }
                        at += 1;
                    }
                }
            }
        }
        if tokens != row.labels.len() {
            return Err(BatchError::LabelCount { row: index, tokens, labels: row.labels.len() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(pictures: usize) -> MicroBatch {
        let rows = vec![
            Row {
                segments: vec![Segment::Text(vec![5, 6]), Segment::Image(1), Segment::Text(vec![7, 8])],
                labels: vec![Some(5), None, Some(7), Some(8)],
            },
            Row { segments: vec![Segment::Image(0), Segment::Text(vec![9])], labels: vec![Some(9)] },
        ];
        MicroBatch { rows, pictures: Pictures::Pixels(vec![Vec::new(); pictures]) }
    }

    #[test]
    fn positions_count_patches_and_padding() {
        let layout = Layout::of(&batch(2), 3, 10).unwrap();
        assert_eq!((layout.longest, layout.lengths.as_slice()), (7, &[7, 4][..]));
        // Row 0: 5 6 P P P 7 8; the 7 is learned from the last patch. Row 1 starts at 7: P P P 9.
        assert_eq!(layout.learned, [(4, 7), (5, 8), (9, 9)]);
        assert_eq!(layout.texts, [(0, 5), (1, 6), (5, 7), (6, 8), (10, 9)]);
        assert_eq!(layout.places, [vec![7], vec![2]]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(
            Layout::of(&batch(1), 3, 10),
            Err(SpliceError::ImageOutside { row: 0, image: 1, images: 1 }.into())
        );
        assert_eq!(Layout::of(&batch(2), 3, 9), Err(BatchError::LabelOutside { row: 1, label: 9, vocab: 9 }));
        let mut short = batch(2);
        short.rows[1].labels.clear();
        assert_eq!(Layout::of(&short, 3, 10), Err(BatchError::LabelCount { row: 1, tokens: 1, labels: 0 }));
    }

    #[test]
    fn an_example_becomes_a_row() {
        let example = EncodedExample {
            tokens: vec![
                ExampleToken::Text(1),
                ExampleToken::Image(0),
                ExampleToken::Text(2),
                ExampleToken::Text(3),
            ],
            labels: vec![None, None, None, Some(3)],
            ..EncodedExample::default()
        };
        let row = Row::from_example(&example, 4);
        assert_eq!(row.segments, [Segment::Text(vec![1]), Segment::Image(4), Segment::Text(vec![2, 3])]);
        assert_eq!(row.labels, [None, None, Some(3)]);
    }
}
