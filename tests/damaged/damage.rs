//! A good model with one damaged file, and what must be said about it.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use eyewright_app::{ModelRequest, StackPaths, open_model};
use eyewright_tests::golden::models;
use serde_json::Value;

/// The good models.
#[derive(Clone, Copy)]
pub(super) enum Base {
    /// One llava-hf folder with a `tokenizer.json`.
    LlavaHf,
    /// A language model with a `tokenizer.model`.
    InternLm2,
    /// A language model in three shards with an index.
    Sharded,
    /// A language model in one torch file.
    Bin,
    /// XTuner's parts: `llm/`, `clip/`, `llava/`.
    Parts,
}

/// What is done to the file.
pub(super) enum Harm {
    /// The JSON value at this pointer becomes that one.
    Set(&'static str, &'static str),
    /// The JSON value at this pointer is taken out.
    Drop(&'static str),
    /// The content becomes this.
    Text(&'static str),
    /// Only the first bytes stay, as many thousandths.
    Cut(usize),
    /// One byte is inverted, at so many thousandths of the file.
    Flip(usize),
    /// Bytes are written over it from this place.
    Write(usize, &'static [u8]),
    /// The file grows to this many bytes of zeros, without taking room on the disk.
    Grow(u64),
    /// The file is gone.
    Delete,
    /// A folder stands in its place.
    Folder,
    /// Another golden file stands in its place.
    Exchange(&'static str),
}

/// Base, file in it, harm, and what the message must say besides the file's name.
pub(super) type Row = (Base, &'static str, Harm, &'static str);

/// Opens every row's model and reports all rows that are not refused as they should be.
pub(super) fn check(rows: &[Row]) {
    let mut good = Vec::new();
    let mut wrong = Vec::new();
    for (base, file, harm, says) in rows {
        let folder = tempfile::tempdir().unwrap();
        let request = set_up(*base, folder.path());
        if !good.contains(&(*base as usize)) {
            open_model(&request, &mut |_, _| {}).unwrap(); // good before it is harmed
            good.push(*base as usize);
        }
        let path = folder.path().join(file);
        apply(harm, &path);
        let start = Instant::now();
        let told = match open_model(&request, &mut |_, _| {}) {
            Ok(_) => "(it was loaded)".to_owned(),
            Err(error) => chain(&error),
        };
        // What is missing or somebody else's is found where it is looked for, in its folder; what does not fit its
        // neighbour is named by its part's folder.
        let (name, folder) = (path.file_name().unwrap(), path.parent().unwrap());
        let is_part = file.contains('/') || matches!(harm, Harm::Delete | Harm::Exchange(_));
        let named =
            told.contains(name.to_str().unwrap()) || is_part && told.contains(folder.to_str().unwrap());
        if !told.contains(says) || !named {
            wrong.push(format!("{file}: `{told}` does not say `{says}` and which file"));
        }
        if start.elapsed() > Duration::from_secs(10) {
            wrong.push(format!("{file}, {says}: took {:?}", start.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An error with its reasons, as the program prints it.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text.push_str(": ");
        text.push_str(&reason.to_string());
        source = reason.source();
    }
    text
}

fn set_up(base: Base, folder: &Path) -> ModelRequest {
    let mut paths = StackPaths { model: folder.to_owned(), ..StackPaths::default() };
    match base {
        Base::LlavaHf => copy(&models("llava_hf_new"), folder),
        Base::InternLm2 => copy(&models("internlm2"), folder),
        Base::Sharded => {
            copy(&models("llama"), folder);
            fs::remove_file(folder.join("model.safetensors")).unwrap();
            copy(&models("formats/safetensors_sharded"), folder);
        }
        Base::Bin => {
            copy(&models("llama"), folder);
            fs::remove_file(folder.join("model.safetensors")).unwrap();
            copy(&models("formats/bin"), folder);
        }
        Base::Parts => {
            copy(&models("llava_xtuner"), folder);
            paths = StackPaths {
                model: folder.join("llm"),
                visual_encoder: Some(folder.join("clip")),
                llava: Some(folder.join("llava")),
                visual_select_layer: None,
            };
        }
    }
    ModelRequest { paths, ..ModelRequest::default() }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry: PathBuf = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else if !entry.file_name().unwrap().to_str().unwrap().starts_with("expected") {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

fn apply(harm: &Harm, file: &Path) {
    let json = || serde_json::from_slice::<Value>(&fs::read(file).unwrap()).unwrap();
    match harm {
        Harm::Set(pointer, value) => {
            let mut root = json();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            root.pointer_mut(parent).unwrap()[key] = serde_json::from_str(value).unwrap();
            fs::write(file, root.to_string()).unwrap();
        }
        Harm::Drop(pointer) => {
            let mut root = json();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            root.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
            fs::write(file, root.to_string()).unwrap();
        }
        Harm::Text(text) => fs::write(file, text).unwrap(),
        Harm::Cut(thousandths) => {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() * thousandths / 1000]).unwrap();
        }
        Harm::Flip(thousandths) => {
            let mut bytes = fs::read(file).unwrap();
            let at = bytes.len() * thousandths / 1000;
            bytes[at] ^= 0xff;
            fs::write(file, bytes).unwrap();
        }
        Harm::Write(at, new) => {
            let mut bytes = fs::read(file).unwrap();
            bytes[*at..at + new.len()].copy_from_slice(new);
            fs::write(file, bytes).unwrap();
        }
        Harm::Grow(length) => {
            fs::OpenOptions::new().write(true).open(file).unwrap().set_len(*length).unwrap()
        }
        Harm::Delete => fs::remove_file(file).unwrap(),
        Harm::Folder => {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }
        Harm::Exchange(other) => drop(fs::copy(models(other), file).unwrap()),
    }
}
