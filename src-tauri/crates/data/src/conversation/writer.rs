//! How does one message become text, cut at its pictures and at what must not be read as a special token?

use super::{Part, Piece, PromptPieces, Turn, TypedSpecials};
use crate::template::{ChatTemplate, Segment};
use crate::tokenizer::Tokenizer;

/// Text to be encoded in one go, except for cuts.
#[derive(Debug, Clone, Default)]
pub(super) struct ChunkText {
    pub(super) text: String,
    /// Byte positions, ascending, where the text is taken apart before it is encoded.
    cuts: Vec<usize>,
}

pub(super) enum Chunk {
    Text(ChunkText),
    Image(usize),
}

impl ChunkText {
    pub(super) fn ids(&self, tokenizer: &Tokenizer) -> Vec<u32> {
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
    pub(super) fn append_to(self, prompt: &mut PromptPieces, tokenizer: &Tokenizer) {
        match self {
            Self::Text(text) => prompt.push_ids(text.ids(tokenizer)),
            Self::Image(image) => prompt.pieces.push(Piece::Image(image)),
        }
    }

    /// Adds to a transcript, where neighbouring texts are one.
    pub(super) fn join(self, transcript: &mut Vec<Self>) {
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
pub(super) struct Writer<'a> {
    pub(super) template: &'a ChatTemplate,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) typed: TypedSpecials,
    pub(super) images: usize,
}

impl Writer<'_> {
    fn type_text(&self, chunk: &mut ChunkText, text: &str) {
        match self.typed {
            TypedSpecials::Recognised => chunk.text.push_str(text),
            TypedSpecials::Characters => chunk.push_characters(text, self.tokenizer),
        }
    }

    /// Text and pictures of a question, wrapped; `round` counts questions from 0.
    pub(super) fn question(&mut self, system: Option<&str>, turn: &Turn, round: usize) -> Vec<Chunk> {
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
    pub(super) fn answer(&self, turn: &Turn) -> ChunkText {
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
