//! The small world of the bundled demo: everyday objects as flat drawings, and how one talks about them.
//!
//! A [`Scene`] is plain data. [`sample`] makes one from a seed, a split and an index; [`draw`] paints it,
//! [`caption`] says what is in it and [`questions`] asks and answers, in English and Simplified Chinese.
//! [`write_dataset`] puts many of them on disk in the LLaVA format. Knows no tokens and no networks.

mod crowd;
mod dataset;
mod dice;
mod draw;
mod grid;
mod questions;
mod requests;
mod sampler;
mod scene;
mod score;
mod shapes;
mod texts;
mod vocabulary;
mod words;

#[cfg(test)]
mod tests;

pub use dataset::{
    Content, DatasetConfig, DatasetError, DatasetReport, SceneRow, Turns, image_file, rows_of, write_dataset,
};
pub use dice::Dice;
pub use draw::{contact_sheet, draw};
pub use questions::{Question, QuestionKind, questions};
pub use requests::{caption_request, caption_requests};
pub use sampler::{Split, is_held_out, sample};
pub use scene::{Group, Item, Scene};
pub use score::{Tally, caption_objects, normalise, same_answer};
pub use texts::{corpus, text_row};
pub use vocabulary::{Background, Colour, Kind, Place, Size};
pub use words::{Language, caption};
