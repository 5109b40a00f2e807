//! Every operation fails in every way: is success reported only for what is safe, and is the error the right one?

use std::io::ErrorKind;

use super::fault_disk::{Fault, FaultDisk, FaultKind};
use super::scenario::{SAVES, check, open, run, save};
use super::{CheckpointError, replace_file};

const KINDS: &[FaultKind] = &[
    FaultKind::Refused(ErrorKind::StorageFull),
    FaultKind::Refused(ErrorKind::Other),
    FaultKind::Refused(ErrorKind::PermissionDenied),
    FaultKind::Refused(ErrorKind::Interrupted),
    FaultKind::Refused(ErrorKind::NotFound),
    FaultKind::ShortWrite,
    FaultKind::NoWrite,
];

#[test]
fn no_failing_operation_loses_or_invents_a_checkpoint() {
    let mut faults = 0;
    for &kind in KINDS {
        for lasting in [false, true] {
            if lasting && kind == FaultKind::Refused(ErrorKind::Interrupted) {
                // An interrupted write is tried again by definition; one that always is would never end.
                continue;
            }
            for at in 1.. {
                let disk = FaultDisk::new();
                disk.fail(Some(Fault { at, kind, lasting }));
                let errors = run(&disk, SAVES);
                let done = disk.operations() < at;
                disk.fail(None);
                let acknowledged = disk.acknowledged();
                assert!(!errors.is_empty() || acknowledged.len() == SAVES.len(), "{kind:?} at {at}");
                check(&disk, &acknowledged);
                if done {
                    assert!(errors.is_empty());
                    break;
                }
                faults += 1;
            }
        }
    }
    println!("{faults} faults");
    assert!(faults >= 1000);
}

#[test]
fn refusals_have_a_type() {
    let first_save = |kind, at| {
        let disk = FaultDisk::new().with_free(1 << 30);
        let store = open(&disk).unwrap();
        disk.fail(Some(Fault { at, kind: FaultKind::Refused(kind), lasting: true }));
        save(&store, 1, 0, None).unwrap_err()
    };
    // From some operation of the save on, the disk refuses everything.
    for at in 1..20 {
        let full = first_save(ErrorKind::StorageFull, at);
        let full_or_unnamed =
            matches!(full, CheckpointError::DiskFull { needed: 5760, free: Some(0x4000_0000), .. })
                || matches!(full, CheckpointError::NotPublished { .. })
                || matches!(full, CheckpointError::DiskFull { needed: 0, .. } if at <= 3 || at > 17);
        assert!(full_or_unnamed && full.can_wait(), "{at}: {full}");
        let denied = first_save(ErrorKind::PermissionDenied, at);
        let typed = matches!(denied, CheckpointError::ReadOnly { .. } | CheckpointError::NotPublished { .. });
        assert!(typed && denied.can_wait(), "{at}: {denied}");
    }
}

#[test]
fn too_little_room_is_noticed_before_the_first_byte() {
    let disk = FaultDisk::new().with_free((16 << 20) + 5759);
    let store = open(&disk).unwrap();
    let before = disk.tree();
    let error = save(&store, 1, 0, None).unwrap_err();
    assert!(matches!(error, CheckpointError::DiskFull { needed: 5760, free: Some(_), .. }), "{error}");
    assert_eq!(disk.tree(), before);
}

#[test]
fn a_folder_that_cannot_be_written_is_noticed_at_the_start() {
    // The operations of opening an empty store, one after another.
    for at in 1..=11 {
        let disk = FaultDisk::new();
        disk.fail(Some(Fault { at, kind: FaultKind::Refused(ErrorKind::PermissionDenied), lasting: true }));
        assert!(matches!(open(&disk), Err(CheckpointError::ReadOnly { .. })), "{at}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_never_written() {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    let error = save(&store, 1, 0, Some(f64::NAN)).unwrap_err();
    assert!(matches!(error, CheckpointError::NotFinite { step: 1 }), "{error}");
}

#[test]
fn small_files_are_old_or_new() {
    let target = std::path::Path::new("state.json");
    let content = |disk: &FaultDisk| disk.tree().get("/state.json").cloned().flatten();
    for &kind in KINDS {
        for at in 1.. {
            let disk = FaultDisk::new();
            replace_file(&disk, target, b"old").unwrap();
            disk.fail(Some(Fault { at, kind, lasting: false }));
            let result = replace_file(&disk, target, b"new!");
            let found = content(&disk).unwrap();
            assert!(found == b"new!" || (result.is_err() && found == b"old"), "{kind:?} {at}");
            if disk.operations() < at {
                break;
            }
        }
    }
    let disk = FaultDisk::new();
    replace_file(&disk, target, b"old").unwrap();
    let disk = disk.recording();
    replace_file(&disk, target, b"new!").unwrap();
    for moment in disk.moments() {
        for &survives in super::fault_disk::NAMES {
            for &bytes in super::fault_disk::BYTES {
                let found = content(&moment.crash(survives, bytes)).unwrap();
                assert!(found == b"old" || found == b"new!", "{found:?}");
            }
        }
    }
}
