//! What happens to a model whose files are damaged, cut, exchanged or made up?
//!
//! Every row takes a good model, damages one file, and opens it as `eyewright chat` does: the answer must be an
//! error that names the file and the place, in no time, without a panic. The readers have tables of their own for
//! what is inside containers (`model/src/weights/damaged`, `data/tests/images.rs`); here it is the whole way in.

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

mod checkpoints;
mod configs;
mod damage;
mod pictures;
mod tokenizers;
