//! Which pictures does a tower learn to see from? Mostly crowds: many different things, each told once.
//!
//! A scene has one or two kinds of things, so one picture says little about what things look like. A crowd has
//! about six, and costs the training no more. Things come in every colour here: a tower learns before and elsewhere,
//! as CLIP did, and no held-out combination is kept from it.

use super::dice::Dice;
use super::sampler::{Split, sample, single};
use super::scene::{Group, Scene};
use super::vocabulary::{Background, Kind, Size};

/// Streams of chance that no sampler uses.
const CROWD_STREAMS: u64 = 1 << 60;

/// The picture number `index` of a tower's training: every fourth is a scene like all others, so that the tower
/// knows what it will be shown later.
#[must_use]
pub(super) fn crowd_or_scene(seed: u64, split: Split, index: u64) -> Scene {
    if index.is_multiple_of(4) { sample(seed, split, index) } else { crowd(seed, index) }
}

/// Each quarter of the picture is empty, or holds one big thing or up to four small ones; no kind comes twice.
fn crowd(seed: u64, index: u64) -> Scene {
    let mut dice = Dice::new(seed, CROWD_STREAMS | index);
    let mut kinds = Kind::ALL.to_vec();
    let mut groups: Vec<Group> = Vec::new();
    for (left, top) in [(0, 0), (500, 0), (0, 500), (500, 500)] {
        let (size, side, count) = match dice.below(100) {
            0..15 => continue,
            15..45 => (Size::Big, 500, 1),
            _ => (Size::Small, 250, 1 + dice.below(4)),
        };
        let along = 500 / side;
        let mut cells: Vec<i32> = (0..along * along).collect();
        for _ in 0..count {
            let cell = cells.remove(dice.below(cells.len() as u32) as usize);
            let kind = kinds.remove(dice.below(kinds.len() as u32) as usize);
            let (x, y) = (left + cell % along * side, top + cell / along * side);
            groups.push(single(&mut dice, kind, size, [x, y, side, side]));
        }
    }
    Scene { background: dice.pick_or(Background::ALL, Background::Grass), tint: dice.bits(), groups }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crowds_are_many_different_things_that_stay_apart_and_inside() {
        let (mut things, mut held_out) = (0, 0);
        for index in 0..2000 {
            let crowd = crowd(3, index);
            things += crowd.groups.len();
            held_out += usize::from(crowd.has_held_out_pair());
            for (number, group) in crowd.groups.iter().enumerate() {
                let item = &group.items[0];
                let [left, top, right, bottom] = item.edges();
                assert!(left >= 0 && top >= 0 && right <= 1000 && bottom <= 1000, "{item:?}");
                for other in &crowd.groups[..number] {
                    assert_ne!(group.kind, other.kind);
                    let (one, two) = (item, &other.items[0]);
                    let apart = (one.x - two.x).abs().max((one.y - two.y).abs());
                    assert!(2 * apart >= one.side + two.side - 2, "{one:?} {two:?}");
                }
            }
        }
        assert!(held_out > 500, "{held_out} crowds with something in its held-out colour");
        assert!((5 * 2000..8 * 2000).contains(&things), "{things} things in 2000 crowds");
    }
}
