//! How do numbers of 64 bits come back from JSON as the same numbers?
//!
//! The JSON reader rounds the last bit of some of them; a hash over what was read would then differ, and so would a
//! resumed run. As text they are written in their shortest exact form and read by the standard library.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A number that is text in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exact(pub(crate) f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom(format!("`{text}` is no number")))
    }
}

/// For fields that are `Option<f64>`.
pub(crate) mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Exact;

    pub(crate) fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Exact).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Exact>::deserialize(deserializer)?.map(|exact| exact.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_bit_for_bit() {
        // The first one comes back one bit off through a JSON number.
        let mut value = 1.3233879937065973_f64;
        for _ in 0..10_000 {
            let text = serde_json::to_string(&Exact(value)).unwrap();
            let back: Exact = serde_json::from_str(&text).unwrap();
            assert_eq!(back.0.to_bits(), value.to_bits(), "{text}");
            value = (value * 1.000_371).sin() * 7.3 + 8.0;
        }
        assert!(serde_json::from_str::<Exact>("\"x\"").is_err());
    }
}
