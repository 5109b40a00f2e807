//! Is a file what the hub says it is? Large files have a SHA-256, small ones the name git gives their content.

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// What a hub says about a file's content, in small hexadecimal letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// Of a large file (Git LFS, Xet): SHA-256 of its bytes.
    Sha256(String),
    /// Of a small one: git's name for it, SHA-1 of `blob LENGTH\0` and its bytes.
    GitBlob(String),
}

impl Checksum {
    /// A hub's ETag is one or the other, which its length tells.
    pub(crate) fn from_etag(etag: &str) -> Option<Self> {
        let text = etag.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match text.len() {
            64 => Some(Self::Sha256(text)),
            40 => Some(Self::GitBlob(text)),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> &str {
        let (Self::Sha256(text) | Self::GitBlob(text)) = self;
        text
    }

    /// A sum over no bytes yet of a file that will have `length`.
    pub(crate) fn begin(&self, length: u64) -> Sum {
        match self {
            Self::Sha256(_) => Sum::Sha256(Sha256::new()),
            Self::GitBlob(_) => Sum::Sha1(Sha1::new().chain_update(format!("blob {length}\0"))),
        }
    }
}

/// A checksum in the making.
pub(crate) enum Sum {
    Sha256(Sha256),
    Sha1(Sha1),
}

impl Sum {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(sum) => sum.update(bytes),
            Self::Sha1(sum) => sum.update(bytes),
        }
    }

    pub(crate) fn text(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(sum) => hex(&sum.finalize()),
            Self::Sha1(sum) => hex(&sum.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_sha256sum_and_git() {
        // printf hello | sha256sum; printf hello | git hash-object --stdin
        let sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let git = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0";
        for (etag, expected) in [(format!("\"{sha}\""), sha), (format!("W/\"{git}\""), git)] {
            let checksum = Checksum::from_etag(&etag).unwrap();
            let mut sum = checksum.begin(5);
            sum.add(b"hel");
            sum.add(b"lo");
            assert_eq!(sum.text(), expected);
            assert_eq!(checksum.text(), expected);
        }
        for other in ["", "\"abc\"", "\"d41d8cd98f00b204e9800998ecf8427e\"", &"z".repeat(64)] {
            assert_eq!(Checksum::from_etag(other), None, "{other}");
        }
    }
}
