//! A power cut at every operation: does every acknowledged checkpoint survive, and is nothing half-written believed?

use std::collections::BTreeSet;

use super::fault_disk::{BYTES, Bytes, FaultDisk, Moment, NAMES};
use super::scenario::{SAVES, check, open, run};

/// All disks that power cuts at these moments may leave, each different one once; and how many there were.
fn crashed(
    moments: &[Moment],
    bytes: &[Bytes],
    seen: &mut BTreeSet<[u8; 32]>,
) -> (usize, Vec<(FaultDisk, Moment)>) {
    let (mut states, mut different) = (0, Vec::new());
    for moment in moments {
        for &survives in NAMES {
            for &bytes in bytes {
                states += 1;
                let disk = moment.crash(survives, bytes);
                let key = format!("{:?} {:?}", disk.tree(), moment.acknowledged);
                if seen.insert(*blake3::hash(key.as_bytes()).as_bytes()) {
                    different.push((disk, moment.clone()));
                }
            }
        }
    }
    (states, different)
}

#[test]
fn acknowledged_checkpoints_survive_a_power_cut_at_every_operation() {
    let disk = FaultDisk::new().recording();
    assert!(run(&disk, SAVES).is_empty());
    let moments = disk.moments();
    let (states, different) = crashed(&moments, BYTES, &mut BTreeSet::new());
    println!("{} moments, {states} crash states, {} different", moments.len(), different.len());
    assert!(states >= 2000);
    assert!(different.len() >= 300, "{}", different.len());
    for (disk, moment) in &different {
        check(disk, &moment.acknowledged);
    }
}

#[test]
fn a_second_power_cut_while_clearing_up_loses_nothing_either() {
    let disk = FaultDisk::new().recording();
    assert!(run(&disk, SAVES).is_empty());
    let (_, different) = crashed(&disk.moments(), &[Bytes::Kept, Bytes::Torn(512)], &mut BTreeSet::new());
    let (mut states, mut checked, mut seen) = (0, 0, BTreeSet::new());
    for (disk, moment) in different {
        let disk = disk.recording();
        open(&disk).unwrap();
        let (count, again) = crashed(&disk.moments(), &[Bytes::Kept, Bytes::Dropped], &mut seen);
        states += count;
        checked += again.len();
        for (disk, _) in again {
            check(&disk, &moment.acknowledged);
        }
    }
    println!("{states} states of a crash while clearing up, {checked} different");
    assert!(states >= 2000);
}
