//! Which rows are measured on instead of trained on?

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{RowSize, order::shuffle};

/// A stream of random numbers that no epoch has.
const STREAM: u64 = u64::MAX;

/// Takes a share of the rows out, at least one and never all: those to train on, and those to measure on. Both
/// stay in the order of the file.
pub fn split(rows: &[RowSize], fraction: f64, seed: u64) -> (Vec<RowSize>, Vec<RowSize>) {
    if fraction <= 0.0 || rows.len() < 2 {
        return (rows.to_vec(), Vec::new());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let mut numbers: Vec<usize> = (0..rows.len()).collect();
    shuffle(&mut numbers, &mut rng);
    let count = ((rows.len() as f64 * fraction).round() as usize).clamp(1, rows.len() - 1);
    let mut measured = vec![false; rows.len()];
    for number in numbers.into_iter().take(count) {
        if let Some(mark) = measured.get_mut(number) {
            *mark = true;
        }
    }
    let part = |which: bool| {
        let chosen = rows.iter().zip(&measured).filter(|(_, measured)| **measured == which);
        chosen.map(|(row, _)| *row).collect()
    };
    (part(false), part(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_taken_out_and_nothing_is_lost() {
        let rows: Vec<RowSize> =
            (0..100).map(|row| RowSize { row, tokens: 5, pictures: 1, truncated: false }).collect();
        let (train, measured) = split(&rows, 0.1, 7);
        assert_eq!((train.len(), measured.len()), (90, 10));
        let mut all: Vec<u32> = train.iter().chain(&measured).map(|row| row.row).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(split(&rows, 0.1, 7), (train, measured.clone()));
        assert_ne!(split(&rows, 0.1, 8).1, measured);
        assert_eq!(split(&rows, 0.0, 7).1, []);
        assert_eq!(split(&rows[..3], 1e-9, 7).1.len(), 1);
    }
}
