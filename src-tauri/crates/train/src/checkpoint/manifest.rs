//! What belongs to a checkpoint, and is it as it was written?
//!
//! The manifest is written last: a folder without one is no checkpoint. It carries its own hash, so that a damaged
//! manifest is noticed like any damaged file.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::error::{CheckpointError, ManifestProblem};

/// The manifest's file name.
pub const MANIFEST: &str = "MANIFEST.json";
/// The newest form of checkpoints this program reads.
pub(super) const FORMAT: u64 = 1;
/// A manifest names a few files; a megabyte is far above any.
const LARGEST: u64 = 1 << 20;

/// What a checkpoint is a checkpoint of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Optimiser steps done.
    pub step: u64,
    /// The checkpoint that training had started from, if it was resumed.
    pub parent_step: Option<u64>,
    /// [`crate::plan::RunPlan::fingerprint`].
    pub plan: String,
    /// Hash of the rows and their order.
    pub dataset: String,
    /// Hash of the tokenizer's files.
    pub tokenizer: String,
    /// Type of the base's numbers.
    pub dtype: String,
    /// Validation loss at this step, if one was measured.
    #[serde(with = "crate::exact::option")]
    pub validation_loss: Option<f64>,
}

/// Length and hash of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Bytes.
    pub length: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

/// The content of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the checkpoint.
    pub format: u64,
    /// What it is a checkpoint of.
    pub identity: Identity,
    /// Its files by name.
    pub files: BTreeMap<String, FileRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    manifest: Manifest,
    blake3: String,
}

impl Manifest {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, ManifestProblem> {
        let content = serde_json::to_vec(self).map_err(ManifestProblem::Json)?;
        let sealed = Sealed { manifest: self.clone(), blake3: blake3::hash(&content).to_hex().to_string() };
        let mut bytes = serde_json::to_vec_pretty(&sealed).map_err(ManifestProblem::Json)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestProblem> {
        let sealed: Sealed = serde_json::from_slice(bytes).map_err(ManifestProblem::Json)?;
        let content = serde_json::to_vec(&sealed.manifest).map_err(ManifestProblem::Json)?;
        if blake3::hash(&content).to_hex().as_str() != sealed.blake3 {
            return Err(ManifestProblem::Hash);
        }
        // What was parsed is right; spaces or letters that parsing does not mind may still have changed.
        if sealed.manifest.to_bytes()? != bytes {
            return Err(ManifestProblem::Form);
        }
        Ok(sealed.manifest)
    }

    /// Reads and checks a manifest; `None` when the folder has none and so is no checkpoint.
    pub(super) fn read(disk: &dyn Disk, folder: &Path, step: u64) -> Result<Option<Self>, CheckpointError> {
        let file = folder.join(MANIFEST);
        let problem = |reason| CheckpointError::Manifest { file: file.clone(), reason };
        let refused = |source| CheckpointError::disk("read", &file, source);
        let opened = match disk.open(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(refused)?,
        };
        let mut bytes = Vec::new();
        opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
        if bytes.len() as u64 > LARGEST {
            return Err(problem(ManifestProblem::TooLarge { bytes: bytes.len() as u64, limit: LARGEST }));
        }
        if let Some(found) = newer_format(&bytes) {
            return Err(CheckpointError::NewerFormat { file, found, known: FORMAT });
        }
        let manifest = Self::from_bytes(&bytes).map_err(problem)?;
        if manifest.identity.step != step {
            return Err(problem(ManifestProblem::Step { found: manifest.identity.step, expected: step }));
        }
        if let Some(name) = manifest.files.keys().find(|name| check_file_name(name).is_err()) {
            return Err(problem(ManifestProblem::FileName { name: name.clone() }));
        }
        Ok(Some(manifest))
    }

    /// Compares the lengths of all files; quick.
    pub(super) fn check_lengths(&self, disk: &dyn Disk, folder: &Path) -> Result<(), CheckpointError> {
        for (name, record) in &self.files {
            let file = folder.join(name);
            let found = match disk.length(&file) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                length => length.map_err(|source| CheckpointError::disk("read", &file, source))?,
            };
            if found != record.length {
                return Err(CheckpointError::Length { file, found, expected: record.length });
            }
        }
        Ok(())
    }

    /// Compares lengths and hashes; reads every byte.
    pub(super) fn check_hashes(&self, disk: &dyn Disk, folder: &Path) -> Result<(), CheckpointError> {
        self.check_lengths(disk, folder)?;
        for (name, record) in &self.files {
            let file = folder.join(name);
            let refused = |source| CheckpointError::disk("read", &file, source);
            let mut hasher = blake3::Hasher::new();
            let mut opened = disk.open(&file).map_err(refused)?;
            std::io::copy(&mut opened, &mut hasher).map_err(refused)?;
            let found = hasher.finalize().to_hex();
            if found.as_str() != record.blake3 {
                let (found, expected) = (found.to_string(), record.blake3.clone());
                return Err(CheckpointError::Hash { file, found, expected });
            }
        }
        Ok(())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, record| sum.saturating_add(record.length))
    }
}

/// A later form may have fields that this program does not know; its number is looked at alone, first.
fn newer_format(bytes: &[u8]) -> Option<u64> {
    let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    json.get("manifest")?.get("format")?.as_u64().filter(|&format| format > FORMAT)
}

/// Names that are the same file everywhere, and lie in the checkpoint's own folder.
pub(super) fn check_file_name(name: &str) -> Result<(), CheckpointError> {
    let refused = |reason| Err(CheckpointError::FileName { name: name.to_owned(), reason });
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    if name.is_empty() || name.len() > 100 || !name.chars().all(allowed) {
        return refused("take up to 100 letters, digits, `_`, `-` and `.`");
    }
    if name.starts_with('.') || name.ends_with('.') {
        return refused("it may not begin or end with a dot");
    }
    if name.eq_ignore_ascii_case(MANIFEST) {
        return refused("the manifest is written by the store");
    }
    Ok(())
}
