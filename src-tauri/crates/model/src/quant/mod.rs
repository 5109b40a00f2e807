//! Linear maps in 4 bits: NormalFloat (NF4) with block scales, as QLoRA stores a frozen language model.
//!
//! Reference: Dettmers et al. 2023 and bitsandbytes 0.50 (`functional.quantize_4bit`, its portable and CUDA
//! kernels; the library's own CPU kernel searches its 8-bit table only approximately). Codes and scales are
//! bit-equal to theirs, which a golden holds them to.

mod nf4;
mod scales;
mod weight;

pub use scales::table as scale_table;
pub use weight::{Nf4Parts, Nf4Weight};

/// How the frozen linear maps of a language model's blocks are stored; the head and the embeddings never
/// leave the model's dtype, as with bitsandbytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// In the model's dtype.
    #[default]
    Dense,
    /// 4 bits and one f32 scale per 64 numbers: 4.5 bits each.
    Nf4,
    /// 4 bits, one 8-bit scale per 64 numbers and one f32 scale per 256 of those: 4.127 bits each.
    Nf4Double,
}
