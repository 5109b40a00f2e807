//! In which order are rows trained on? A function of the seed and the epoch, and of nothing else.
//!
//! Reference: XTuner v0.1.17 `LengthGroupedSampler` and its plain shuffled sampler. The rules are theirs; the
//! random numbers are ours.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::RowSize;

/// Defines an [`Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderConfig {
    /// Of all random choices.
    pub seed: u64,
    /// Rows of one batch.
    pub batch: usize,
    /// Batches of one step; rows are grouped so that a whole step has similar ones.
    pub accumulation: usize,
    /// Rows of similar length, and with or without pictures, share a batch.
    pub group_by_length: bool,
}

/// The order of rows in every epoch.
#[derive(Debug, Clone)]
pub struct Order {
    config: OrderConfig,
    rows: Vec<RowSize>,
}

impl OrderConfig {
    /// An order of these rows.
    pub fn init(self, rows: Vec<RowSize>) -> Order {
        Order { config: self, rows }
    }
}

/// Steps whose rows are sorted together, at most.
const GROUP: usize = 50;

impl Order {
    /// Rows of an epoch.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Batches of an epoch; the last one may be smaller.
    pub fn batches(&self) -> usize {
        self.rows.len().div_ceil(self.config.batch.max(1))
    }

    /// All rows, in the order of an epoch (from 0), as numbers in the file.
    pub fn epoch(&self, epoch: u64) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(epoch);
        let ordered =
            if self.config.group_by_length { self.grouped(&mut rng) } else { self.shuffled(&mut rng) };
        ordered.into_iter().filter_map(|index| self.rows.get(index)).map(|row| row.row).collect()
    }

    fn shuffled(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        shuffle(&mut order, rng);
        order
    }

    fn grouped(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let (seeing, reading): (Vec<usize>, Vec<usize>) =
            (0..self.rows.len()).partition(|&index| self.pictures(index) > 0);
        let mut seeing = self.groups(seeing, rng);
        let mut reading = self.groups(reading, rng);
        let mut groups = if seeing.is_empty() || reading.is_empty() {
            [seeing, reading].concat()
        } else {
            let mut last = [seeing.pop().unwrap_or_default(), reading.pop().unwrap_or_default()].concat();
            last.sort_by_key(|&index| std::cmp::Reverse(self.tokens(index)));
            let mut groups = [seeing, reading].concat();
            shuffle(&mut groups, rng);
            groups.push(last);
            groups
        };
        // The longest row comes first of all: memory that will not do is found out at the first step.
        let longest = (0..groups.len()).max_by_key(|&group| {
            groups.get(group).and_then(|rows| rows.first()).map_or(0, |&index| self.tokens(index))
        });
        if let Some(longest) = longest.filter(|&longest| longest > 0) {
            let (head, tail) = groups.split_at_mut(longest);
            if let (Some(first), Some(found)) = (
                head.first_mut().and_then(|rows| rows.first_mut()),
                tail.first_mut().and_then(|rows| rows.first_mut()),
            ) {
                std::mem::swap(first, found);
            }
        }
        groups.concat()
    }

    /// Shuffled, cut into groups of whole steps, each sorted from long to short.
    fn groups(&self, mut rows: Vec<usize>, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        shuffle(&mut rows, rng);
        let step = (self.config.batch * self.config.accumulation).max(1);
        let size = step * (rows.len() / (step * 4)).clamp(1, GROUP);
        let sorted = |group: &[usize]| {
            let mut group = group.to_vec();
            group.sort_by_key(|&index| std::cmp::Reverse(self.tokens(index)));
            group
        };
        rows.chunks(size).map(sorted).collect()
    }

    fn tokens(&self, index: usize) -> u32 {
        self.rows.get(index).map_or(0, |row| row.tokens)
    }

    fn pictures(&self, index: usize) -> u16 {
        self.rows.get(index).map_or(0, |row| row.pictures)
    }
}

/// Fisher and Yates, from the end; our own so that no other version of a crate changes a run.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.random_range(0..=last as u64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u32) -> Vec<RowSize> {
        let size = |row: u32| RowSize {
            row: row * 3,
            tokens: 10 + (row * 7919) % 101,
            pictures: u16::from(!row.is_multiple_of(5)),
            truncated: false,
        };
        (0..count).map(size).collect()
    }

    fn order(group_by_length: bool, count: u32) -> Order {
        OrderConfig { seed: 3, batch: 4, accumulation: 2, group_by_length }.init(rows(count))
    }

    #[test]
    fn every_epoch_has_every_row_once_in_an_order_of_its_own() {
        for group in [false, true] {
            for count in [1, 7, 8, 100, 1001] {
                let order = order(group, count);
                let mut first = order.epoch(0);
                assert_eq!(first, order.epoch(0));
                // A handful of rows grouped by length is one group, and sorted the same way every time.
                assert!(count < if group { 100 } else { 7 } || first != order.epoch(1));
                first.sort_unstable();
                assert_eq!(first, rows(count).iter().map(|row| row.row).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn grouped_batches_hold_similar_rows_and_the_longest_comes_first() {
        let order = order(true, 1000);
        let of = |row: u32| rows(1000)[row as usize / 3];
        let epoch = order.epoch(0);
        let longest = rows(1000).iter().map(|row| row.tokens).max();
        assert_eq!(epoch.first().map(|row| of(*row).tokens), longest);
        let padding = |epoch: &[u32]| -> u32 {
            let batches = epoch.chunks(4).map(|batch| {
                let lengths: Vec<u32> = batch.iter().map(|row| of(*row).tokens).collect();
                lengths.iter().max().unwrap() * 4 - lengths.iter().sum::<u32>()
            });
            batches.sum()
        };
        let plain = super::tests::order(false, 1000).epoch(0);
        assert!(padding(&epoch) * 5 < padding(&plain), "{} {}", padding(&epoch), padding(&plain));
        let mixed = epoch.chunks(4).filter(|batch| {
            let seeing = batch.iter().filter(|row| of(**row).pictures > 0).count();
            seeing > 0 && seeing < batch.len()
        });
        assert!(mixed.count() < 25, "batches are of one kind, except around the last group");
    }
}
