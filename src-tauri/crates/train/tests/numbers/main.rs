//! Is training computed as PyTorch, PEFT and bitsandbytes compute it?
//!
//! Goldens: `tests/golden/training`, written by `tests/reference/training.py`.

#![allow(clippy::print_stdout)] // the measured differences are printed
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step of a test is a failed test

mod gradients;
mod nf4;
mod properties;
mod runs;
mod tiny;
