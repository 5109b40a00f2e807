//! Where does chance come from? A `ChaCha8` stream per purpose, split and row, read in one documented way.
//!
//! Draws do not go through a library of distributions, so rows stay the same when that library changes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random choices.
#[derive(Debug, Clone)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream number `stream` of a seed; equal arguments give equal streams.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A whole number from 0 up to but not including `end`; 0 when `end` is 0.
    ///
    /// The high half of a 32 x 32 bit product: off by less than `end / 2^32` from uniform.
    pub fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(end)) >> 32) as u32
    }

    /// A whole number from `low` to `high`, both included; `low` when they are the wrong way round.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u32::try_from(i64::from(high) - i64::from(low) + 1).unwrap_or(1);
        low.saturating_add_unsigned(self.below(span))
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`; `None` when there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let index = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        choices.get(index as usize)
    }

    /// One of a list that is known to have a first element.
    pub fn pick_or<T: Copy>(&mut self, choices: &[T], otherwise: T) -> T {
        self.pick(choices).copied().unwrap_or(otherwise)
    }

    /// The position of a weight, chosen in proportion; 0 when all weights are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_reach_the_ends() {
        let mut dice = Dice::new(1, 2);
        let drawn: Vec<i32> = (0..500).map(|_| dice.between(-2, 3)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-2), Some(&3)));
        assert_eq!(dice.between(5, 4), 5);
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert_eq!(dice.weighted(&[0, 0]), 0);
        assert!((0..200).all(|_| dice.weighted(&[0, 3, 0, 1]) % 2 == 1));
    }

    #[test]
    fn streams_are_repeatable_and_differ() {
        let four = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            [dice.bits(), dice.bits(), dice.bits(), dice.bits()]
        };
        assert_eq!(four(1, 2), four(1, 2));
        assert_ne!(four(1, 2), four(1, 3));
        assert_ne!(four(1, 2), four(2, 2));
    }
}
