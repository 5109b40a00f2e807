//! How are numbers packed in GGUF, and how exact is that?
//!
//! Reference: ggml's `ggml-quants.c` (`quantize_row_q8_0_ref`, `quantize_row_q4_0_ref`); the results are equal bit for
//! bit to those of the `gguf` Python package.

use half::{bf16, f16};
use rayon::prelude::*;

use super::k_blocks::{LONG_BLOCK, Q4_K_BYTES, Q6_K_BYTES, pack_q4_k, pack_q6_k};

/// Numbers that share a scale.
const BLOCK: usize = 32;

/// How one tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    F32,
    /// 16-bit IEEE floats.
    F16,
    /// 16-bit brain floats.
    Bf16,
    /// Blocks of 32: a scale and 8 bits each.
    Q8_0,
    /// Blocks of 32: a scale and 4 bits each.
    Q4_0,
    /// Blocks of 256 in groups of 32: 4 bits each, scales and minima of 6 bits.
    Q4K,
    /// Blocks of 256 in groups of 16: 6 bits each, scales of 8 bits.
    Q6K,
}

/// What a matrix does, as far as its storage depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The embedding table.
    Table,
    /// The head, or a table that is the head too.
    Head,
    /// Values of attention or the way out of a block's network, where errors tell most; with block and blocks.
    Delicate(usize, usize),
    /// Queries, keys and values in one.
    Fused,
    /// Any other.
    Plain,
}

/// How the matrices of a language model are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantisation {
    /// 32-bit floats.
    F32,
    /// 16-bit IEEE floats.
    F16,
    /// 16-bit brain floats.
    Bf16,
    /// 8 bits.
    Q8_0,
    /// 4 bits; the embedding table and the head in 8.
    Q4_0,
    /// llama.cpp's mixture: mostly 4 bits in blocks of 256, 6 bits where errors tell most.
    Q4KM,
}

const NAMES: &[(Quantisation, &str, Kind, u64)] = &[
    (Quantisation::F32, "f32", Kind::F32, 0),
    (Quantisation::F16, "f16", Kind::F16, 1),
    (Quantisation::Bf16, "bf16", Kind::Bf16, 32),
    (Quantisation::Q8_0, "q8_0", Kind::Q8_0, 7),
    (Quantisation::Q4_0, "q4_0", Kind::Q4_0, 2),
    (Quantisation::Q4KM, "q4_k_m", Kind::Q4K, 15),
];

impl Quantisation {
    /// All names.
    pub const ALL: &'static [&'static str] = &["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m"];

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        NAMES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The number of `general.file_type`.
    pub(super) fn file_type(self) -> u64 {
        self.row().3
    }

    /// How a matrix is stored. Rows that are no whole long blocks go into short ones of 8 bits, and what fits neither
    /// stays in 16 bits.
    pub(super) fn kind(self, role: Role, width: usize) -> Kind {
        let kind = match (self.row().2, role) {
            (Kind::Q4_0, Role::Table | Role::Head) => Kind::Q8_0,
            // llama.cpp gives `Fused` 5 bits; 6 keep more.
            (Kind::Q4K, Role::Head | Role::Fused) => Kind::Q6K,
            (Kind::Q4K, Role::Delicate(block, blocks)) if needs_more_bits(block, blocks) => Kind::Q6K,
            (kind, _) => kind,
        };
        let kind = if width.is_multiple_of(kind.block()) { kind } else { Kind::Q8_0 };
        if width.is_multiple_of(kind.block()) { kind } else { Kind::F16 }
    }

    fn row(self) -> &'static (Self, &'static str, Kind, u64) {
        NAMES.iter().find(|row| row.0 == self).unwrap_or(&NAMES[0])
    }
}

/// The first and the last eighth of the blocks and every third between (llama.cpp's `use_more_bits`).
fn needs_more_bits(block: usize, blocks: usize) -> bool {
    let eighth = blocks / 8;
    block < eighth || block >= 7 * blocks / 8 || (block - eighth) % 3 == 2
}

impl Kind {
    pub(super) fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q6K => 14,
            Self::Bf16 => 30,
        }
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        let all = [Self::F32, Self::F16, Self::Q4_0, Self::Q8_0, Self::Q4K, Self::Q6K, Self::Bf16];
        all.into_iter().find(|kind| kind.number() == number)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::Q4K => "q4_k",
            Self::Q6K => "q6_k",
        }
    }

    /// Numbers that are packed together.
    fn block(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q8_0 | Self::Q4_0 => BLOCK,
            Self::Q4K | Self::Q6K => LONG_BLOCK,
        }
    }

    /// Bytes of that many.
    fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q8_0 => 2 + BLOCK,
            Self::Q4_0 => 2 + BLOCK / 2,
            Self::Q4K => Q4_K_BYTES,
            Self::Q6K => Q6_K_BYTES,
        }
    }

    /// Bytes of a tensor; `None` if rows are no whole blocks or the number does not fit.
    pub(super) fn bytes_of(self, shape: &[usize]) -> Option<u64> {
        let elements = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64))?;
        let width = shape.last().copied().unwrap_or(1);
        if !width.is_multiple_of(self.block()) {
            return None;
        }
        (elements / self.block() as u64).checked_mul(self.block_bytes() as u64)
    }

    /// Packs rows of whole blocks.
    pub fn pack(self, values: &[f32]) -> Vec<u8> {
        let blocks = |pack: fn(&[f32], &mut Vec<u8>)| -> Vec<u8> {
            let chunks = values.par_chunks(LONG_BLOCK * 128).map(|values| {
                let mut out = Vec::with_capacity(values.len() / self.block() * self.block_bytes());
                values.chunks_exact(self.block()).for_each(|block| pack(block, &mut out));
                out
            });
            chunks.flatten_iter().collect()
        };
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
            Self::Q8_0 => blocks(pack_q8_0),
            Self::Q4_0 => blocks(pack_q4_0),
            Self::Q4K => blocks(pack_q4_k),
            Self::Q6K => blocks(pack_q6_k),
        }
    }
}

fn pack_q8_0(block: &[f32], out: &mut Vec<u8>) {
    let most = block.iter().fold(0f32, |most, value| most.max(value.abs()));
    let scale = most / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
}

fn pack_q4_0(block: &[f32], out: &mut Vec<u8>) {
    // The number farthest from zero gets the one code that has no counterpart of the other sign.
    let far = block.iter().fold(0f32, |far, value| if value.abs() > far.abs() { *value } else { far });
    let scale = far / -8.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    out.extend(f16::from_f32(scale).to_le_bytes());
    let code = |value: f32| ((value * inverse + 8.5) as i32).clamp(0, 15) as u8;
    let (low, high) = block.split_at(block.len() / 2);
    out.extend(low.iter().zip(high).map(|(low, high)| code(*low) | code(*high) << 4));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_go_where_errors_tell_most() {
        let kind = |role, width| Quantisation::Q4KM.kind(role, width);
        assert_eq!(kind(Role::Plain, 2048), Kind::Q4K);
        assert_eq!((kind(Role::Table, 2048), kind(Role::Head, 2048)), (Kind::Q4K, Kind::Q6K));
        // Of 24 blocks llama.cpp gives these more bits.
        let more: Vec<usize> =
            (0..24).filter(|block| kind(Role::Delicate(*block, 24), 256) == Kind::Q6K).collect();
        assert_eq!(more, [0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23]);
        assert_eq!((kind(Role::Head, 96), kind(Role::Plain, 48)), (Kind::Q8_0, Kind::F16));
        assert_eq!(Quantisation::Q4_0.kind(Role::Table, 64), Kind::Q8_0);
    }

    #[test]
    fn blocks_hold_what_they_should() {
        // Scale 2/127 in f16; the first code is 127, the second half of it rounded away from zero.
        let mut values = [0f32; 32];
        (values[0], values[1], values[17]) = (2.0, 1.0, -2.0);
        let q8 = Kind::Q8_0.pack(&values);
        assert_eq!(q8.len(), 34);
        assert_eq!(q8[..2], f16::from_f32(2.0 / 127.0).to_le_bytes());
        assert_eq!((q8[2], q8[3], q8[19]), (127, 64, (-127i8) as u8));
        // The farthest number is 2, the first one met: scale -1/4, codes 8 - 4·value.
        let q4 = Kind::Q4_0.pack(&values);
        assert_eq!(q4.len(), 18);
        assert_eq!(q4[..2], f16::from_f32(-0.25).to_le_bytes());
        assert_eq!((q4[2], q4[3], q4[4]), (0x80, 0xf4, 0x88));
    }
}
