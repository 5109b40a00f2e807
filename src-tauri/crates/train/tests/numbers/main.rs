//! Is training computed as PyTorch, PEFT and bitsandbytes compute it?
//!
//! Goldens: `tests/golden/training`, written by `tests/reference/training.py`.

mod gradients;
mod nf4;
mod properties;
mod runs;
mod tiny;
