//! What is in a repository at a revision? Asked of the hub's API; nothing in the answer is trusted.

use serde::Deserialize;

use crate::address::{Address, Repository};
use crate::http::Client;
use crate::meter::Meter;
use crate::{Checksum, HubError};

/// Longest list of files that is read.
const LONGEST: usize = 16 << 20;
/// Most files a repository may have.
const MOST: usize = 50_000;

/// A repository's content at one commit.
pub(crate) struct Listing {
    /// The commit, so that all files are of the same one; the revision where a mirror does not tell.
    pub(crate) commit: String,
    pub(crate) files: Vec<RemoteFile>,
}

/// A file of a repository.
#[derive(Clone, Debug)]
pub(crate) struct RemoteFile {
    /// Its name with folders, apart by `/`.
    pub(crate) path: String,
    pub(crate) size: Option<u64>,
    pub(crate) checksum: Option<Checksum>,
}

#[derive(Deserialize)]
struct Wire {
    sha: Option<String>,
    #[serde(default)]
    siblings: Vec<WireFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFile {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<WireLarge>,
}

#[derive(Deserialize)]
struct WireLarge {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Listing {
    pub(crate) fn ask(
        client: &Client,
        address: &Address,
        repository: &Repository,
        meter: &mut Meter,
    ) -> Result<Self, HubError> {
        let names = repository.name.split('/');
        let parts = ["api", "models"].into_iter().chain(names).chain(["revision", &repository.revision]);
        let mut url = address.below(parts);
        url.set_query(Some("blobs=true"));
        let bytes = client.get(&url, 0, meter)?.whole(LONGEST, meter)?;
        let answer = |problem: String| HubError::Answer { host: crate::address::host(&url), problem };
        let wire: Wire = serde_json::from_slice(&bytes).map_err(|error| answer(error.to_string()))?;
        if wire.siblings.len() > MOST {
            return Err(answer(format!("a repository of {} files", wire.siblings.len())));
        }
        let commit =
            wire.sha.filter(|sha| sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let files = wire.siblings.into_iter().map(RemoteFile::checked).collect::<Result<_, _>>()?;
        Ok(Self { commit: commit.unwrap_or_else(|| repository.revision.clone()), files })
    }
}

impl RemoteFile {
    #[cfg(test)]
    pub(crate) fn named(path: &str) -> Self {
        Self { path: path.to_owned(), size: None, checksum: None }
    }

    fn checked(wire: WireFile) -> Result<Self, HubError> {
        if !stays_inside(&wire.rfilename) {
            return Err(HubError::UnsafeName { name: wire.rfilename.chars().take(200).collect() });
        }
        let (size, checksum) = match wire.lfs {
            Some(large) => (large.size.or(wire.size), large.sha256),
            None => (wire.size, wire.blob_id),
        };
        let checksum = checksum.as_deref().and_then(Checksum::from_etag);
        Ok(Self { path: wire.rfilename, size, checksum })
    }
}

/// Whether a name, joined to a folder, stays below it, on every system.
fn stays_inside(path: &str) -> bool {
    let fine = |part: &str| {
        !part.is_empty()
            && part.len() <= 200
            && !part.chars().all(|char| char == '.')
            && !part.chars().any(|char| {
                char.is_control() || matches!(char, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*')
            })
    };
    path.len() <= 1000 && path.split('/').all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for path in ["config.json", "a/b/c.bin", ".gitattributes", "1..2"] {
            assert!(stays_inside(path), "{path}");
        }
        for path in ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a\\..\\b", "C:x", "a/.", "a\0b", "..."]
        {
            assert!(!stays_inside(path), "{path}");
        }
    }
}
