//! A chat: a model that is ready to answer, and a conversation with it.

mod model;
mod session;

pub use model::ChatModel;
pub use session::{Answer, ChatSession, Timings};
