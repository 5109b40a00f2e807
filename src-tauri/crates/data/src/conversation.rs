//! A conversation about pictures as token ids: prompts for generation, examples with label masks for training.
//!
//! Knows where each picture goes in the sequence, not what a picture looks like. Everything typed by people is
//! text; a placeholder exists only where the caller put a [`Part::Image`].
//!
//! Reference: XTuner v0.1.17 `dataset/utils.py` (`encode_fn`) and `tools/chat.py`.

use crate::template::{ChatTemplate, Segment};
use crate::tokenizer::Tokenizer;

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
        "the conversation refers to {placeholders} pictures (`<image>`), but {pictures} came with it; add the missing \
         pictures or remove the extra marks"
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

    fn push_ids(&mut self, ids: impl IntoIterator<Item = u32>) {
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

/// Text to be encoded in one go, except for cuts.
#[derive(Debug, Clone, Default)]
struct ChunkText {
    text: String,
    /// Byte positions, ascending, where the text is taken apart before it is encoded.
    cuts: Vec<usize>,
}

enum Chunk {
    Text(ChunkText),
    Image(usize),
}

impl ChunkText {
    fn ids(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut from = 0;
        for &cut in self.cuts.iter().chain([&self.text.len()]) {
            ids.extend(tokenizer.encode(self.text.get(from..cut).unwrap_or("")));
            from = cut;
        }
        ids
    }

    /// Adds text in which special tokens are characters: each is cut after its first character.
    fn push_characters(&mut self, text: &str, tokenizer: &Tokenizer) {
        let specials: Vec<&str> = tokenizer.special_texts().collect();
        let at = self.text.len();
        let starts = text.char_indices().filter(|&(start, _)| {
            text.get(start..).is_some_and(|rest| specials.iter().any(|special| rest.starts_with(special)))
        });
        self.cuts.extend(starts.map(|(start, first)| at + start + first.len_utf8()));
        self.text.push_str(text);
    }
}

impl Chunk {
    fn append_to(self, prompt: &mut PromptPieces, tokenizer: &Tokenizer) {
        match self {
            Self::Text(text) => prompt.push_ids(text.ids(tokenizer)),
            Self::Image(image) => prompt.pieces.push(Piece::Image(image)),
        }
    }

    /// Adds to a transcript, where neighbouring texts are one.
    fn join(self, transcript: &mut Vec<Self>) {
        match (self, transcript.last_mut()) {
            (Self::Text(text), Some(Self::Text(last))) => {
                let at = last.text.len();
                last.cuts.extend(text.cuts.iter().map(|cut| at + cut));
                last.text.push_str(&text.text);
            }
            (chunk, _) => transcript.push(chunk),
        }
    }
}

/// Formats turns; counts pictures across the conversation.
struct Writer<'a> {
    template: &'a ChatTemplate,
    tokenizer: &'a Tokenizer,
    typed: TypedSpecials,
    images: usize,
}

impl Writer<'_> {
    fn type_text(&self, chunk: &mut ChunkText, text: &str) {
        match self.typed {
            TypedSpecials::Recognised => chunk.text.push_str(text),
            TypedSpecials::Characters => chunk.push_characters(text, self.tokenizer),
        }
    }

    /// Text and pictures of a question, wrapped; `round` counts questions from 0.
    fn question(&mut self, system: Option<&str>, turn: &Turn, round: usize) -> Vec<Chunk> {
        let template = self.template;
        let mut chunks = Vec::new();
        let mut current = ChunkText::default();
        let system = system.filter(|text| round == 0 && !text.is_empty());
        let system_segments = system.map_or(&[][..], |_| template.system().segments());
        for segment in system_segments.iter().chain(template.instruction().segments()) {
            match segment {
                Segment::Text(text) => current.text.push_str(text),
                Segment::System => self.type_text(&mut current, system.unwrap_or("")),
                Segment::Round => current.text.push_str(&(round + 1).to_string()),
                Segment::BotName => current.text.push_str(template.bot_name()),
                Segment::Input => {
                    for part in &turn.parts {
                        match part {
                            Part::Text(text) => self.type_text(&mut current, text),
                            Part::Image => {
                                chunks.push(Chunk::Text(std::mem::take(&mut current)));
                                chunks.push(Chunk::Image(self.images));
                                self.images += 1;
                            }
                        }
                    }
                }
            }
        }
        chunks.push(Chunk::Text(current));
        chunks
    }

    /// An answer with its suffix.
    fn answer(&self, turn: &Turn) -> ChunkText {
        let mut answer = ChunkText::default();
        for part in &turn.parts {
            if let Part::Text(text) = part {
                self.type_text(&mut answer, text);
            }
        }
        answer.text.push_str(self.template.suffix());
        answer
    }
}
