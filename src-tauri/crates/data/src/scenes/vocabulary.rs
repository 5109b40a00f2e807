//! Which objects, colours, sizes, places and backgrounds exist in the demo world.
//!
//! Knows no words and no shapes: those are in `words` and `shapes`, one row per entry of these lists.

use serde::{Deserialize, Serialize};

/// Declares an enum whose values can be listed, in a fixed order.
macro_rules! listed {
    ($(#[$meta:meta])* $name:ident { $($value:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[allow(missing_docs, reason = "the name is the thing")] $value),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];
        }
    };
}

listed! {
    /// What an object is.
    Kind {
        Cat, Dog, Rabbit, Bird, Fish, Butterfly, Turtle,
        Bus, Car, Boat, Plane, Rocket,
        Tree, Flower, Mushroom, Cactus, Apple,
        Sun, Moon, Star, Cloud,
        House, Chair, Cup, Bottle, Clock, Key, Umbrella,
        Ball, Hat, Crown, Heart,
    }
}

listed! {
    /// The colour most of an object has.
    Colour { Red, Orange, Yellow, Green, Blue, Purple, White, Black }
}

listed! {
    /// How large an object is drawn; there is nothing between the two.
    Size { Small, Big }
}

listed! {
    /// Where in the picture a group stands.
    Place { Left, Right, Top, Bottom, Middle }
}

listed! {
    /// What is behind the objects.
    Background { Grass, Sky, Sand, Night, Snow }
}

impl Colour {
    /// Its red, green and blue, 0 to 255, before the slight variation of each object.
    #[must_use]
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [216, 36, 40],
            Self::Orange => [246, 134, 20],
            Self::Yellow => [252, 222, 40],
            Self::Green => [36, 146, 58],
            Self::Blue => [32, 90, 214],
            Self::Purple => [142, 56, 180],
            Self::White => [252, 252, 250],
            Self::Black => [38, 38, 44],
        }
    }
}
