//! Builds safetensors, zip and pickle files byte by byte, right or wrong as a test needs them.

/// A safetensors file of this header and data.
pub(super) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// One zip entry; what is `None` is written as it should be.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) checksum: Option<u32>,
    pub(super) listed_length: Option<u32>,
    pub(super) packed_length: Option<u32>,
    pub(super) header_offset: Option<u32>,
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) extra: Vec<u8>,
}

pub(super) fn entry(name: &str, data: &[u8]) -> Entry {
    Entry { name: name.into(), data: data.into(), ..Entry::default() }
}

/// A zip of these entries with the old end record only.
pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let checksum = entry.checksum.unwrap_or_else(|| crc32fast::hash(&entry.data));
        let length = entry.data.len() as u32;
        let offset = entry.header_offset.unwrap_or(file.len() as u32);
        let listed_length = entry.listed_length.unwrap_or(length);
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        file.extend(0x0403_4b50_u32.to_le_bytes());
        file.extend(le16(&[0, entry.flags, entry.method, 0, 0]));
        file.extend(le32(&[checksum, listed_length, listed_length]));
        file.extend(le16(&[local_name.len() as u16, 0]));
        file.extend(local_name);
        file.extend(&entry.data);
        directory.extend(0x0201_4b50_u32.to_le_bytes());
        directory.extend(le16(&[0, 0, entry.flags, entry.method, 0, 0]));
        directory.extend(le32(&[checksum, entry.packed_length.unwrap_or(listed_length), listed_length]));
        directory.extend(le16(&[entry.name.len() as u16, entry.extra.len() as u16, 0, 0, 0, 0, 0]));
        directory.extend(le32(&[offset]));
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let (begin, count) = (file.len() as u32, entries.len() as u16);
    file.extend(&directory);
    file.extend(0x0605_4b50_u32.to_le_bytes());
    file.extend(le16(&[0, 0, count, count]));
    file.extend(le32(&[directory.len() as u32, begin]));
    file.extend(le16(&[0]));
    file
}

fn le16(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn le32(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A torch file of this pickle (without header and end) and one storage `0` of these bytes.
pub(super) fn torch_file(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip(&[entry("a/data.pkl", &whole(pickle)), entry("a/data/0", storage)])
}

pub(super) fn whole(pickle: &[u8]) -> Vec<u8> {
    [b"\x80\x02", pickle, b"."].concat()
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

pub(super) fn int(value: i64) -> Vec<u8> {
    [b"\x8a\x08", &value.to_le_bytes()[..]].concat()
}

pub(super) fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

pub(super) fn tuple(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), parts.concat(), b"t".to_vec()].concat()
}

pub(super) fn ints(values: &[i64]) -> Vec<u8> {
    tuple(&values.iter().map(|&value| int(value)).collect::<Vec<_>>())
}

pub(super) fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<u8> =
        entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}(".to_vec(), entries, b"u".to_vec()].concat()
}

/// A call: `os.system("true")` is `call(global("os", "system"), &[text("true")])`.
pub(super) fn call(callee: Vec<u8>, arguments: &[Vec<u8>]) -> Vec<u8> {
    [callee, tuple(arguments), b"R".to_vec()].concat()
}

/// What a tensor says of itself.
pub(super) struct Claim<'a> {
    pub(super) class: &'a str,
    pub(super) key: &'a str,
    pub(super) elements: i64,
    pub(super) offset: i64,
    pub(super) shape: &'a [i64],
    pub(super) strides: &'a [i64],
}

impl Default for Claim<'_> {
    /// Four floats in storage `0`, as a `[2, 2]` matrix.
    fn default() -> Self {
        Self { class: "FloatStorage", key: "0", elements: 4, offset: 0, shape: &[2, 2], strides: &[2, 1] }
    }
}

impl Claim<'_> {
    pub(super) fn pickle(&self) -> Vec<u8> {
        let storage =
            [text("storage"), global("torch", self.class), text(self.key), text("cpu"), int(self.elements)];
        let storage = [tuple(&storage), b"Q".to_vec()].concat();
        let hooks = [global("collections", "OrderedDict"), b")R".to_vec()].concat();
        let arguments =
            [storage, int(self.offset), ints(self.shape), ints(self.strides), b"\x89".to_vec(), hooks];
        call(global("torch._utils", "_rebuild_tensor_v2"), &arguments)
    }
}
