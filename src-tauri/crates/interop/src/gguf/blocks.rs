//! How are numbers packed in GGUF, and how exact is that?
//!
//! Reference: ggml's `ggml-quants.c` (`quantize_row_q8_0_ref`, `quantize_row_q4_0_ref`); the results are equal bit for
//! bit to those of the `gguf` Python package.

use half::{bf16, f16};
use rayon::prelude::*;

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
}

const NAMES: &[(Quantisation, &str, Kind, u64)] = &[
    (Quantisation::F32, "f32", Kind::F32, 0),
    (Quantisation::F16, "f16", Kind::F16, 1),
    (Quantisation::Bf16, "bf16", Kind::Bf16, 32),
    (Quantisation::Q8_0, "q8_0", Kind::Q8_0, 7),
    (Quantisation::Q4_0, "q4_0", Kind::Q4_0, 2),
];

impl Quantisation {
    /// All names.
    pub const ALL: &'static [&'static str] = &["f32", "f16", "bf16", "q8_0", "q4_0"];

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

    /// How a matrix is stored: rows that are no whole blocks stay in 16 bits.
    pub(super) fn kind(self, is_table: bool, width: usize) -> Kind {
        let kind = match self.row().2 {
            Kind::Q4_0 if is_table => Kind::Q8_0,
            kind => kind,
        };
        if kind.is_blocked() && !width.is_multiple_of(BLOCK) { Kind::F16 } else { kind }
    }

    fn row(self) -> &'static (Self, &'static str, Kind, u64) {
        NAMES.iter().find(|row| row.0 == self).unwrap_or(&NAMES[0])
    }
}

impl Kind {
    pub(super) fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q8_0 => 8,
            Self::Bf16 => 30,
        }
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        [Self::F32, Self::F16, Self::Q4_0, Self::Q8_0, Self::Bf16].into_iter().find(|k| k.number() == number)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    fn is_blocked(self) -> bool {
        matches!(self, Self::Q8_0 | Self::Q4_0)
    }

    /// Bytes of a tensor; `None` if rows are no whole blocks or the number does not fit.
    pub(super) fn bytes_of(self, shape: &[usize]) -> Option<u64> {
        let elements = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64))?;
        let width = shape.last().copied().unwrap_or(1);
        match self {
            Self::F32 => elements.checked_mul(4),
            Self::F16 | Self::Bf16 => elements.checked_mul(2),
            Self::Q8_0 | Self::Q4_0 if !width.is_multiple_of(BLOCK) => None,
            Self::Q8_0 => (elements / BLOCK as u64).checked_mul(2 + BLOCK as u64),
            Self::Q4_0 => (elements / BLOCK as u64).checked_mul(2 + BLOCK as u64 / 2),
        }
    }

    /// Packs numbers.
    pub fn pack(self, values: &[f32]) -> Vec<u8> {
        let blocks = |pack: fn(&[f32], &mut Vec<u8>)| -> Vec<u8> {
            let chunks = values.par_chunks(BLOCK * 1024).map(|values| {
                let mut out = Vec::new();
                values.chunks(BLOCK).for_each(|block| pack(block, &mut out));
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
