//! Support for the suites: where goldens are, how numbers are read from them and compared with ours.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // used by tests alone: a failed step is a failed test

pub mod golden;
pub mod stack;
