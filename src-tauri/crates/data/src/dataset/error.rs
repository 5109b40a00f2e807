//! Why can a data set, or one of its rows, not be trained on?

use std::{io, path::PathBuf};

use crate::conversation::ConversationError;

/// A data set that cannot be used as a whole.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file system refused.
    #[error("cannot read `{}`: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder in the place of a file.
    #[error("`{}` is a folder; name the file of rows in it", file.display())]
    Folder {
        /// The folder.
        file: PathBuf,
    },
    /// Neither a JSON array nor lines of JSON objects.
    #[error(
        "`{}` is no data set: it begins with {found}. Expected LLaVA's JSON (`[{{…}}, …]`) or JSONL (`{{…}}` on each line)",
        file.display()
    )]
    NotRows {
        /// The file.
        file: PathBuf,
        /// Its first character, in words.
        found: String,
    },
    /// The array ends in the middle or holds something else than objects.
    #[error("`{}`, row {row} (byte {offset}): {problem}", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// Rows before it, plus one.
        row: usize,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// No row at all.
    #[error("`{}` has no rows", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The image folder.
    #[error("the image folder `{}` cannot be used: {source}", folder.display())]
    ImageFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More rows than can be numbered.
    #[error("`{}` has more than {limit} rows", file.display())]
    TooManyRows {
        /// The file.
        file: PathBuf,
        /// The limit.
        limit: u32,
    },
    /// The file was replaced or written to while it was used.
    #[error("`{}` has changed since its rows were counted; start again", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
    },
}

/// Why one row cannot be trained on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// Not a JSON object of the right form.
    #[error("it is not a row: {reason}")]
    Form {
        /// The parser's words.
        reason: String,
    },
    /// No conversation in it.
    #[error("it has no `conversations`")]
    NoConversation,
    /// Somebody else speaks.
    #[error("message {message} is from `{from}`; only `human` and `gpt` can speak")]
    Role {
        /// Counted from 1.
        message: usize,
        /// Who.
        from: String,
    },
    /// Two answers in a row.
    #[error("message {message} is an answer without a question: `human` and `gpt` must take turns")]
    Order {
        /// Counted from 1.
        message: usize,
    },
    /// Nothing to learn there.
    #[error("answer {answer} is empty")]
    EmptyAnswer {
        /// Counted from 1.
        answer: usize,
    },
    /// A picture that is not there.
    #[error("the picture `{name}` does not exist in the image folder")]
    NoPicture {
        /// As the row names it.
        name: String,
    },
    /// A picture that cannot be read.
    #[error("the picture `{name}`: {reason}")]
    Picture {
        /// As the row names it.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A name that leads out of the image folder.
    #[error("the picture's name `{name}` leads out of the image folder")]
    OutsideFolder {
        /// As the row names it.
        name: String,
    },
    /// A picture for a model that cannot see.
    #[error("it has a picture, but the model has no vision tower")]
    NoEye,
    /// Placeholders and pictures do not match, or another fault of the conversation.
    #[error("{0}")]
    Conversation(ConversationError),
    /// Everything that is learned was cut off.
    #[error(
        "its first question alone fills the {limit} tokens of data.max_length: no answer is left to learn"
    )]
    OverLong {
        /// The limit.
        limit: usize,
    },
    /// More positions than the language model has.
    #[error("with its pictures it takes {positions} positions; the language model has {limit}")]
    Positions {
        /// Text tokens and patches.
        positions: usize,
        /// The limit.
        limit: usize,
    },
    /// No token has a label.
    #[error("it has no token to learn")]
    NothingToLearn,
}
