//! How is a small state dict written so that `torch.load(weights_only=True)` reads it?
//!
//! A zip of uncompressed entries: a pickle that names tensors, and each tensor's bytes. Format: torch's
//! `torch/serialization.py`; protocol 2.

use std::{fs, path::Path};

use eyewright_model::weights::StoredDtype;

use crate::{
    InteropError,
    planned::{Planned, encode},
};

/// Writes the tensors as a torch file; they are held in memory, which suits a projector.
pub(crate) fn write(file: &Path, tensors: &[Planned<'_>]) -> Result<(), InteropError> {
    let mut pickle = b"\x80\x02}(".to_vec();
    let mut entries = Vec::new();
    for (index, tensor) in tensors.iter().enumerate() {
        let elements: usize = tensor.shape.iter().product();
        text(&mut pickle, &tensor.name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(format!("ctorch\n{}\n", storage(tensor.dtype)).bytes());
        text(&mut pickle, &index.to_string());
        text(&mut pickle, "cpu");
        int(&mut pickle, elements);
        pickle.extend(b"tQ"); // the tuple names a storage
        int(&mut pickle, 0);
        ints(&mut pickle, &tensor.shape);
        ints(&mut pickle, &strides(&tensor.shape));
        pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        entries.push((format!("archive/data/{index}"), encode(&(tensor.make)()?.values, tensor.dtype)));
    }
    pickle.extend(b"u.");
    let small = [
        ("archive/data.pkl".to_owned(), pickle),
        ("archive/byteorder".to_owned(), b"little".to_vec()),
        ("archive/version".to_owned(), b"3\n".to_vec()),
    ];
    let bytes = zip(small.into_iter().chain(entries))?;
    fs::write(file, bytes).map_err(InteropError::io("write", file))
}

fn storage(dtype: StoredDtype) -> &'static str {
    match dtype {
        StoredDtype::F16 => "HalfStorage",
        StoredDtype::BF16 => "BFloat16Storage",
        StoredDtype::F64 => "DoubleStorage",
        _ => "FloatStorage",
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    (1..=shape.len()).map(|from| shape.iter().skip(from).product()).collect()
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn int(out: &mut Vec<u8>, value: usize) {
    out.extend(b"\x8a\x08");
    out.extend((value as i64).to_le_bytes());
}

fn ints(out: &mut Vec<u8>, values: &[usize]) {
    out.push(b'(');
    values.iter().for_each(|value| int(out, *value));
    out.push(b't');
}

/// Uncompressed entries below 4 GiB in all.
fn zip(entries: impl Iterator<Item = (String, Vec<u8>)>) -> Result<Vec<u8>, InteropError> {
    let mut out: Vec<u8> = Vec::new();
    let mut directory = Vec::new();
    let mut count = 0_u16;
    let le16 = |values: &[u16]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let le32 = |values: &[u32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let size = |length: usize| {
        u32::try_from(length).map_err(|_| InteropError::Unsupported {
            format: "a torch file of the projector",
            reason: "it has more than 4 GiB; use `llava-hf`".to_owned(),
        })
    };
    for (name, data) in entries {
        let (offset, length, checksum) = (size(out.len())?, size(data.len())?, crc32fast::hash(&data));
        let common = [le16(&[20, 0, 0, 0, 0]), le32(&[checksum, length, length])].concat();
        out.extend(0x0403_4b50_u32.to_le_bytes());
        out.extend(&common);
        out.extend(le16(&[name.len() as u16, 0]));
        out.extend(name.as_bytes());
        out.extend(&data);
        directory.extend(0x0201_4b50_u32.to_le_bytes());
        directory.extend(le16(&[20]));
        directory.extend(&common);
        directory.extend(le16(&[name.len() as u16, 0, 0, 0, 0, 0, 0]));
        directory.extend(le32(&[offset]));
        directory.extend(name.as_bytes());
        count += 1;
    }
    let begin = size(out.len())?;
    out.extend(&directory);
    out.extend(0x0605_4b50_u32.to_le_bytes());
    out.extend(le16(&[0, 0, count, count]));
    out.extend(le32(&[directory.len() as u32, begin]));
    out.extend(le16(&[0]));
    Ok(out)
}
