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
    let allowed = |colour: &Colour| is_held_out(kind, *colour) == (split == Split::HeldOut);
    let colours: Vec<Colour> = Colour::ALL.iter().copied().filter(allowed).collect();
    let colour = dice.pick_or(&colours, Colour::Red);
    let size = dice.pick_or(Size::ALL, Size::Small);
    let count = match (size, place) {
        (_, Place::Middle) => 1,
        (Size::Big, _) => 1 + dice.below(2),
        (Size::Small, _) => 1 + dice.below(4),
    };
    let items = items(dice, size, place, count as usize);
    Group { kind, colour, size, place, items }
}

/// One object alone, somewhere in a cell: left, top, width, height. Its colour may be any: see `crowd`.
pub(super) fn single(dice: &mut Dice, kind: Kind, size: Size, cell: [i32; 4]) -> Group {
    let [left, top, width, height] = cell;
    let place = if left < 500 { Place::Left } else { Place::Right };
    let side = side(dice, size);
    let (free_x, free_y) = ((width - side) / 2, (height - side) / 2);
    let x = left + width / 2 + dice.between(-free_x, free_x);
    let y = top + height / 2 + dice.between(-free_y, free_y);
    let items = vec![item(dice, side, x, y)];
    Group { kind, colour: dice.pick_or(Colour::ALL, Colour::Red), size, place, items }
}

/// Equal objects in a row that runs along the side of their place and has its middle in the middle of that side: so
/// nobody can take the left for the top.
fn items(dice: &mut Dice, size: Size, place: Place, count: usize) -> Vec<Item> {
    let (along, stray): (&[i32], i32) = match (size, count) {
        (_, 1) => (&[500], 100),
        (Size::Big, _) => (&[270, 730], 0),
        (Size::Small, 2) => (&[300, 700], 60),
        (Size::Small, 3) => (&[200, 500, 800], 30),
        (Size::Small, _) => (&[150, 383, 617, 850], 0),
    };
    let mut items = Vec::with_capacity(count);
    for at in along {
        let side = side(dice, size);
        let free = ((500 - side) / 2).min(100);
        let (along, across) = (at + dice.between(-stray, stray), dice.between(-free, free));
        let (x, y) = match place {
            Place::Left => (250 + across, along),
            Place::Right => (750 + across, along),
            Place::Top => (along, 250 + across),
            Place::Bottom => (along, 750 + across),
            Place::Middle => (500 + across * 4 / 5, 500 + (along - 500) * 4 / 5),
        };
        items.push(item(dice, side, x, y));
    }
    items
}

/// How large one object is, in thousandths of the picture's side.
fn side(dice: &mut Dice, size: Size) -> i32 {
    match size {
        Size::Small => dice.between(200, 230),
        Size::Big => dice.between(390, 460),
    }
}

fn item(dice: &mut Dice, side: i32, x: i32, y: i32) -> Item {
    Item { x, y, side, tilt: dice.between(-80, 80), tint: dice.bits() }
}
