//! How does text reach standard output, also when nobody reads it any more?

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Exit code of a program whose reader has gone (`eyewright … | head`), as the shell reports it.
const READER_GONE: i32 = 141;

/// Shows text at once. Ends the program quietly if the reader has closed the pipe.
pub(crate) fn show(text: impl Display) {
    let mut out = io::stdout().lock();
    if let Err(error) = write!(out, "{text}").and_then(|()| out.flush()) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("error: standard output cannot be written: {error}");
        }
        std::process::exit(READER_GONE);
    }
}

/// [`show`] with a line's end.
pub(crate) fn line(text: impl Display) {
    show(format_args!("{text}\n"));
}
