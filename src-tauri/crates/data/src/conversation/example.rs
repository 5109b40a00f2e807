//! What does a model see in training, and which of it does it learn?

use super::writer::{Chunk, Writer};
use super::{ConversationError, IGNORE_LABEL, IMAGE_TOKEN, Role, Turn, TypedSpecials, check_order};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// A training example: one entry per token, a picture counting as one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedExample {
    /// What the model sees.
    pub tokens: Vec<ExampleToken>,
    /// What it should have said at each place; `None` is not learned. As long as `tokens`, not shifted.
    pub labels: Vec<Option<u32>>,
    /// Whether the end was cut off to fit.
    pub truncated: bool,
}

/// One place of a training example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExampleToken {
    /// A token id.
    Text(u32),
    /// The n-th picture of the conversation, from 0.
    Image(usize),
}

impl EncodedExample {
    /// Number of tokens that are learned. An example with none is useless.
    pub fn learned(&self) -> usize {
        self.labels.iter().flatten().count()
    }

    /// Number of pictures that were not cut off.
    pub fn images(&self) -> usize {
        self.tokens.iter().filter(|token| matches!(token, ExampleToken::Image(_))).count()
    }

    /// XTuner's `input_ids`, with [`IMAGE_TOKEN`] for each picture.
    pub fn to_xtuner_ids(&self) -> Vec<i64> {
        let id = |token: &ExampleToken| match token {
            ExampleToken::Text(id) => i64::from(*id),
            ExampleToken::Image(_) => IMAGE_TOKEN,
        };
        self.tokens.iter().map(id).collect()
    }

    /// XTuner's `labels`, with [`IGNORE_LABEL`] where nothing is learned.
    pub fn to_xtuner_labels(&self) -> Vec<i64> {
        self.labels.iter().map(|label| label.map_or(IGNORE_LABEL, i64::from)).collect()
    }

    fn push(&mut self, ids: impl IntoIterator<Item = u32>, learned: bool) {
        for id in ids {
            self.tokens.push(ExampleToken::Text(id));
            self.labels.push(learned.then_some(id));
        }
    }
}

/// Encodes a conversation for training. Learned are the answers, their suffix and the end-of-sequence token.
///
/// `turns` alternate, from a question to an answer. At most the first `max_length` tokens are kept.
///
/// # Errors
/// A conversation that is empty, does not alternate, or does not end with an answer.
pub fn encode_example(
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    system: Option<&str>,
    turns: &[Turn],
    max_length: usize,
) -> Result<EncodedExample, ConversationError> {
    check_order(turns, Role::Assistant)?;
    let mut writer = Writer { template, tokenizer, typed: TypedSpecials::Recognised, images: 0 };
    let mut example = EncodedExample::default();
    let mut needs_bos = true;
    for (index, turn) in turns.iter().enumerate() {
        match turn.role {
            Role::User => {
                example.push(tokenizer.bos_if_used().filter(|_| needs_bos), false);
                for chunk in writer.question(system, turn, index / 2) {
                    match chunk {
                        Chunk::Text(text) => example.push(text.ids(tokenizer), false),
                        Chunk::Image(image) => {
                            example.tokens.push(ExampleToken::Image(image));
                            example.labels.push(None);
                        }
                    }
                }
            }
            Role::Assistant => {
                example.push(writer.answer(turn).ids(tokenizer), true);
                if !template.suffix_as_eos() {
                    example.push(tokenizer.eos(), true);
                }
                needs_bos = !template.suffix_as_eos();
                example.push(tokenizer.encode(template.sep()), false);
            }
        }
    }
    example.truncated = example.tokens.len() > max_length;
    example.tokens.truncate(max_length);
    example.labels.truncate(max_length);
    Ok(example)
}
