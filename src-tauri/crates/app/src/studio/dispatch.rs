//! How does a command's name find its handler? The protocol's list becomes the table; a missing handler does not
//! compile.

use std::panic::{AssertUnwindSafe, catch_unwind};

#[allow(clippy::wildcard_imports, reason = "the list of commands names most types")]
use eyewright_protocol::*;
use serde::de::DeserializeOwned;

use super::{Reply, Studio};

/// Longest request, pictures apart.
const LONGEST: usize = 1 << 20;
/// Longest request with a picture in base64: 64 MiB and the third that base64 adds.
const LONGEST_PICTURE: usize = 90 << 20;

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident($request:ty) -> $reply:ty,)+) => {
        fn answer(studio: &Studio, command: &str, request: &[u8]) -> Reply<String> {
            match command {
                $(stringify!($name) => {
                    let request: $request = understood(command, request)?;
                    let reply: $reply = studio.inner().$name(request)?;
                    serde_json::to_string(&reply).map_err(|error| {
                        ErrorBody::new(ErrorCode::Internal, format!("the reply to `{command}` cannot be written: {error}"))
                    })
                })+
                _ => Err(ErrorBody::new(ErrorCode::UnknownCommand, format!("there is no command `{}`", shortened(command)))
                    .hint("The interface and the program are of different versions; restart both.")),
            }
        }
    };
}

for_each_command!(table);

/// Reads the request, does the work, writes the reply. A panic becomes the error `internal` of this call alone.
pub(super) fn dispatch(studio: &Studio, command: &str, request: &[u8]) -> Reply<String> {
    let limit = if command == "add_picture_bytes" { LONGEST_PICTURE } else { LONGEST };
    if request.len() > limit {
        let message = format!("the request has {} bytes, at most {limit} are read", request.len());
        return Err(ErrorBody::new(ErrorCode::BadRequest, message));
    }
    catch_unwind(AssertUnwindSafe(|| answer(studio, command, request))).unwrap_or_else(|panic| {
        let what = panic_text(panic.as_ref());
        Err(ErrorBody::new(ErrorCode::Internal, format!("`{}` failed: {what}", shortened(command)))
            .hint("This is a fault of Eyewright. Settings → Diagnostics writes a file for a report."))
    })
}

/// The words of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given").to_owned()
}

fn understood<T: DeserializeOwned>(command: &str, request: &[u8]) -> Reply<T> {
    serde_json::from_slice(request).map_err(|error| {
        ErrorBody::new(ErrorCode::BadRequest, format!("`{command}` does not take this: {error}"))
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
