//! What is in one picture, as plain data. Knows neither how it is drawn nor how it is described.

use serde::{Deserialize, Serialize};

use super::sampler::is_held_out;
use super::vocabulary::{Background, Colour, Kind, Place, Size};

/// One picture: a background and one or two groups of equal objects, in reading order (left before right, top
/// before bottom). The kinds of the groups differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scene {
    /// What is behind the objects.
    pub background: Background,
    /// Varies the background's tint.
    pub tint: u32,
    /// What is in front of it.
    pub groups: Vec<Group>,
}

/// Equal objects standing together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// What they are.
    pub kind: Kind,
    /// Which colour they have.
    pub colour: Colour,
    /// How large they are.
    pub size: Size,
    /// Where they stand.
    pub place: Place,
    /// One entry per object, 1 to 4; objects of a scene do not overlap.
    pub items: Vec<Item>,
}

/// Where one object is and what makes it a little different from its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Item {
    /// Centre, from the left, in thousandths of the picture's side.
    pub x: i32,
    /// Centre, from the top, in thousandths of the picture's side.
    pub y: i32,
    /// Side of the square the object stays within, in thousandths of the picture's side.
    pub side: i32,
    /// Rotation in tenths of a degree, clockwise.
    pub tilt: i32,
    /// Varies the colour's tint.
    pub tint: u32,
}

impl Scene {
    /// Whether a group has a combination of kind and colour that never occurs in training.
    #[must_use]
    pub fn has_held_out_pair(&self) -> bool {
        self.groups.iter().any(|group| is_held_out(group.kind, group.colour))
    }

    /// The group of a kind, if there is one.
    #[must_use]
    pub fn group(&self, kind: Kind) -> Option<&Group> {
        self.groups.iter().find(|group| group.kind == kind)
    }
}

impl Group {
    /// How many objects there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.items.len()
    }
}

impl Item {
    /// Left, top, right and bottom of the square the object stays within.
    #[must_use]
    pub fn edges(&self) -> [i32; 4] {
        let half = self.side / 2;
        [self.x - half, self.y - half, self.x + half, self.y + half]
    }
}
