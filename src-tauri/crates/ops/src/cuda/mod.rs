//! Fast paths on NVIDIA cards: what replaces burn's own matrix multiplication there, and why.
//!
//! burn tunes its kernels for every new shape (minutes in a training run) and reaches a third of what NVIDIA's
//! library does. Here cuBLASLt computes on burn's tensors, in the order of burn's own stream. The portable
//! version remains: without the library every function falls back to it.
#![allow(unsafe_code)] // foreign functions; every use says why it is sound

mod cublas;
mod matmul;
mod stream;

pub(crate) use cublas::present;
pub(crate) use matmul::matmul;
