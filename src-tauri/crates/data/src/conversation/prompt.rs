//! What does a model read before it answers?

use super::writer::{Chunk, Writer};
use super::{ConversationError, IMAGE_TOKEN, Role, Turn, check_order};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// A stretch of the sequence a model sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Token ids.
    Text(Vec<u32>),
    /// The n-th picture of the conversation, from 0.
    Image(usize),
}

/// A prompt, ready to be spliced with picture features.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PromptPieces {
    /// Text and pictures in order. Two text pieces never stand side by side; no text piece is empty.
    pub pieces: Vec<Piece>,
}

impl PromptPieces {
    /// Number of text tokens.
    pub fn text_tokens(&self) -> usize {
        self.pieces.iter().map(|piece| if let Piece::Text(ids) = piece { ids.len() } else { 0 }).sum()
    }

    /// Number of pictures.
    pub fn images(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Image(_))).count()
    }

    /// As XTuner writes it: token ids, [`IMAGE_TOKEN`] for each picture.
    pub fn to_xtuner_ids(&self) -> Vec<i64> {
        let ids = |piece: &Piece| match piece {
            Piece::Text(ids) => ids.iter().map(|&id| i64::from(id)).collect(),
            Piece::Image(_) => vec![IMAGE_TOKEN],
        };
        self.pieces.iter().flat_map(ids).collect()
    }

    pub(super) fn push_ids(&mut self, ids: impl IntoIterator<Item = u32>) {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_none() {
            return;
        }
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.extend(ids);
        } else {
            self.pieces.push(Piece::Text(ids.collect()));
        }
    }
}

/// How the beginning-of-sequence token is placed in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BosMode {
    /// As in training: at the start, and after every end-of-sequence token. Each turn is encoded by itself, so the
    /// prompt of a turn is the start of the prompt of the next one.
    #[default]
    Always,
    /// As `xtuner chat` does: the transcript is encoded as one text (one per stretch between pictures), and with
    /// a picture the token is missing from the second question on.
    XtunerCompatible,
}

/// What special tokens mean in text that people typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TypedSpecials {
    /// They are special tokens, as in XTuner and transformers, which encode the formatted text as a whole: someone
    /// who types `<|im_end|>` ends the message there. The default, for equal ids.
    #[default]
    Recognised,
    /// They are characters. The text is cut inside each of them before it is encoded; all else stays the same. For
    /// text from strangers, such as requests to a server.
    Characters,
}

/// Choices about a prompt; a [`BosMode`] alone will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PromptStyle {
    /// Where the beginning-of-sequence token goes.
    pub bos: BosMode,
    /// What special tokens in typed text mean.
    pub typed: TypedSpecials,
}

impl From<BosMode> for PromptStyle {
    fn from(bos: BosMode) -> Self {
        Self { bos, typed: TypedSpecials::default() }
    }
}

/// Encodes a conversation up to where the model answers.
///
/// `turns` alternate, from a question to a question. `system` goes in front of the first one, wrapped as the
/// template says; empty means none.
///
/// # Errors
/// A conversation that is empty, does not alternate, or does not end with a question.
pub fn render_prompt(
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    system: Option<&str>,
    turns: &[Turn],
    style: impl Into<PromptStyle>,
) -> Result<PromptPieces, ConversationError> {
    let style = style.into();
    check_order(turns, Role::User)?;
    let mut writer = Writer { template, tokenizer, typed: style.typed, images: 0 };
    Ok(match style.bos {
        BosMode::Always => as_trained(&mut writer, system, turns),
        BosMode::XtunerCompatible => as_xtuner(&mut writer, system, turns),
    })
}

fn as_trained(writer: &mut Writer<'_>, system: Option<&str>, turns: &[Turn]) -> PromptPieces {
    let mut prompt = PromptPieces::default();
    let mut needs_bos = true;
    for (index, turn) in turns.iter().enumerate() {
        match turn.role {
            Role::User => {
                let bos = writer.tokenizer.bos_if_used().filter(|_| needs_bos);
                prompt.push_ids(bos);
                for chunk in writer.question(system, turn, index / 2) {
                    chunk.append_to(&mut prompt, writer.tokenizer);
                }
            }
            Role::Assistant => {
                let answer = writer.answer(turn);
                prompt.push_ids(answer.ids(writer.tokenizer));
                if !writer.template.suffix_as_eos() {
                    prompt.push_ids(writer.tokenizer.eos());
                }
                needs_bos = !writer.template.suffix_as_eos();
                prompt.push_ids(writer.tokenizer.encode(writer.template.sep()));
            }
        }
    }
    prompt
}

fn as_xtuner(writer: &mut Writer<'_>, system: Option<&str>, turns: &[Turn]) -> PromptPieces {
    let mut transcript: Vec<Chunk> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        match turn.role {
            Role::User => {
                writer.question(system, turn, index / 2).into_iter().for_each(|c| c.join(&mut transcript))
            }
            Role::Assistant => {
                let mut answer = writer.answer(turn);
                // What was generated is kept with its end token, decoded.
                if !writer.template.suffix_as_eos() {
                    let end = writer.tokenizer.eos().and_then(|id| writer.tokenizer.token(id));
                    answer.text.push_str(&end.unwrap_or_default());
                }
                answer.text.push_str(writer.template.sep());
                Chunk::Text(answer).join(&mut transcript);
            }
        }
    }
    let mut prompt = PromptPieces::default();
    let has_images = transcript.iter().any(|chunk| matches!(chunk, Chunk::Image(_)));
    if turns.len() == 1 || !has_images {
        prompt.push_ids(writer.tokenizer.bos_if_used());
    }
    for chunk in transcript {
        chunk.append_to(&mut prompt, writer.tokenizer);
    }
    prompt
}
