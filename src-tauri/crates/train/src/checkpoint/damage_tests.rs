//! Files that changed after they were written, real folders, and real safetensors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eyewright_model::weights::{StoredDtype, TensorSpec};

use super::fault_disk::FaultDisk;
use super::scenario::{identity, open, save};
use super::{CheckpointError, CheckpointStoreConfig, Content, Identity, Keep, LocalDisk, MANIFEST};

/// The only checkpoint of a small store, and its files.
fn one_checkpoint() -> (FaultDisk, BTreeMap<PathBuf, Vec<u8>>) {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    let files = vec![
        Content::bytes("adapter.safetensors", b"weights of an adapter".to_vec()).unwrap(),
        Content::bytes("state.json", b"{}".to_vec()).unwrap(),
        Content::bytes("empty", Vec::new()).unwrap(),
    ];
    store.save(Identity { validation_loss: Some(1.5), ..identity(10, None) }, files).unwrap();
    let files = disk
        .tree()
        .into_iter()
        .filter_map(|(path, content)| Some((PathBuf::from(path.trim_start_matches('/')), content?)));
    let files = files.collect();
    drop(store);
    (disk, files)
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let (disk, files) = one_checkpoint();
    assert_eq!(files.len(), 4);
    assert_eq!(open(&disk).unwrap().load(10).unwrap().step(), 10);
    let mut damages = 0;
    for (file, good) in &files {
        let flipped = (0..good.len() * 8).map(|bit| {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let cut = (0..good.len()).map(|length| good[..length].to_owned());
        let longer = [[good.as_slice(), b"\n"].concat(), [good.as_slice(), good.as_slice(), b"x"].concat()];
        for bytes in flipped.chain(cut).chain(longer) {
            disk.overwrite(file, &bytes);
            let store = open(&disk).unwrap();
            assert!(store.load(10).is_err(), "{}: {:?}", file.display(), String::from_utf8_lossy(&bytes));
            let resumption = store.resume().unwrap();
            assert!(resumption.checkpoint.is_none() && resumption.damaged.len() == 1);
            damages += 1;
        }
        disk.overwrite(file, good);
    }
    println!("{damages} damages");
    assert!(damages >= 5000, "{damages}");
    assert!(open(&disk).unwrap().load(10).is_ok());
}

#[test]
fn damage_is_named_and_an_older_checkpoint_takes_over() {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    for step in [10, 20] {
        save(&store, step, 0, None).unwrap();
    }
    let folder = Path::new("checkpoints/step-000020");
    let manifest = disk.tree()["/checkpoints/step-000020/MANIFEST.json"].clone().unwrap();
    let text = String::from_utf8(manifest.clone()).unwrap();
    // file, its new content, what the error says
    let rows: [(&str, Vec<u8>, &str); 6] = [
        ("state.json", vec![0; 60], "is damaged: its hash is"),
        ("state.json", vec![0; 59], "has 59 bytes, its manifest says 60"),
        (MANIFEST, text.replace("\"format\": 1", "\"format\": 2").into_bytes(), "Update Eyewright"),
        (MANIFEST, text.replace("\"step\": 20", "\"step\": 21").into_bytes(), "own hash does not fit"),
        (MANIFEST, text.replace("\n", "").into_bytes(), "changed after it was written"),
        (MANIFEST, b"{".to_vec(), "is damaged: EOF"),
    ];
    for (name, bytes, expected) in rows {
        let file = folder.join(name);
        let good = disk.tree()[&format!("/{}", file.display())].clone().unwrap();
        disk.overwrite(&file, &bytes);
        let resumption = open(&disk).unwrap().resume().unwrap();
        assert_eq!(resumption.checkpoint.unwrap().step(), 10);
        let text = resumption.damaged[0].to_string();
        assert!(text.contains(expected) && text.contains("step-000020"), "{text}");
        disk.overwrite(&file, &good);
    }
    // A manifest that belongs to another folder.
    let other = disk.tree()["/checkpoints/step-000010/MANIFEST.json"].clone().unwrap();
    disk.overwrite(&folder.join(MANIFEST), &other);
    let text = store.load(20).unwrap_err().to_string();
    assert!(text.contains("it is of step 10, the folder's name says 20"), "{text}");
}

#[test]
fn a_chosen_step_leaves_no_later_ones() {
    let disk = FaultDisk::new();
    let store = CheckpointStoreConfig { folder: "c".into(), keep: Keep { last: usize::MAX, best: false } };
    let store = store.init(&disk).unwrap();
    for step in [10, 20, 30] {
        save(&store, step, 0, None).unwrap();
    }
    store.discard_after(10).unwrap();
    assert_eq!(store.resume().unwrap().checkpoint.unwrap().step(), 10);
    assert_eq!(store.list().unwrap().len(), 1);
    assert!(matches!(store.load(20), Err(CheckpointError::NoSuchFile { .. })));
}

#[test]
fn names_of_files_stay_in_their_folder() {
    for name in ["", "..", "../x", "a/b", "a\\b", ".hidden", "con:", "x.", "manifest.json", "é"] {
        assert!(Content::bytes(name, Vec::new()).is_err(), "{name}");
    }
}

fn tensors() -> Vec<(TensorSpec, Vec<u8>)> {
    let row = |name: &str, dtype, shape: &[usize], bytes: Vec<u8>| {
        (TensorSpec { name: name.to_owned(), dtype, shape: shape.to_owned() }, bytes)
    };
    vec![
        row("b.weight", StoredDtype::BF16, &[3], vec![1, 2, 3, 4, 5, 6]),
        row("a.weight", StoredDtype::F32, &[2, 2], (0..16).collect()),
        row("step", StoredDtype::I64, &[], vec![7; 8]),
        row("none", StoredDtype::F32, &[0, 4], vec![]),
        row("odd", StoredDtype::U8, &[5], vec![9; 5]),
    ]
}

#[test]
fn a_real_folder_holds_safetensors_that_the_strict_reader_opens() {
    let folder = tempfile::tempdir().unwrap();
    let config = CheckpointStoreConfig {
        folder: folder.path().join("checkpoints"),
        keep: Keep { last: 2, best: false },
    };
    let store = config.clone().init(&LocalDisk).unwrap();
    for step in [1, 2, 3] {
        let files = vec![Content::rows("adapter.safetensors", tensors()).unwrap()];
        let saved = store.save(identity(step, None), files).unwrap();
        assert_eq!(saved.removed, if step == 3 { vec![1] } else { vec![] });
        assert!(saved.not_removed.is_none());
    }
    let leftover = config.folder.join("step-000004.tmp-1-1");
    std::fs::create_dir(&leftover).unwrap();
    std::fs::write(leftover.join("adapter.safetensors"), "half").unwrap();
    std::fs::write(config.folder.join("notes.txt"), "the user's").unwrap();
    let store = config.clone().init(&LocalDisk).unwrap();
    assert!(!leftover.exists() && config.folder.join("notes.txt").exists());
    let checkpoint = store.resume().unwrap().checkpoint.unwrap();
    assert_eq!(checkpoint.step(), 3);
    let file = checkpoint.file("adapter.safetensors").unwrap();
    assert!(checkpoint.file("optimizer.safetensors").is_err());
    let opened = eyewright_model::weights::Checkpoint::open(&file).unwrap();
    assert_eq!(opened.len(), tensors().len());
    for (spec, bytes) in tensors() {
        let found = opened.read(&spec.name).unwrap();
        assert_eq!((found.dtype, found.shape, found.bytes), (spec.dtype, spec.shape, bytes), "{}", spec.name);
    }
}

#[test]
fn tensors_are_laid_out_as_by_the_writer_of_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.safetensors");
    let rows = tensors();
    let borrowed = rows
        .iter()
        .map(|(spec, bytes)| (spec.name.as_str(), spec.dtype, spec.shape.as_slice(), bytes.as_slice()));
    eyewright_model::weights::write_safetensors(&theirs, borrowed, &BTreeMap::new()).unwrap();
    let mut ours = Vec::new();
    let content = Content::rows("ours.safetensors", rows).unwrap();
    let expected = content.expected;
    (content.write)(&mut ours).unwrap();
    assert_eq!(ours.len() as u64, expected);
    assert_eq!(ours, std::fs::read(theirs).unwrap());
}

#[test]
fn tensors_that_cannot_be_are_refused() {
    let spec = |name: &str, shape: &[usize]| TensorSpec {
        name: name.to_owned(),
        dtype: StoredDtype::F32,
        shape: shape.to_owned(),
    };
    let rows = [
        vec![spec("a", &[1]), spec("a", &[2])],
        vec![spec("a", &[usize::MAX, 2])],
        vec![spec("__metadata__", &[])],
    ];
    for specs in rows {
        assert!(Content::tensors("x", specs, Box::new(|_| Ok(Vec::new()))).is_err());
    }
    let disk = FaultDisk::new();
    let short = Content::tensors("x", vec![spec("a", &[2])], Box::new(|_| Ok(vec![0; 7]))).unwrap();
    let error = open(&disk).unwrap().save(identity(1, None), vec![short]).unwrap_err().to_string();
    assert!(error.contains("`a` has 7 bytes, 8 were announced"), "{error}");
}
