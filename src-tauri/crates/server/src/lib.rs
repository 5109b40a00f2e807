//! HTTP on the loopback interface: the interface in a browser, and an API that OpenAI's clients understand.
//!
//! Loopback is no boundary by itself: any page in the user's browser can send requests there. So every request must
//! name a loopback host, come from our own page if it comes from a page at all, and carry a secret.
//!
//! A thread for each connection and one request on each: a handful of clients on one machine need no more, and the
//! whole way of a request can be read in `http.rs`.

mod assets;
mod guard;
mod http;
mod interface;
mod listen;
mod openai;
mod websocket;

pub use assets::{NOT_BUILT, has_interface, interface_file};
pub use listen::{Server, ServerConfig, ServerError};
