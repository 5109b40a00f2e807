//! The bundled demo: its pictures, its models' beginning, and how its answers are judged.

mod error;
mod fresh;
mod score;

pub use error::DemoError;
pub use eyewright_data::scenes::{
    Content, DatasetConfig, DatasetReport, Language, QuestionKind, Split, Tally, contact_sheet, write_dataset,
};
pub use fresh::{FreshModel, FreshPart, FreshReport, make_fresh};
pub use score::{Answered, Score, ScoreRequest, score};
