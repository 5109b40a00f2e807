//! Does the real program do what its words promise: answers, files, exit codes, and messages for wrong input?

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

mod answers;
mod bench;
mod conversation;
mod download;
mod inspect;
mod memory;
mod program;
mod wrong_input;
