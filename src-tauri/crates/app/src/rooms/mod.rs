//! The handlers of all commands, one file for each room of the interface.

mod api;
mod chats;
mod datasets;
mod doors;
mod downloads;
mod exports;
mod machine;
mod models;
mod pictures;
mod plans;
mod runs;
mod settings;

pub(crate) use api::ApiRoom;
pub use api::{ApiDoor, ApiImage, ApiModel, ApiQuestion, ApiTurn};
pub(crate) use chats::ChatRoom;
pub(crate) use datasets::DatasetRoom;
pub(crate) use machine::MachineRoom;
pub(crate) use models::sampling_config;
pub(crate) use pictures::PictureRoom;
pub(crate) use runs::RunRoom;

use eyewright_protocol::{ErrorBody, ErrorCode};

/// An error of a request.
pub(crate) fn bad_request(message: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadRequest, message)
}

/// Files that are not ours to delete.
fn files_elsewhere(name: &str) -> ErrorBody {
    bad_request(format!("the files of `{name}` lie outside the library folder"))
        .hint("Take it off the list, and delete the files yourself.")
}

/// What is searched for: words in small letters, all of which must occur; at most 20.
fn search_words(search: Option<String>) -> Vec<String> {
    search.unwrap_or_default().to_lowercase().split_whitespace().take(20).map(str::to_owned).collect()
}

/// Something that is not there.
pub(crate) fn not_found(message: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotFound, message)
}
