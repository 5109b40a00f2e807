//! Do our numbers equal the reference implementation's, for every family and every checkpoint format?
//!
//! The goldens were written by transformers and peft, see `tests/golden/PROVENANCE.md`. One file per part; in
//! each, rows of data and one `check`.

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

mod adapters;
mod families;
mod formats;
mod llava;
mod ourselves;
mod pictures;
mod splice;
