//! What may be asked through a door, and what comes back: every command, request, reply, event and error code.
//!
//! The leaf of the workspace. It knows serde and ts-rs and nothing that computes; names in Rust, in JSON and in
//! TypeScript are the same, so that one search finds all three.

#[macro_use]
mod shapes;

mod bindings;
mod chats;
mod commands;
mod datasets;
mod doors;
mod error;
mod events;
mod exports;
mod ids;
mod jobs;
mod machine;
mod models;
mod pictures;
mod plans;
mod runs;
mod settings;

pub use bindings::{BINDINGS_FILE, bindings};
pub use chats::*;
pub use commands::COMMANDS;
pub use datasets::*;
pub use doors::*;
pub use error::{ErrorBody, ErrorCode};
pub use events::*;
pub use exports::*;
pub use ids::*;
pub use jobs::*;
pub use machine::*;
pub use models::*;
pub use pictures::*;
pub use plans::*;
pub use runs::*;
pub use settings::*;
