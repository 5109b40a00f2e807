//! What can be wrong with tokenizer files, with the file, the place and what to do about it.

use std::path::PathBuf;

/// Why a tokenizer folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// A tokenizer cannot be written as `tokenizer.json`.
    #[error("the tokenizer cannot be written as JSON: {reason}")]
    Write {
        /// What the pipeline said.
        reason: String,
    },
    /// The folder has no file this crate can build a tokenizer from.
    #[error(
        "`{}` holds neither `tokenizer.json` nor `tokenizer.model`; copy one of them from the model's repository \
         into this folder", folder.display()
    )]
    NoTokenizerFile {
        /// Folder that was searched.
        folder: PathBuf,
    },
    /// A file exists but could not be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// File that failed.
        file: PathBuf,
        /// Reason given by the system.
        #[source]
        source: std::io::Error,
    },
    /// Something in a file is larger than any real tokenizer needs.
    #[error("`{}`: {what} is {found}, the limit is {limit}; the file is damaged or not a tokenizer", file.display())]
    TooLarge {
        /// File with the oversized part.
        file: PathBuf,
        /// Which quantity was measured, with its unit.
        what: &'static str,
        /// Measured value.
        found: u64,
        /// Largest accepted value.
        limit: u64,
    },
    /// A JSON file is not what it should be; the source names line and column.
    #[error("`{}` is not a valid tokenizer file", file.display())]
    Json {
        /// File that failed.
        file: PathBuf,
        /// What was wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// The bytes of a SentencePiece model are not a protobuf message.
    #[error("`{}`, byte {offset}: {problem}; download the file again", file.display())]
    Wire {
        /// File that failed.
        file: PathBuf,
        /// Byte position in the file.
        offset: usize,
        /// What was found there.
        problem: WireProblem,
    },
    /// One piece of a SentencePiece vocabulary cannot be used.
    #[error("`{}`, piece {index}: {problem}", file.display())]
    Piece {
        /// File that failed.
        file: PathBuf,
        /// Index of the piece, equal to its token id.
        index: usize,
        /// What is wrong with it.
        problem: PieceProblem,
    },
    /// The character map of a normaliser points outside itself.
    #[error("`{}`: the normaliser's character map is damaged: {problem}", file.display())]
    Charsmap {
        /// File that failed.
        file: PathBuf,
        /// What was found.
        problem: CharsmapProblem,
    },
    /// The file asks for something this crate does not do.
    #[error("`{}`, {place}: `{found}` is not supported (supported: {supported})", file.display())]
    Unsupported {
        /// File that asks for it.
        file: PathBuf,
        /// Where in the file.
        place: &'static str,
        /// What it asks for.
        found: String,
        /// What would be accepted.
        supported: &'static str,
    },
    /// A merge rule names a token that the vocabulary lacks.
    #[error(
        "`{}`, merge {index}: `{left}` + `{right}` needs `{missing}`, which is not in the vocabulary", file.display()
    )]
    Merge {
        /// File that failed.
        file: PathBuf,
        /// Index of the rule.
        index: usize,
        /// Left half.
        left: String,
        /// Right half.
        right: String,
        /// The token that is absent.
        missing: String,
    },
    /// Two tokens claim the same id.
    #[error("`{}`: the tokens `{first}` and `{second}` both have id {id}", file.display())]
    DuplicateId {
        /// File that failed.
        file: PathBuf,
        /// The id in question.
        id: u32,
        /// One token.
        first: String,
        /// The other token.
        second: String,
    },
    /// A token that the configuration relies on is not in the vocabulary.
    #[error("`{}`: {role} is `{token}`, which is not in the vocabulary", file.display())]
    MissingToken {
        /// File that names it.
        file: PathBuf,
        /// What the token is for.
        role: &'static str,
        /// The token, as written in the file.
        token: String,
    },
    /// An added token would not get the id that the model was trained with.
    #[error(
        "`{}`: added token `{token}` is declared with id {declared} but would get {found}; the tokenizer files do \
         not belong together", file.display()
    )]
    MisplacedToken {
        /// File that declares it.
        file: PathBuf,
        /// The token's text.
        token: String,
        /// Id in the file.
        declared: u32,
        /// Id that the vocabulary gives it.
        found: u32,
    },
    /// The `tokenizers` crate refused a part that passed our own checks.
    #[error("`{}`: the {part} cannot be built", file.display())]
    Build {
        /// File that failed.
        file: PathBuf,
        /// Part of the pipeline.
        part: &'static str,
        /// Reason given by the crate.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How a byte sequence fails to be protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireProblem {
    /// The data ends inside a value.
    #[error("the data ends in the middle of a value")]
    Truncated,
    /// A variable-length integer has more than ten bytes or 64 bits.
    #[error("an integer is longer than 64 bits")]
    LongVarint,
    /// A wire type that the format does not have (or no longer uses).
    #[error("wire type {0} does not exist in this format")]
    WireType(u8),
    /// Field numbers start at one.
    #[error("field number 0 does not exist")]
    FieldZero,
    /// A known field has another type than it should.
    #[error("field {0} has the wrong wire type")]
    FieldType(u32),
    /// A text field is not UTF-8.
    #[error("field {0} is not UTF-8 text")]
    NotUtf8(u32),
}

/// What is wrong with one SentencePiece piece.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PieceProblem {
    /// No text.
    #[error("the piece has no text")]
    Empty,
    /// More bytes than any piece has.
    #[error("the piece has {found} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The same text as an earlier piece.
    #[error("the text `{text}` is already piece {first}")]
    Duplicate {
        /// The repeated text.
        text: String,
        /// Index of the earlier piece.
        first: usize,
    },
    /// NaN or infinite.
    #[error("the score is not a finite number")]
    Score,
    /// Outside of the six types of the format.
    #[error("piece type {0} does not exist")]
    Kind(u64),
}

/// How a precompiled character map is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CharsmapProblem {
    /// Shorter than its own header says.
    #[error("it ends before its table does")]
    Truncated,
    /// A transition leaves the table.
    #[error("table entry {0} leads outside of the table")]
    Transition(usize),
    /// A replacement starts outside of the text part, or inside a character.
    #[error("a replacement starts at byte {0} of the text part, which is no character there")]
    Replacement(usize),
    /// A replacement is longer than any real one.
    #[error("the replacement at byte {0} is too long")]
    LongReplacement(usize),
    /// The text part is not UTF-8.
    #[error("its text part is not UTF-8")]
    NotUtf8,
    /// Not base64, in a JSON file.
    #[error("it is not base64")]
    NotBase64,
}
