//! How is a scene told as a grid of words, one for each patch of the demo tower's pictures?
//!
//! A language model that has read such grids knows how things that lie spread over a square are named, counted
//! and placed. What a projector then has to learn is which word each patch stands for.
//!
//! ```text
//! sky sky   sky sky sky sky sky
//! sky red   sky sky sky sky sky
//! sky plane big sky sky sky sky     "a big red plane on the left", one line
//! …
//! ```

use super::dice::Dice;
use super::scene::{Group, Item, Scene};
use super::vocabulary::Background;
use super::words::Language;

/// Cells along a side: the demo tower cuts its pictures of 112 pixels into patches of 16.
const GRID_SIDE: usize = 7;

/// Cells of a grid.
const CELLS: usize = GRID_SIDE * GRID_SIDE;

/// The scene as [`GRID_SIDE`] lines of as many words, written one after the other.
///
/// An object's name stands where its middle is, once per object; the other cells that it covers name its colour
/// and its size in turn. What remains is background. The words are English ones, each a single token, and are
/// talked about in either language: what a patch shows belongs to none.
pub(super) fn grid(scene: &Scene) -> String {
    cells(scene, &mut || 0).map(|cell| cell.unwrap_or(scene.background.word())).join(" ")
}

/// The same as a text to read: colour or size comes first as chance will have it. With `retell`, some of the
/// background says so instead: whatever is asked about such a grid, the answer is the whole scene.
pub(super) fn grid_to_read(scene: &Scene, retell: bool, dice: &mut Dice) -> String {
    let cells = cells(scene, &mut || dice.below(2) as usize);
    let share = if retell { dice.between(10, 90) as u32 } else { 0 };
    cells
        .map(|cell| match cell {
            Some(word) => word,
            None if dice.chance(share) => "retell",
            None => scene.background.word(),
        })
        .join(" ")
}

/// The words of the objects; an object's cells begin with its colour if `first` says 0, with its size if 1.
fn cells(scene: &Scene, first: &mut dyn FnMut() -> usize) -> [Option<&'static str>; CELLS] {
    let language = Language::English;
    let mut cells: [Option<&str>; CELLS] = [None; CELLS];
    let items: Vec<(&Group, &Item)> =
        scene.groups.iter().flat_map(|group| group.items.iter().map(move |item| (group, item))).collect();
    let owners: Vec<Option<usize>> = (0..CELLS).map(|cell| owner(&items, cell)).collect();
    for (number, (group, item)) in items.iter().enumerate() {
        let words = [group.colour.name(language), group.size.name(language)];
        let middle = cell_of(item.x, item.y);
        let own: Vec<usize> =
            (0..CELLS).filter(|cell| *cell != middle && owners[*cell] == Some(number)).collect();
        // Squeezed by its neighbours, an object may have one cell beside its name: that tells the colour.
        let first = if own.len() < 2 { 0 } else { first() };
        for (cell, word) in own.into_iter().zip(words.iter().cycle().skip(first)) {
            cells[cell] = Some(word);
        }
        cells[middle] = Some(group.kind.name(language, 1));
    }
    cells
}

/// The cell of a point, in thousandths of the picture's side.
fn cell_of(x: i32, y: i32) -> usize {
    let along = |at: i32| (at.clamp(0, 999) as usize * GRID_SIDE) / 1000;
    along(y) * GRID_SIDE + along(x)
}

/// Which object a cell shows, if any: the one whose middle it is, else the one that covers most of it, from an
/// eighth on.
fn owner(items: &[(&Group, &Item)], cell: usize) -> Option<usize> {
    if let Some(number) = items.iter().position(|(_, item)| cell_of(item.x, item.y) == cell) {
        return Some(number);
    }
    let side = 1000.0 / GRID_SIDE as f64;
    let shared = |from: i32, to: i32, at: usize| {
        let (low, high) = (at as f64 * side, (at + 1) as f64 * side);
        (f64::from(to).min(high) - f64::from(from).max(low)).max(0.0) / side
    };
    items
        .iter()
        .map(|(_, item)| {
            let [left, top, right, bottom] = item.edges();
            shared(left, right, cell % GRID_SIDE) * shared(top, bottom, cell / GRID_SIDE)
        })
        .enumerate()
        .filter(|(_, covered)| *covered > 0.125)
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .map(|(number, _)| number)
}

impl Background {
    fn word(self) -> &'static str {
        match self {
            Self::Grass => "grass",
            Self::Sky => "sky",
            Self::Sand => "sand",
            Self::Night => "night",
            Self::Snow => "snow",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sampler::{Split, sample};
    use super::*;

    #[test]
    fn a_grid_names_each_object_once_and_tells_colour_and_size() {
        let mut sizes = 0;
        for index in 0..2000 {
            let scene = sample(17, Split::Train, index);
            let told = grid(&scene);
            let words: Vec<&str> = told.split(' ').collect();
            assert_eq!(words.len(), CELLS);
            for group in &scene.groups {
                let name = group.kind.name(Language::English, 1);
                assert_eq!(words.iter().filter(|word| **word == name).count(), group.count(), "{told}");
                let colour = group.colour.name(Language::English);
                assert!(words.contains(&colour), "no `{colour}` in {told}");
            }
            let told_sizes = |group: &Group| words.contains(&group.size.name(Language::English));
            sizes += usize::from(scene.groups.iter().all(told_sizes));
        }
        assert!(sizes > 1980, "{sizes} of 2000 tell every size");
    }

    #[test]
    fn only_a_grid_to_be_retold_says_so() {
        let scene = sample(17, Split::Train, 3);
        let told = |retell| grid_to_read(&scene, retell, &mut Dice::new(1, 1));
        assert!(told(true).contains("retell") && !told(false).contains("retell"));
    }
}
