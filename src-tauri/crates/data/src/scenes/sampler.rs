//! Which scene has the number N of a split? A pure function of seed, split and number.

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::scene::{Group, Item, Scene};
use super::vocabulary::{Background, Colour, Kind, Place, Size};

/// What a scene is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To learn from; no held-out combination of kind and colour.
    Train,
    /// As `Train`, but other scenes.
    Validation,
    /// Every object has a combination of kind and colour that no training picture has.
    HeldOut,
}

impl Split {
    fn stream(self) -> u64 {
        match self {
            Self::Train => 0,
            Self::Validation => 1,
            Self::HeldOut => 2,
        }
    }
}

/// Whether this combination is kept from every training picture: one colour of each kind is, and every colour
/// is kept from four kinds.
#[must_use]
pub fn is_held_out(kind: Kind, colour: Colour) -> bool {
    let colours = Colour::ALL.len();
    // 3 has no factor in common with 8 colours, so neighbours in the list miss different ones.
    (kind as usize * 3 + 1) % colours == colour as usize
}

/// The scene number `index` of a split.
#[must_use]
pub fn sample(seed: u64, split: Split, index: u64) -> Scene {
    let mut dice = Dice::new(seed, index.wrapping_mul(4).wrapping_add(split.stream()));
    let places = *dice.pick(ARRANGEMENTS).unwrap_or(&ARRANGEMENTS[0]);
    let mut groups: Vec<Group> = Vec::with_capacity(places.len());
    for place in places {
        let kind = loop {
            let kind = dice.pick_or(Kind::ALL, Kind::Cat);
            if groups.iter().all(|group| group.kind != kind) {
                break kind;
            }
        };
        groups.push(group(&mut dice, split, kind, *place));
    }
    Scene { background: dice.pick_or(Background::ALL, Background::Grass), tint: dice.bits(), groups }
}

/// Where the groups of a scene stand. Pairs come twice, so that two scenes in three have two groups.
const ARRANGEMENTS: &[&[Place]] = &[
    &[Place::Left],
    &[Place::Right],
    &[Place::Top],
    &[Place::Bottom],
    &[Place::Middle],
    &[Place::Left, Place::Right],
    &[Place::Left, Place::Right],
    &[Place::Left, Place::Right],
    &[Place::Left, Place::Right],
    &[Place::Left, Place::Right],
    &[Place::Top, Place::Bottom],
    &[Place::Top, Place::Bottom],
    &[Place::Top, Place::Bottom],
    &[Place::Top, Place::Bottom],
    &[Place::Top, Place::Bottom],
];

fn group(dice: &mut Dice, split: Split, kind: Kind, place: Place) -> Group {
    let colour = colour(dice, split, kind);
    let size = dice.pick_or(Size::ALL, Size::Small);
    let count = match (size, place) {
        (Size::Big, Place::Middle) => 1,
        (Size::Big, _) => 1 + dice.below(2),
        (Size::Small, _) => 1 + dice.below(4),
    };
    let items = items(dice, size, place, count as usize);
    Group { kind, colour, size, place, items }
}

/// One object alone, somewhere in a cell: left, top, width, height.
pub(super) fn single(dice: &mut Dice, split: Split, kind: Kind, size: Size, cell: [i32; 4]) -> Group {
    let colour = colour(dice, split, kind);
    let place = if cell[0] < 500 { Place::Left } else { Place::Right };
    Group { kind, colour, size, place, items: vec![item(dice, size, cell)] }
}

fn colour(dice: &mut Dice, split: Split, kind: Kind) -> Colour {
    let allowed = |colour: &Colour| is_held_out(kind, *colour) == (split == Split::HeldOut);
    let colours: Vec<Colour> = Colour::ALL.iter().copied().filter(allowed).collect();
    dice.pick_or(&colours, Colour::Red)
}

/// The part of the picture that belongs to a place: left, top, width, height.
fn region(place: Place) -> [i32; 4] {
    match place {
        Place::Left => [0, 0, 500, 1000],
        Place::Right => [500, 0, 500, 1000],
        Place::Top => [0, 0, 1000, 500],
        Place::Bottom => [0, 500, 1000, 500],
        Place::Middle => [230, 230, 540, 540],
    }
}

/// Objects in different cells of the place's grid, each somewhere in its cell.
fn items(dice: &mut Dice, size: Size, place: Place, count: usize) -> Vec<Item> {
    let [left, top, width, height] = region(place);
    let (columns, rows) = match (size, place) {
        (Size::Big, Place::Left | Place::Right) => (1, 2),
        (Size::Big, Place::Top | Place::Bottom) => (2, 1),
        (Size::Big, Place::Middle) => (1, 1),
        (Size::Small, Place::Left | Place::Right) => (2, 3),
        (Size::Small, Place::Top | Place::Bottom) => (3, 2),
        (Size::Small, Place::Middle) => (2, 2),
    };
    let (cell_width, cell_height) = (width / columns, height / rows);
    let mut cells: Vec<i32> = (0..columns * rows).collect();
    let mut items = Vec::with_capacity(count);
    for _ in 0..count.min(cells.len()) {
        let cell = cells.remove(dice.below(cells.len() as u32) as usize);
        let (x, y) = (left + (cell % columns) * cell_width, top + (cell / columns) * cell_height);
        items.push(item(dice, size, [x, y, cell_width, cell_height]));
    }
    items
}

/// One object of a size, somewhere in a cell: left, top, width, height.
fn item(dice: &mut Dice, size: Size, cell: [i32; 4]) -> Item {
    let [left, top, width, height] = cell;
    let side = match size {
        Size::Small => dice.between(200, 236),
        Size::Big => dice.between(390, 460),
    };
    let side = side.min(width.min(height));
    let (free_x, free_y) = ((width - side) / 2, (height - side) / 2);
    Item {
        x: left + width / 2 + dice.between(-free_x, free_x),
        y: top + height / 2 + dice.between(-free_y, free_y),
        side,
        tilt: dice.between(-80, 80),
        tint: dice.bits(),
    }
}
