//! Files that are cut, bent or hostile, one row each: every one is an error that names file and place.

mod indexes;
mod pickles;
mod safetensors_files;
mod zips;

use std::path::Path;

use super::forge::{Claim, Entry, call, dict, entry, global, int, safetensors, text, torch_file, whole};
use super::{Checkpoint, WeightsError};

/// One damaged file and what its message must say.
struct Row {
    label: &'static str,
    bytes: Vec<u8>,
    says: &'static str,
}

fn row(label: &'static str, bytes: Vec<u8>, says: &'static str) -> Row {
    Row { label, bytes, says }
}

/// Writes each row under `name`, opens it, reads all of it, and wants an error that names the file.
fn check(name: &str, rows: Vec<Row>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    for Row { label, bytes, says } in rows {
        std::fs::write(&path, bytes).unwrap();
        let error = match read_all(&path) {
            Ok(count) => panic!("{label}: {count} tensors were read"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(says), "{label}: `{error}` does not say `{says}`");
        assert!(error.contains(name), "{label}: `{error}` does not name the file");
    }
}

fn read_all(path: &Path) -> Result<usize, WeightsError> {
    let checkpoint = Checkpoint::open(path)?;
    for name in checkpoint.names() {
        checkpoint.read(name)?;
    }
    Ok(checkpoint.len())
}

const TWO: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}"#;

fn good_pickle() -> Vec<u8> {
    dict(&[("weight", Claim::default().pickle())])
}

fn good_entries() -> [Entry; 2] {
    [entry("a/data.pkl", &whole(&good_pickle())), entry("a/data/0", &[7; 16])]
}

#[test]
fn the_forged_files_are_good_before_they_are_bent() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("good.bin", torch_file(&good_pickle(), &[7; 16])), ("good.safetensors", safetensors(TWO, &[0; 11]))]
    {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        assert!(read_all(&folder.path().join(name)).unwrap() > 0, "{name}");
    }
}

#[test]
fn folders() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let none = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(none.contains("found \"config.json\"") && none.contains("pytorch_model.bin"), "{none}");
    let by_path = |name: &str| Checkpoint::open(&folder.path().join(name)).unwrap_err();
    assert!(matches!(by_path("config.json"), WeightsError::UnknownFormat { .. }));
    assert!(matches!(by_path("absent.safetensors"), WeightsError::Io { .. }));
    assert!(matches!(by_path("absent"), WeightsError::Io { .. }));
    std::fs::create_dir(folder.path().join("folder.bin")).unwrap();
    assert!(matches!(by_path("folder.bin"), WeightsError::NoWeights { .. }));

    std::fs::write(folder.path().join("pytorch_model.bin"), torch_file(&good_pickle(), &[7; 16])).unwrap();
    assert_eq!(Checkpoint::open(folder.path()).unwrap().names().collect::<Vec<_>>(), ["weight"]);
    std::fs::write(folder.path().join("model.safetensors"), safetensors(TWO, &[0; 11])).unwrap();
    let both = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(both.names().collect::<Vec<_>>(), ["a", "b"], "safetensors is preferred");
    assert!(matches!(both.read("weight"), Err(WeightsError::NoSuchTensor { .. })));
}

/// Unknown objects beside the weights do no harm: the weights are read, the objects are named, nothing runs.
#[test]
fn code_beside_the_weights_is_inert() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("pwned");
    let touch = call(global("os", "system"), &[text(&format!("touch {}", canary.display()))]);
    let with_items = [
        global("mmengine.logging.history_buffer", "HistoryBuffer"),
        b")\x81".to_vec(),
        dict(&[("a", int(1))]),
        b"b".to_vec(),
    ]
    .concat();
    let pickle = dict(&[("meta", touch), ("message_hub", with_items), ("state_dict", good_pickle())]);
    let path = folder.path().join("iter_1.pth");
    std::fs::write(&path, torch_file(&pickle, &[7; 16])).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert_eq!(checkpoint.read("weight").unwrap().bytes, [7; 16]);
    let names: Vec<&str> = checkpoint.inert_globals().collect();
    assert_eq!(names, ["mmengine.logging.history_buffer.HistoryBuffer", "os.system"]);
    assert!(!canary.exists());
}

/// A file that shrinks after it was opened is an error, not a crash and not zeros.
#[test]
fn a_file_that_shrinks_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, tensor) in [
        ("model.safetensors", safetensors(TWO, &[1; 11]), "b"),
        ("model.bin", torch_file(&good_pickle(), &[7; 16]), "weight"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(20).unwrap();
        assert!(matches!(checkpoint.read(tensor), Err(WeightsError::CutShort { .. })), "{name}");
    }
}
