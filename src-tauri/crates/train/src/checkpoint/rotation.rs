//! Which checkpoints may go?

/// Which checkpoints stay on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest; `usize::MAX` for all. At least 1.
    pub last: usize,
    /// The one with the lowest validation loss too.
    pub best: bool,
}

/// A checkpoint as rotation sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kept {
    pub(super) step: u64,
    pub(super) validation_loss: Option<f64>,
}

/// The one with the lowest loss; of equals the earliest.
pub(super) fn best(checkpoints: &[Kept]) -> Option<u64> {
    let measured = checkpoints.iter().filter_map(|kept| Some((kept.validation_loss?, kept.step)));
    measured.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, step)| step)
}

/// Steps that may be deleted, oldest first. `checkpoints` are those that were just found whole: others neither count
/// as kept nor are touched here.
pub(super) fn expendable(checkpoints: &[Kept], keep: Keep) -> Vec<u64> {
    let mut steps: Vec<u64> = checkpoints.iter().map(|kept| kept.step).collect();
    steps.sort_unstable();
    let spared = if keep.best { best(checkpoints) } else { None };
    let count = steps.len().saturating_sub(keep.last.max(1));
    steps.into_iter().take(count).filter(|&step| Some(step) != spared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_best_stay() {
        let losses = [(10, Some(3.0)), (20, Some(1.0)), (30, Some(1.0)), (40, None), (50, Some(2.0))];
        let checkpoints: Vec<_> = losses.map(|(step, validation_loss)| Kept { step, validation_loss }).into();
        let rows = [
            (2, false, vec![10, 20, 30]),
            (2, true, vec![10, 30]),
            (1, true, vec![10, 30, 40]),
            (0, false, vec![10, 20, 30, 40]),
            (4, true, vec![10]),
            (5, true, vec![]),
            (usize::MAX, false, vec![]),
        ];
        for (last, best, expected) in rows {
            assert_eq!(expendable(&checkpoints, Keep { last, best }), expected, "{last} {best}");
        }
        assert_eq!(best(&checkpoints), Some(20));
        assert_eq!(expendable(&[], Keep { last: 2, best: true }), Vec::<u64>::new());
    }
}
