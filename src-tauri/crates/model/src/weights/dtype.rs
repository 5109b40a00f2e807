//! Which number formats a checkpoint may hold, and what each file format calls them.

/// The type of a tensor's elements as they lie in the file, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoredDtype {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

/// dtype, name in safetensors, name of the torch storage class, name of the torch dtype.
const NAMES: &[(StoredDtype, &str, &str, &str)] = &[
    (StoredDtype::F64, "F64", "DoubleStorage", "float64"),
    (StoredDtype::F32, "F32", "FloatStorage", "float32"),
    (StoredDtype::F16, "F16", "HalfStorage", "float16"),
    (StoredDtype::BF16, "BF16", "BFloat16Storage", "bfloat16"),
    (StoredDtype::I64, "I64", "LongStorage", "int64"),
    (StoredDtype::I32, "I32", "IntStorage", "int32"),
    (StoredDtype::I16, "I16", "ShortStorage", "int16"),
    (StoredDtype::I8, "I8", "CharStorage", "int8"),
    (StoredDtype::U8, "U8", "ByteStorage", "uint8"),
    (StoredDtype::Bool, "BOOL", "BoolStorage", "bool"),
];

impl StoredDtype {
    /// Bytes of one element.
    pub fn size_in_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The name as safetensors headers write it, such as `BF16`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    pub(super) fn from_safetensors(name: &str) -> Option<Self> {
        NAMES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub(super) fn from_torch_storage(class: &str) -> Option<Self> {
        NAMES.iter().find(|row| row.2 == class).map(|row| row.0)
    }

    pub(super) fn from_torch_dtype(name: &str) -> Option<Self> {
        NAMES.iter().find(|row| row.3 == name).map(|row| row.0)
    }

    /// Bytes of a tensor of this dtype and shape; `None` when the number does not fit.
    pub(super) fn bytes_of(self, shape: &[usize]) -> Option<u64> {
        // A zero anywhere makes the product zero in any order, but the other factors must still fit.
        shape.iter().try_fold(self.size_in_bytes() as u64, |product, &size| product.checked_mul(size as u64))
    }
}

impl std::fmt::Display for StoredDtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, StoredDtype};

    #[test]
    fn every_name_leads_back() {
        for &(dtype, safetensors, storage, torch) in NAMES {
            assert_eq!(dtype.name(), safetensors);
            assert_eq!(StoredDtype::from_safetensors(safetensors), Some(dtype));
            assert_eq!(StoredDtype::from_torch_storage(storage), Some(dtype));
            assert_eq!(StoredDtype::from_torch_dtype(torch), Some(dtype));
        }
        assert_eq!(StoredDtype::from_safetensors("F8_E4M3"), None);
    }

    #[test]
    fn sizes_that_do_not_fit_are_none() {
        assert_eq!(StoredDtype::F32.bytes_of(&[]), Some(4));
        assert_eq!(StoredDtype::F16.bytes_of(&[3, 5]), Some(30));
        assert_eq!(StoredDtype::I8.bytes_of(&[7, 0]), Some(0));
        assert_eq!(StoredDtype::F64.bytes_of(&[usize::MAX, 2]), None);
    }
}
