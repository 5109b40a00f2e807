//! Which shard each tensor of a cut-up checkpoint lies in: reads and checks an index file.
//!
//! It opens no shard. Shard names are plain names of weights files, so that an index cannot reach out of its folder.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::WeightsError;
use super::folder::is_weights_file;
use super::open_file::OpenFile;
use super::problem::IndexProblem;
use super::safetensors::MAX_TENSORS;

/// Longest index that is read.
const MAX_INDEX_BYTES: u64 = 16 * 1024 * 1024;
/// Most shards; each stays open while the checkpoint is.
const MAX_SHARDS: usize = 512;

/// The tensors that each shard should hold, by shard name.
#[derive(Debug)]
pub(super) struct ShardIndex {
    pub(super) shard_of: BTreeMap<String, String>,
}

impl ShardIndex {
    pub(super) fn read(file: &OpenFile) -> Result<Self, WeightsError> {
        parse(file).map_err(|error| match error {
            Failure::Read(error) => error,
            Failure::Content(problem) => WeightsError::Index { file: file.path().to_owned(), problem },
        })
    }

    /// Every shard once, sorted.
    pub(super) fn shards(&self) -> Vec<&str> {
        let mut shards: Vec<&str> = self.shard_of.values().map(String::as_str).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }
}

enum Failure {
    Read(WeightsError),
    Content(IndexProblem),
}

impl From<IndexProblem> for Failure {
    fn from(problem: IndexProblem) -> Self {
        Self::Content(problem)
    }
}

fn parse(file: &OpenFile) -> Result<ShardIndex, Failure> {
    if file.length() > MAX_INDEX_BYTES {
        return Err(IndexProblem::TooLong { found: file.length(), limit: MAX_INDEX_BYTES }.into());
    }
    let json = file.read(0, file.length(), || "index".to_owned()).map_err(Failure::Read)?;
    let raw: RawIndex = serde_json::from_slice(&json).map_err(IndexProblem::Json)?;
    let count = raw.weight_map.0.len();
    if count == 0 || count > MAX_TENSORS {
        return Err(IndexProblem::Count { found: count, limit: MAX_TENSORS }.into());
    }
    let mut shard_of = BTreeMap::new();
    for (tensor, shard) in raw.weight_map.0 {
        if !is_plain_name(&shard) || !is_weights_file(shard.as_ref()) {
            return Err(IndexProblem::ShardName { shard, tensor }.into());
        }
        if shard_of.contains_key(&tensor) {
            return Err(IndexProblem::Duplicate { tensor }.into());
        }
        shard_of.insert(tensor, shard);
    }
    let index = ShardIndex { shard_of };
    let found = index.shards().len();
    if found > MAX_SHARDS {
        return Err(IndexProblem::TooManyShards { found, limit: MAX_SHARDS }.into());
    }
    Ok(index)
}

/// A name that stays in its folder on every system: no separators, no drive or stream (`:`), no `.` or `..`.
fn is_plain_name(name: &str) -> bool {
    !name.starts_with('.') && !name.contains(['/', '\\', ':']) && !name.contains(char::is_control)
}

struct RawIndex {
    weight_map: Pairs,
}

/// A JSON object of texts with its repeated keys kept, so that those can be reported.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for RawIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IndexVisitor;
        impl<'de> Visitor<'de> for IndexVisitor {
            type Value = RawIndex;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `weight_map`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawIndex, A::Error> {
                let mut weight_map = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "weight_map" {
                        map.next_value::<IgnoredAny>()?;
                    } else if weight_map.replace(map.next_value()?).is_some() {
                        return Err(serde::de::Error::duplicate_field("weight_map"));
                    }
                }
                let missing = || serde::de::Error::missing_field("weight_map");
                Ok(RawIndex { weight_map: weight_map.ok_or_else(missing)? })
            }
        }
        deserializer.deserialize_map(IndexVisitor)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object that maps tensor names to file names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
