//! A run that saves, rotates, and saves a step again; and what must hold of its checkpoints after any accident.

use std::path::Path;

use super::fault_disk::FaultDisk;
use super::store::Checkpoint;
use super::{CheckpointError, CheckpointStore, CheckpointStoreConfig, Content, Disk, Identity, Keep};

pub(super) const FOLDER: &str = "checkpoints";
pub(super) const KEEP: Keep = Keep { last: 2, best: true };

/// Step, version of its content, validation loss. Step 20 is the best; step 40 is saved twice.
pub(super) const SAVES: &[(u64, u32, Option<f64>)] = &[
    (10, 0, Some(3.0)),
    (20, 0, Some(1.0)),
    (30, 0, None),
    (40, 0, Some(2.0)),
    (40, 1, Some(2.0)),
    (50, 0, Some(1.5)),
];

/// What a step's files hold; larger than the largest place where a write is torn.
fn content(step: u64, version: u32) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = |salt: u64, length: usize| {
        let mut state = step.wrapping_mul(1_000_003).wrapping_add(u64::from(version) * 7919 + salt) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..length).map(|_| next()).collect::<Vec<_>>()
    };
    vec![
        ("adapter.safetensors", bytes(1, 5000)),
        ("optimizer.safetensors", bytes(2, 700)),
        ("state.json", bytes(3, 60)),
    ]
}

pub(super) fn identity(step: u64, validation_loss: Option<f64>) -> Identity {
    let text = str::to_owned;
    Identity {
        step,
        parent_step: None,
        plan: text("p"),
        dataset: text("d"),
        tokenizer: text("t"),
        dtype: text("f32"),
        validation_loss,
    }
}

pub(super) fn open(disk: &dyn Disk) -> Result<CheckpointStore<'_>, CheckpointError> {
    CheckpointStoreConfig { folder: FOLDER.into(), keep: KEEP }.init(disk)
}

pub(super) fn save(
    store: &CheckpointStore<'_>,
    step: u64,
    version: u32,
    loss: Option<f64>,
) -> Result<super::Saved, CheckpointError> {
    let files = content(step, version).into_iter().map(|(name, bytes)| Content::bytes(name, bytes));
    store.save(identity(step, loss), files.collect::<Result<_, _>>()?)
}

/// Opens the store and makes all saves, going on after failures. Safe saves are acknowledged.
pub(super) fn run(disk: &FaultDisk, saves: &[(u64, u32, Option<f64>)]) -> Vec<CheckpointError> {
    let mut errors = Vec::new();
    let store = match open(disk) {
        Ok(store) => store,
        Err(error) => return vec![error],
    };
    for &(step, version, loss) in saves {
        match save(&store, step, version, loss) {
            Ok(saved) => {
                disk.acknowledge(step, version);
                errors.extend(saved.not_removed);
            }
            Err(error) => errors.push(error),
        }
    }
    errors
}

/// Which version of its content a checkpoint has; it must be one of those that were written, whole.
fn version_of(disk: &FaultDisk, checkpoint: &Checkpoint) -> u32 {
    let has = |version: &u32| {
        content(checkpoint.step(), *version).into_iter().all(|(name, expected)| {
            let mut found = Vec::new();
            disk.open(&checkpoint.file(name).unwrap()).unwrap().read_to_end(&mut found).unwrap();
            found == expected
        })
    };
    (0..2).find(has).unwrap_or_else(|| panic!("step {} is not what was written", checkpoint.step()))
}

/// Opens the store after an accident and checks everything that was promised.
pub(super) fn check(disk: &FaultDisk, acknowledged: &[(u64, u32)]) {
    let store = open(disk).expect("a store opens after any accident");
    let resumption = store.resume().unwrap();
    assert!(resumption.damaged.is_empty(), "{:?}", resumption.damaged);
    let listed = store.list().unwrap();
    let versions: Vec<_> =
        listed.iter().map(|checkpoint| (checkpoint.step(), version_of(disk, checkpoint))).collect();
    let newest = resumption.checkpoint.map(|checkpoint| checkpoint.step());
    assert_eq!(newest, versions.last().map(|&(step, _)| step));

    let mut steps: Vec<u64> = acknowledged.iter().map(|&(step, _)| step).collect();
    steps.dedup();
    assert!(newest >= steps.last().copied(), "newest is {newest:?}, acknowledged {acknowledged:?}");
    // The last one acknowledged has the content that was acknowledged, or that of a later save of its step.
    if let Some(&(step, version)) = acknowledged.last() {
        assert!(versions.iter().any(|&(there, found)| there == step && found >= version), "{versions:?}");
    }
    assert!(versions.len() >= steps.len().min(KEEP.last), "{versions:?} of {acknowledged:?}");
    // Step 20 is the best of all that are ever saved.
    assert!(!steps.contains(&20) || versions.iter().any(|&(step, _)| step == 20), "{versions:?}");
    if steps.contains(&20) {
        assert_eq!(store.best().unwrap().unwrap().step(), 20);
    }
    let leftovers: Vec<_> = disk.list(Path::new(FOLDER)).unwrap();
    assert_eq!(leftovers.len(), versions.len(), "{leftovers:?}");

    // The run goes on.
    save(&store, 900, 0, None).unwrap();
    assert_eq!(store.resume().unwrap().checkpoint.unwrap().step(), 900);
}
