//! What may stand in the first part of a GGUF file?

/// A value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Unsigned, 8 to 64 bits; written with 32.
    Unsigned(u64),
    /// Signed, 8 to 64 bits; written with 32.
    Signed(i64),
    /// Floating point, 32 or 64 bits; written with 32.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Several whole numbers.
    Numbers(Vec<i64>),
    /// Several floating point numbers.
    Floats(Vec<f32>),
}

/// Numbers of the value types in the file.
pub(super) mod tag {
    pub(crate) const U8: u32 = 0;
    pub(crate) const I8: u32 = 1;
    pub(crate) const U16: u32 = 2;
    pub(crate) const I16: u32 = 3;
    pub(crate) const U32: u32 = 4;
    pub(crate) const I32: u32 = 5;
    pub(crate) const F32: u32 = 6;
    pub(crate) const BOOL: u32 = 7;
    pub(crate) const STRING: u32 = 8;
    pub(crate) const ARRAY: u32 = 9;
    pub(crate) const U64: u32 = 10;
    pub(crate) const I64: u32 = 11;
    pub(crate) const F64: u32 = 12;
}

pub(super) const MAGIC: [u8; 4] = *b"GGUF";
pub(super) const VERSION: u32 = 3;
/// Tensors begin at multiples of this.
pub(super) const ALIGNMENT: u64 = 32;
