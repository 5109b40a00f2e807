//! The program trains: end to end on a tiny model, killed and resumed, on damaged input and on a disk that refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod ends;
mod faults;
mod killed;
mod stages;
mod studio;
