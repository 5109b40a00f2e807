//! Chat templates: the words around questions and answers that a model was trained with.
//!
//! Templates are data files in `models/templates/`, carried inside the program. Knows no tokens.

mod chat_template;
mod embedded;
mod error;
mod guess;
mod pattern;

pub use chat_template::ChatTemplate;
pub use error::TemplateError;
pub use guess::{GuessHints, GuessReason};
pub use pattern::{Pattern, Segment};
