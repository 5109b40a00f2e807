//! A conversation about pictures as token ids: prompts for generation, examples with label masks for training.
//!
//! Knows where each picture goes in the sequence, not what a picture looks like. Everything typed by people is
//! text; a placeholder exists only where the caller put a [`Part::Image`].
//!
//! Reference: XTuner v0.1.17 `dataset/utils.py` (`encode_fn`) and `tools/chat.py`.

mod example;
mod prompt;
mod writer;

pub use example::{EncodedExample, ExampleToken, encode_example};
pub use prompt::{BosMode, Piece, PromptPieces, PromptStyle, TypedSpecials, render_prompt};

/// What XTuner and LLaVA write where a picture goes.
pub const IMAGE_MARK: &str = "<image>";
/// The id that stands for a picture in XTuner's token lists.
pub const IMAGE_TOKEN: i64 = -200;
/// The label of a token that is not learned, in XTuner's lists.
pub const IGNORE_LABEL: i64 = -100;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// A stretch of what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text; `<image>` in it has no meaning.
    Text(String),
    /// The next picture of the conversation.
    Image,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Turn {
    /// A question without a picture.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, parts: vec![Part::Text(text.into())] }
    }

    /// A question about `images` new pictures, each on a line of its own in front of the text, as LLaVA does.
    pub fn user_with_images(images: usize, text: impl Into<String>) -> Self {
        let mut parts = Vec::with_capacity(2 * images + 1);
        for _ in 0..images {
            parts.extend([Part::Image, Part::Text("\n".to_owned())]);
        }
        parts.push(Part::Text(text.into()));
        Self { role: Role::User, parts }
    }

    /// An answer.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, parts: vec![Part::Text(text.into())] }
    }

    /// A message of a data set: in a question, every `<image>` is a picture; in an answer it is text.
    pub fn from_marked(role: Role, text: &str) -> Self {
        if role == Role::Assistant {
            return Self::assistant(text);
        }
        let mut parts = Vec::new();
        for (index, stretch) in text.split(IMAGE_MARK).enumerate() {
            if index > 0 {
                parts.push(Part::Image);
            }
            parts.push(Part::Text(stretch.to_owned()));
        }
        Self { role, parts }
    }

    /// Number of pictures in this message.
    pub fn images(&self) -> usize {
        self.parts.iter().filter(|part| **part == Part::Image).count()
    }
}

/// Why a conversation cannot be turned into ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversationError {
    /// There is nothing to encode.
    #[error("the conversation has no messages")]
    Empty,
    /// Questions and answers must alternate, starting with a question.
    #[error("message {} is from {found:?}, it should be from {expected:?}: questions and answers alternate", index + 1)]
    Order {
        /// Position of the message, from 0.
        index: usize,
        /// Who should speak.
        expected: Role,
        /// Who speaks.
        found: Role,
    },
    /// A prompt must end with a question, an example with an answer.
    #[error(
        "the last message is from {found:?}; a prompt ends with a question, a training example with an answer"
    )]
    LastMessage {
        /// Who speaks last.
        found: Role,
    },
    /// A model's answer cannot show a picture.
    #[error("message {} is an answer and holds a picture; pictures belong to questions", index + 1)]
    ImageInAnswer {
        /// Position of the message, from 0.
        index: usize,
    },
    /// The placeholders and the pictures that came with the conversation do not match.
    #[error(
        "the conversation refers to {placeholders} pictures (`<image>`), but {pictures} came with it; each picture needs \
         one mark, where it belongs in the text"
    )]
    ImageCount {
        /// Placeholders in the messages.
        placeholders: usize,
        /// Pictures at hand.
        pictures: usize,
    },
}

/// Checks that every placeholder has its picture and every picture its placeholder.
///
/// # Errors
/// [`ConversationError::ImageCount`].
pub fn check_images(turns: &[Turn], pictures: usize) -> Result<(), ConversationError> {
    let placeholders = turns.iter().map(Turn::images).sum();
    if placeholders == pictures {
        Ok(())
    } else {
        Err(ConversationError::ImageCount { placeholders, pictures })
    }
}

fn check_order(turns: &[Turn], last: Role) -> Result<(), ConversationError> {
    for (index, turn) in turns.iter().enumerate() {
        let expected = if index % 2 == 0 { Role::User } else { Role::Assistant };
        if turn.role != expected {
            return Err(ConversationError::Order { index, expected, found: turn.role });
        }
        if turn.role == Role::Assistant && turn.images() > 0 {
            return Err(ConversationError::ImageInAnswer { index });
        }
    }
    match turns.last() {
        None => Err(ConversationError::Empty),
        Some(turn) if turn.role != last => Err(ConversationError::LastMessage { found: turn.role }),
        Some(_) => Ok(()),
    }
}
