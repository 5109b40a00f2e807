//! Files written by torch itself, read here and compared byte for byte with the same values in safetensors.
//!
//! Written by `tests/reference/torch_files.py`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{
    Checkpoint, SafetensorsWriter, StoredDtype, TensorSpec, WeightsError, WriteProblem, write_safetensors,
};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/golden/torch_files")).join(name)
}

fn open(name: &str) -> Checkpoint {
    Checkpoint::open(&golden(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn torch_files_hold_what_torch_saved() {
    let rows = [
        ("plain.bin", "plain.safetensors", 15),
        ("views.bin", "views.safetensors", 8),
        ("views_protocol4.pt", "views.safetensors", 8),
        ("iter_500.pth", "training.safetensors", 4),
        ("mp_rank_00_model_states.pt", "training.safetensors", 4),
    ];
    for (torch, safetensors, count) in rows {
        let (found, expected) = (open(torch), open(safetensors));
        assert_eq!(found.len(), count, "{torch}");
        assert!(found.names().eq(expected.names()), "{torch}");
        assert_eq!(found.bytes(), expected.bytes(), "{torch}");
        for name in expected.names() {
            assert_eq!(found.read(name).unwrap(), expected.read(name).unwrap(), "{torch}: {name}");
            assert_eq!(found.get(name).unwrap().file, golden(torch));
        }
    }
}

#[test]
fn objects_beside_the_weights_are_named_and_left_alone() {
    let names: Vec<String> = open("iter_500.pth").inert_globals().map(str::to_owned).collect();
    assert!(names.contains(&"mmengine_like.HistoryBuffer".to_owned()), "{names:?}");
    assert!(names.contains(&"datetime.datetime".to_owned()), "{names:?}");
    assert_eq!(open("plain.bin").inert_globals().count(), 0);
}

#[test]
fn dtypes_that_are_not_read_are_named() {
    let error = Checkpoint::open(&golden("complex.bin")).unwrap_err();
    assert!(error.to_string().contains("torch.ComplexFloatStorage"), "{error}");
}

#[test]
fn the_old_torch_format_is_told_how_to_become_new() {
    let error = Checkpoint::open(&golden("legacy.bin")).unwrap_err();
    assert!(matches!(error, WeightsError::LegacyTorch { .. }), "{error}");
}

/// Whatever byte of a torch file is damaged: an error, or the values that were saved. Never other values.
#[test]
fn no_flipped_bit_changes_a_value() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["views.bin", "iter_500.pth"] {
        let expected = contents(&open(name)).unwrap();
        let file = std::fs::read(golden(name)).unwrap();
        let path = folder.path().join(name);
        let bend = Bend::new(&path, &file);
        for position in 0..file.len() {
            bend.flip(position, 1 << (position % 8), || {
                if let Ok(found) = Checkpoint::open(&path).and_then(|checkpoint| contents(&checkpoint)) {
                    assert_eq!(found, expected, "{name}, byte {position}");
                }
            });
        }
        bend.cut(|length| assert!(Checkpoint::open(&path).is_err(), "{name} cut to {length} bytes"));
    }
}

/// Safetensors has no checksums: damage may change a value, but it never ends in a panic.
#[test]
fn no_flipped_bit_in_a_header_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let file = std::fs::read(golden("plain.safetensors")).unwrap();
    let bend = Bend::new(&path, &file);
    for position in 0..file.len() {
        for bit in 0..8 {
            bend.flip(position, 1 << bit, || {
                let _ = Checkpoint::open(&path).and_then(|checkpoint| contents(&checkpoint));
            });
        }
    }
    bend.cut(|length| assert!(Checkpoint::open(&path).is_err(), "cut to {length} bytes"));
}

/// A file on disk that is damaged in place: writing it anew for every bit would take minutes.
struct Bend<'a> {
    path: &'a Path,
    good: &'a [u8],
}

impl<'a> Bend<'a> {
    fn new(path: &'a Path, good: &'a [u8]) -> Self {
        std::fs::write(path, good).unwrap();
        Self { path, good }
    }

    fn file(&self) -> File {
        OpenOptions::new().write(true).open(self.path).unwrap()
    }

    fn put(&self, position: usize, byte: u8) {
        let mut file = self.file();
        file.seek(SeekFrom::Start(position as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    }

    fn flip(&self, position: usize, bits: u8, try_it: impl FnOnce()) {
        self.put(position, self.good[position] ^ bits);
        try_it();
        self.put(position, self.good[position]);
    }

    fn cut(&self, try_it: impl Fn(usize)) {
        for length in (0..self.good.len()).rev() {
            self.file().set_len(length as u64).unwrap();
            try_it(length);
        }
    }
}

fn contents(checkpoint: &Checkpoint) -> Result<BTreeMap<String, super::TensorBytes>, WeightsError> {
    checkpoint.names().map(|name| Ok((name.to_owned(), checkpoint.read(name)?))).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let expected = contents(&open("plain.safetensors")).unwrap();
    let rows =
        expected.iter().map(|(name, t)| (name.as_str(), t.dtype, t.shape.as_slice(), t.bytes.as_slice()));
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    write_safetensors(&path, rows, &metadata).unwrap();
    assert_eq!(contents(&Checkpoint::open(folder.path()).unwrap()).unwrap(), expected);
    let begin = std::fs::read(&path).unwrap();
    assert_eq!(begin[0] % 8, 0, "the data begins at a multiple of eight");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing staged is left: {names:?}");
}

#[test]
fn a_file_that_is_not_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, "the file from before").unwrap();
    let spec = |name: &str| TensorSpec { name: name.to_owned(), dtype: StoredDtype::U8, shape: vec![2] };
    let begin = || SafetensorsWriter::create(&path, &[spec("a"), spec("b")], &BTreeMap::new()).unwrap();
    let mut writer = begin();
    writer.write("b", &[1, 2]).unwrap();
    let problem = |error| match error {
        WeightsError::Write { tensor, problem, .. } => (tensor, problem),
        other => panic!("{other}"),
    };
    assert!(matches!(problem(writer.write("b", &[1, 2]).unwrap_err()), (_, WriteProblem::Duplicate)));
    assert!(matches!(problem(writer.write("a", &[1]).unwrap_err()), (_, WriteProblem::Size { .. })));
    assert!(matches!(problem(writer.write("c", &[1]).unwrap_err()), (_, WriteProblem::Unannounced)));
    let (tensor, absent) = problem(writer.finish().unwrap_err());
    assert!(tensor == "a" && matches!(absent, WriteProblem::Absent));
    drop(begin());
    assert_eq!(std::fs::read(&path).unwrap(), b"the file from before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let twice = SafetensorsWriter::create(&path, &[spec("a"), spec("a")], &BTreeMap::new()).unwrap_err();
    assert!(matches!(problem(twice), (_, WriteProblem::Duplicate)));
}

#[test]
fn a_checkpoint_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Checkpoint>();
}
