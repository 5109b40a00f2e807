//! What a SentencePiece `tokenizer.model` says: its pieces, how text is normalised, which algorithm splits it.
//!
//! Field numbers: google/sentencepiece `sentencepiece_model.proto`. Turning this into a pipeline is done elsewhere.

use std::collections::HashMap;
use std::path::Path;

use super::error::{PieceProblem, TokenizerError};
use super::wire::{Message, WireError};

/// Most pieces a vocabulary may have.
pub(super) const PIECE_LIMIT: usize = 1_000_000;
/// Most bytes a single piece may have.
pub(super) const PIECE_BYTES_LIMIT: usize = 1024;

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: PieceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Unigram,
    Bpe,
}

/// The parts of a model file that decide about ids.
#[derive(Debug, Clone)]
pub(super) struct SentencePieceModel {
    pub(super) pieces: Vec<Piece>,
    pub(super) algorithm: Algorithm,
    pub(super) byte_fallback: bool,
    /// Ids of the four named pieces; negative in the file means "none".
    pub(super) unknown: Option<u32>,
    pub(super) begin: Option<u32>,
    pub(super) end: Option<u32>,
    pub(super) pad: Option<u32>,
    /// Empty for identity normalisation.
    pub(super) charsmap: Vec<u8>,
    pub(super) add_dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
}

struct Specs {
    model_type: u64,
    suffix_whitespace: bool,
    byte_fallback: bool,
    ids: [i32; 4],
    charsmap: Vec<u8>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
}

impl SentencePieceModel {
    /// Reads a whole model file; `file` is used in errors only.
    pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Self, TokenizerError> {
        let at = |(offset, problem): WireError| TokenizerError::Wire { file: file.into(), offset, problem };
        // Defaults of the proto file.
        let mut specs = Specs {
            model_type: 1,
            suffix_whitespace: false,
            byte_fallback: false,
            ids: [0, 1, 2, -1],
            charsmap: Vec::new(),
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        };
        let mut pieces = Vec::new();
        let mut message = Message::new(bytes);
        while let Some(field) = message.next_field().map_err(at)? {
            match field.number {
                1 => {
                    if pieces.len() == PIECE_LIMIT {
                        return Err(TokenizerError::TooLarge {
                            file: file.into(),
                            what: "the number of pieces",
                            found: PIECE_LIMIT as u64 + 1,
                            limit: PIECE_LIMIT as u64,
                        });
                    }
                    let index = pieces.len();
                    let piece = parse_piece(field.message().map_err(at)?).map_err(at)?;
                    pieces.push(piece.map_err(|problem| TokenizerError::Piece {
                        file: file.into(),
                        index,
                        problem,
                    })?);
                }
                2 => parse_trainer(field.message().map_err(at)?, &mut specs).map_err(at)?,
                3 => parse_normalizer(field.message().map_err(at)?, &mut specs).map_err(at)?,
                _ => {}
            }
        }
        check_pieces(file, &pieces)?;
        Self::from_parts(file, pieces, specs)
    }

    fn from_parts(file: &Path, pieces: Vec<Piece>, specs: Specs) -> Result<Self, TokenizerError> {
        let refuse = |place, found: String, supported| {
            Err(TokenizerError::Unsupported { file: file.into(), place, found, supported })
        };
        let algorithm = match specs.model_type {
            1 => Algorithm::Unigram,
            2 => Algorithm::Bpe,
            other => return refuse("model type", other.to_string(), "1 (unigram), 2 (BPE)"),
        };
        if specs.suffix_whitespace {
            return refuse("treat_whitespace_as_suffix", "true".into(), "false");
        }
        if !specs.escape_whitespaces {
            return refuse("escape_whitespaces", "false".into(), "true");
        }
        let named = |id: i32| u32::try_from(id).ok().filter(|&id| (id as usize) < pieces.len());
        let [unknown, begin, end, pad] = specs.ids.map(named);
        Ok(Self {
            algorithm,
            byte_fallback: specs.byte_fallback,
            unknown,
            begin,
            end,
            pad,
            charsmap: specs.charsmap,
            add_dummy_prefix: specs.add_dummy_prefix,
            remove_extra_whitespaces: specs.remove_extra_whitespaces,
            pieces,
        })
    }
}

fn parse_piece(mut message: Message<'_>) -> Result<Result<Piece, PieceProblem>, WireError> {
    let mut text = "";
    let mut score = 0.0;
    let mut kind = 1;
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => text = field.text()?,
            2 => score = field.float()?,
            3 => kind = field.varint()?,
            _ => {}
        }
    }
    let kind = match kind {
        1 => PieceKind::Normal,
        2 => PieceKind::Unknown,
        3 => PieceKind::Control,
        4 => PieceKind::UserDefined,
        5 => PieceKind::Unused,
        6 => PieceKind::Byte,
        other => return Ok(Err(PieceProblem::Kind(other))),
    };
    Ok(if text.is_empty() {
        Err(PieceProblem::Empty)
    } else if text.len() > PIECE_BYTES_LIMIT {
        Err(PieceProblem::TooLong { found: text.len(), limit: PIECE_BYTES_LIMIT })
    } else if !score.is_finite() {
        Err(PieceProblem::Score)
    } else {
        Ok(Piece { text: text.to_owned(), score, kind })
    })
}

fn parse_trainer(mut message: Message<'_>, specs: &mut Specs) -> Result<(), WireError> {
    while let Some(field) = message.next_field()? {
        match field.number {
            3 => specs.model_type = field.varint()?,
            24 => specs.suffix_whitespace = field.varint()? != 0,
            35 => specs.byte_fallback = field.varint()? != 0,
            // An int32 that is negative is stored as a 64-bit two's complement number: keep the low half.
            40..=43 => specs.ids[field.number as usize - 40] = field.varint()? as u32 as i32,
            _ => {}
        }
    }
    Ok(())
}

fn parse_normalizer(mut message: Message<'_>, specs: &mut Specs) -> Result<(), WireError> {
    while let Some(field) = message.next_field()? {
        match field.number {
            2 => specs.charsmap = field.bytes()?.to_vec(),
            3 => specs.add_dummy_prefix = field.varint()? != 0,
            4 => specs.remove_extra_whitespaces = field.varint()? != 0,
            5 => specs.escape_whitespaces = field.varint()? != 0,
            _ => {}
        }
    }
    Ok(())
}

fn check_pieces(file: &Path, pieces: &[Piece]) -> Result<(), TokenizerError> {
    if pieces.is_empty() {
        return Err(TokenizerError::Unsupported {
            file: file.into(),
            place: "pieces",
            found: "no pieces at all".into(),
            supported: "a SentencePiece model with at least one piece",
        });
    }
    let mut seen = HashMap::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(first) = seen.insert(piece.text.as_str(), index) {
            let problem = PieceProblem::Duplicate { text: piece.text.clone(), first };
            return Err(TokenizerError::Piece { file: file.into(), index, problem });
        }
    }
    Ok(())
}
