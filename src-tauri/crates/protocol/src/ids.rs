//! By which names and numbers does a door speak of things? Names are checked once, where they enter.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Longest name.
const LONGEST: usize = 100;

/// A name that can be a folder's: letters, digits, `-`, `_` and `.`, not beginning with a dot.
fn checked(name: String) -> Result<String, String> {
    let letters = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
    let fine =
        !name.is_empty() && name.len() <= LONGEST && !name.starts_with('.') && name.chars().all(letters);
    if fine { Ok(name) } else { Err(format!("`{}` is not a name that Eyewright gives", short(&name))) }
}

/// At most 60 letters, so that an error does not repeat a megabyte.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(name: String) -> Result<Self, String> {
                checked(name).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

names! {
    /// A chat: the name of its folder in the library.
    ChatId
    /// A data set in the library.
    DatasetId
    /// A model in the library.
    ModelId
    /// A run: the name of its folder.
    RunId
}

/// A message in its chat; numbers are never given twice.
pub type MessageId = u32;
/// A picture that this session of the program has seen; its thumbnail is asked for by this number.
pub type PictureId = u32;
/// A piece of work in this session of the program.
pub type JobId = u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_library_are_refused() {
        for good in ["a", "2026-11-25-cat", "vicuna-7b-v1.5", "猫", "a_b"] {
            assert!(RunId::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let long = "x".repeat(101);
        for bad in ["", ".", "..", "a/b", "a\\b", ".hidden", "a b", "a\0", "c:x", &long] {
            assert!(RunId::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
