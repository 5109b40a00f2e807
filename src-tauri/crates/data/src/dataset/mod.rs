//! A data set of conversations about pictures: where its rows are, what is in them, and in which order they
//! are trained on.
//!
//! Rows are indexed and read again when they are needed; a file of any size costs a few bytes per row.

mod edit;
mod encode;
mod error;
mod folder;
mod index;
mod order;
mod record;
mod split;
mod survey;

pub use edit::{EditError, Patch};
pub use encode::{EncodedRow, EncoderLimits, RowEncoder};
pub use error::{DatasetError, RowProblem};
pub use folder::ImageFolder;
pub use index::{DatasetIndex, Form};
pub use order::{Order, OrderConfig};
pub use record::Record;
pub use split::split;
pub use survey::{BadRow, RowSize, Survey, survey};
