//! What exactly is wrong at one place of a file: one variant per kind of damage, with what was found and expected.
//!
//! File and place are added by [`WeightsError`](super::WeightsError).

use thiserror::Error;

use super::dtype::StoredDtype;
use super::error::{escaped, listed, quoted};

/// What is wrong in a safetensors file.
#[derive(Debug, Error)]
pub enum SafetensorsProblem {
    /// The first eight bytes promise a header beyond our limit.
    #[error("header of {found} bytes, the limit is {limit}")]
    HeaderTooLong {
        /// Bytes promised.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The header is not the JSON it should be.
    #[error("not a valid header: {0}")]
    Json(serde_json::Error),
    /// More tensors than any network has.
    #[error("{found} tensors, the limit is {limit}")]
    TooManyTensors {
        /// Tensors listed.
        found: usize,
        /// Tensors allowed.
        limit: usize,
    },
    /// A tensor name beyond our limit.
    #[error("name of {found} bytes, the limit is {limit}")]
    NameTooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The same name twice.
    #[error("listed twice")]
    Duplicate,
    /// A dtype that we do not read.
    #[error("dtype {} is not supported; convert the tensor to F32, F16 or BF16", quoted(found))]
    Dtype {
        /// The dtype's name.
        found: String,
    },
    /// More dimensions than any weight has.
    #[error("{found} dimensions, the limit is {limit}")]
    TooManyDimensions {
        /// Dimensions found.
        found: usize,
        /// Dimensions allowed.
        limit: usize,
    },
    /// A shape whose size in bytes does not fit a number.
    #[error("shape {shape:?} is too large to exist")]
    ShapeOverflow {
        /// The shape.
        shape: Vec<u64>,
    },
    /// Shape, dtype and offsets disagree.
    #[error("shape {shape:?} of {dtype} takes {expected} bytes, offsets {begin}..{end} disagree")]
    Size {
        /// The shape.
        shape: Vec<usize>,
        /// The dtype.
        dtype: StoredDtype,
        /// Bytes by shape.
        expected: u64,
        /// First byte by offsets.
        begin: u64,
        /// Byte after the last by offsets.
        end: u64,
    },
    /// The tensor does not begin where the one before it ends.
    #[error("begins at data byte {found}, the tensor before it ends at {expected} (hole or overlap)")]
    NotContiguous {
        /// Where it begins.
        found: u64,
        /// Where it should begin.
        expected: u64,
    },
    /// The file goes on after the last tensor.
    #[error("{extra} bytes follow the last tensor")]
    TrailingBytes {
        /// How many.
        extra: u64,
    },
}

/// What is wrong in a zip container.
#[derive(Debug, Error)]
pub enum ZipProblem {
    /// A record does not carry its signature.
    #[error("signature {found:#010x} instead of {expected:#010x} at byte {at} (damaged or cut short)")]
    Signature {
        /// Where.
        at: u64,
        /// What is there.
        found: u32,
        /// What should be there.
        expected: u32,
    },
    /// Two places that must say the same do not.
    #[error("{field} is {found}, expected {expected}")]
    Disagrees {
        /// Which field.
        field: &'static str,
        /// The value found.
        found: u64,
        /// The value that would fit.
        expected: u64,
    },
    /// More entries than any torch file has.
    #[error("{found} entries, the limit is {limit}")]
    TooManyEntries {
        /// Entries listed.
        found: u64,
        /// Entries allowed.
        limit: u64,
    },
    /// A field that runs past the record holding it.
    #[error("its fields run past the end of the record")]
    FieldTooLong,
    /// Directory and local header name the entry differently.
    #[error("the local header gives another name")]
    LocalName,
    /// An entry name that is not short UTF-8 text.
    #[error("the name of entry {entry} is not UTF-8 text of 1 to 1024 bytes")]
    Name {
        /// Position in the directory.
        entry: u64,
    },
    /// Two entries with one name.
    #[error("listed twice")]
    Duplicate,
    /// An entry that is packed; torch never packs.
    #[error("compressed (method {method}); torch stores entries as they are, save the file again with torch")]
    Compressed {
        /// The zip method number.
        method: u16,
    },
    /// Encryption or another flag that torch never sets.
    #[error("unsupported flags {flags:#06x}")]
    Flags {
        /// The flags.
        flags: u16,
    },
    /// Two entries share bytes, or an entry reaches into the directory.
    #[error("reaches to byte {end}, where {} already begins at {next}", quoted(other))]
    Overlap {
        /// End of this entry.
        end: u64,
        /// Begin of the other.
        next: u64,
        /// The other entry, or the directory.
        other: String,
    },
    /// An entry that torch always writes is absent.
    #[error("missing")]
    Missing,
    /// An entry beyond our limit.
    #[error("{found} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The bytes are not those that were written.
    #[error(
        "checksum is {found:08x}, expected {expected:08x}: the file is damaged, download or copy it again"
    )]
    Checksum {
        /// CRC-32 of the bytes.
        found: u32,
        /// CRC-32 in the directory.
        expected: u32,
    },
    /// Written on a big-endian machine.
    #[error("byte order {} is not supported, only little-endian", quoted(found))]
    ByteOrder {
        /// What the record says.
        found: String,
    },
}

/// What is wrong in a pickle.
#[derive(Debug, Error)]
pub enum PickleProblem {
    /// The pickle ends in the middle of something.
    #[error("needs {needed} more bytes, {left} are left")]
    CutShort {
        /// Bytes needed.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// Bytes after the end.
    #[error("{extra} bytes follow the end")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// An instruction that torch never writes.
    #[error("instruction {opcode:#04x} is not used by torch files and is refused")]
    Opcode {
        /// The instruction.
        opcode: u8,
    },
    /// One of our limits.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there are too many of.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// Nothing to take where an instruction takes a value.
    #[error("an instruction takes a value where there is none")]
    StackEmpty,
    /// A reference to a value that was never kept.
    #[error("refers to value {index}, which was never stored")]
    Memo {
        /// The reference.
        index: u32,
    },
    /// A value of the wrong kind for the instruction.
    #[error("{found} where {expected} is needed")]
    Kind {
        /// What the instruction takes.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A known function is given what it cannot take.
    #[error("arguments of {function} are malformed: {argument}")]
    Arguments {
        /// The function.
        function: &'static str,
        /// The argument at fault.
        argument: &'static str,
    },
    /// Code that the file wants run, outside the parts that we leave unread.
    #[error(
        "asks for `{}.{}`, which is not plain data; it is refused and nothing was run",
        escaped(module),
        escaped(name)
    )]
    Global {
        /// Python module.
        module: String,
        /// Name in it.
        name: String,
    },
}

/// Why no state dict was found.
#[derive(Debug, Error)]
pub enum StateDictProblem {
    /// The file holds something else.
    #[error(
        "no state dict: the file holds {found}; expected a dictionary of tensors, by itself or under `state_dict`, \
         `module` or `model`"
    )]
    NotFound {
        /// What it holds.
        found: String,
    },
    /// A key that is not text.
    #[error("key number {position} of the state dict is {found}, not text")]
    Key {
        /// Counted from 0.
        position: usize,
        /// What it is.
        found: &'static str,
    },
    /// A value that is not a tensor.
    #[error("the state dict's {} is {found}, not a tensor", quoted(key))]
    NotATensor {
        /// Its key.
        key: String,
        /// What it is.
        found: String,
    },
    /// The same key twice.
    #[error("the state dict's {} is there twice", quoted(key))]
    Duplicate {
        /// The key.
        key: String,
    },
    /// More tensors than any network has.
    #[error("{found} tensors, the limit is {limit}")]
    TooManyTensors {
        /// Tensors found.
        found: usize,
        /// Tensors allowed.
        limit: usize,
    },
}

/// Why a tensor does not fit its storage.
#[derive(Debug, Error)]
pub enum TensorProblem {
    /// The bytes are not in the file.
    #[error("its bytes, entry {}, are missing", quoted(entry))]
    StorageMissing {
        /// The zip entry looked for.
        entry: String,
    },
    /// The bytes in the file are fewer or more than the storage claims.
    #[error("storage {} has {found} bytes, {elements} elements of {dtype} are claimed", quoted(storage))]
    StorageSize {
        /// The storage's key.
        storage: String,
        /// Bytes in the file.
        found: u64,
        /// Elements claimed.
        elements: u64,
        /// The dtype claimed.
        dtype: StoredDtype,
    },
    /// An untyped storage without a dtype, or a dtype that we do not read.
    #[error("its dtype is not supported")]
    Dtype,
    /// Shape or strides whose extent does not fit a number.
    #[error("shape {shape:?} with strides {strides:?} is too large to exist")]
    Overflow {
        /// The shape.
        shape: Vec<usize>,
        /// The strides, in elements.
        strides: Vec<u64>,
    },
    /// The tensor reaches past its storage.
    #[error("reaches to element {end} of a storage of {elements}")]
    OutOfBounds {
        /// Element after its last.
        end: u64,
        /// Elements there are.
        elements: u64,
    },
    /// A repeating view that would unfold to more than the whole file.
    #[error("a repeated view of {bytes} bytes from a file of {length}; save it with .contiguous()")]
    Unfolds {
        /// Bytes it would take.
        bytes: u64,
        /// Bytes of the file.
        length: u64,
    },
    /// A name beyond our limit.
    #[error("name of {found} bytes, the limit is {limit}")]
    NameTooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// What is wrong with an index of shards.
#[derive(Debug, Error)]
pub enum IndexProblem {
    /// Not the JSON it should be.
    #[error("not a valid index: {0}")]
    Json(serde_json::Error),
    /// An index beyond our limit.
    #[error("{found} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// An index that lists nothing, or more than any network has.
    #[error("lists {found} tensors, expected 1 to {limit}")]
    Count {
        /// Tensors listed.
        found: usize,
        /// Tensors allowed.
        limit: usize,
    },
    /// More shards than any network is cut into.
    #[error("lists {found} shards, the limit is {limit}")]
    TooManyShards {
        /// Shards listed.
        found: usize,
        /// Shards allowed.
        limit: usize,
    },
    /// The same tensor twice in the index.
    #[error("lists tensor {} twice", quoted(tensor))]
    Duplicate {
        /// The tensor.
        tensor: String,
    },
    /// A shard that is not a plain name of a weights file beside the index.
    #[error(
        "shard {} of tensor {} is not a plain name of a weights file in the index's folder",
        quoted(shard),
        quoted(tensor)
    )]
    ShardName {
        /// What the index says.
        shard: String,
        /// A tensor that lies in it.
        tensor: String,
    },
    /// Index and shards disagree; everything that does, at once.
    #[error(
        "index and shards disagree; missing shards: {}; tensors missing: {}; tensors not in the index: {}; \
         tensors in several shards: {}; download the folder again",
        listed(missing_shards),
        listed(missing_tensors),
        listed(unlisted_tensors),
        listed(repeated_tensors)
    )]
    Disagrees {
        /// Shards that are not there.
        missing_shards: Vec<String>,
        /// Tensors that the index lists and their shard lacks, or whose shard is missing.
        missing_tensors: Vec<String>,
        /// Tensors in a shard that the index does not list.
        unlisted_tensors: Vec<String>,
        /// Tensors that another shard than the listed one has too.
        repeated_tensors: Vec<String>,
    },
}

/// Why a tensor cannot be written.
#[derive(Debug, Error)]
pub enum WriteProblem {
    /// Two tensors of one name.
    #[error("the name is given twice")]
    Duplicate,
    /// A name that the format keeps for itself or that is too long.
    #[error("the name is reserved or longer than {limit} bytes")]
    Name {
        /// Bytes allowed.
        limit: usize,
    },
    /// A shape that is too large or has too many dimensions.
    #[error("shape {shape:?} is too large")]
    Shape {
        /// The shape.
        shape: Vec<usize>,
    },
    /// The bytes given are not as many as the shape takes.
    #[error("{found} bytes given, shape and dtype take {expected}")]
    Size {
        /// Bytes given.
        found: u64,
        /// Bytes by shape.
        expected: u64,
    },
    /// A name that was not announced.
    #[error("it was not announced when the file was begun")]
    Unannounced,
    /// The file was finished before this tensor came.
    #[error("its bytes never came")]
    Absent,
    /// More tensors or a longer header than our own reader takes.
    #[error("the header would be {bytes} bytes for {tensors} tensors, more than the format's readers take")]
    Header {
        /// Bytes of the header.
        bytes: u64,
        /// Tensors in it.
        tensors: usize,
    },
}
