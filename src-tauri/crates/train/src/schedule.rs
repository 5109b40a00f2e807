//! How much of its learning rate does a group use at a given moment of the run?
//!
//! Knows counts and one factor between 0 and 1. It never sees a rate, an optimiser or a clock.
//!
//! The unit is the *micro-iteration* (one forward and backward pass), as in XTuner and mmengine: the schedule
//! advances on every batch, also on those whose gradients are only accumulated. With accumulation 1 a
//! micro-iteration is an optimiser step.

/// Where linear warm-up begins, as a fraction of the full rate (XTuner's `start_factor`).
pub const WARMUP_START: f64 = 1e-5;

/// The shortest warm-up that is one. In mmengine a warm-up of 0 iterations is an error and one of 1 leaves the
/// whole run at a hundred-thousandth of its rate; here such a run has no warm-up.
pub const SHORTEST_WARMUP: u64 = 2;

/// What follows the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// Stays at the full rate.
    Constant,
    /// Falls in a straight line to 0 at the end.
    Linear,
    /// Falls along half a cosine to 0 at the end.
    Cosine,
}

/// Defines a [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleConfig {
    /// Micro-iterations of the whole run (XTuner's `T`).
    pub total: u64,
    /// The share of them that warms up, from 0 to 1.
    pub warmup_ratio: f64,
    /// What follows.
    pub decay: Decay,
}

impl ScheduleConfig {
    /// Fixes the moments where the curve changes.
    pub fn init(self) -> Schedule {
        // mmengine converts with `int(ratio * epoch_length)`: it cuts off, it does not round.
        let asked = (self.warmup_ratio.clamp(0.0, 1.0) * self.total as f64) as u64;
        let warmup = if asked < SHORTEST_WARMUP { 0 } else { asked };
        Schedule {
            total: self.total,
            warmup,
            too_short: self.warmup_ratio > 0.0 && warmup == 0,
            decay: self.decay,
        }
    }
}

/// Linear warm-up, then a decay, in closed form.
///
/// Reference: mmengine `LinearLR` and `CosineAnnealingLR`, converted to iterations (XTuner 0.1.17).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    total: u64,
    warmup: u64,
    too_short: bool,
    decay: Decay,
}

impl Schedule {
    /// Micro-iterations of the run.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Micro-iterations that warm up; 0 when there is no warm-up.
    pub fn warmup(&self) -> u64 {
        self.warmup
    }

    /// A warm-up was asked for but the run is too short to have one; worth a line in the log.
    pub fn warmup_left_out(&self) -> bool {
        self.too_short
    }

    /// The factor at a micro-iteration, counted from 0. Past the end it stays at its last value, 0 for a decay.
    pub fn factor(&self, iteration: u64) -> f64 {
        if iteration < self.warmup {
            // The full rate is reached at the last warm-up iteration, not after it.
            let way = iteration as f64 / (self.warmup - 1) as f64;
            return WARMUP_START + (1.0 - WARMUP_START) * way;
        }
        let length = self.total.saturating_sub(self.warmup);
        let way = if length == 0 { 0.0 } else { ((iteration - self.warmup) as f64 / length as f64).min(1.0) };
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Linear => 1.0 - way,
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * way).cos()),
        }
    }

    /// The factor of an optimiser step, counted from 0: that of the last micro-iteration it gathers.
    pub fn factor_of_step(&self, step: u64, accumulation: u64) -> f64 {
        let last = step.saturating_add(1).saturating_mul(accumulation.max(1)).saturating_sub(1);
        self.factor(last.min(self.total.saturating_sub(1)))
    }
}

/// How long a run is, in every unit it is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLength {
    /// Micro-iterations that see every row once.
    pub per_epoch: u64,
    /// Micro-iterations of the whole run.
    pub iterations: u64,
    /// Optimiser steps of the whole run. A last incomplete group of micro-iterations is a step too.
    pub steps: u64,
}

impl RunLength {
    /// A run over `rows` rows for a number of epochs, which need not be whole. It has at least one iteration.
    pub fn of_epochs(rows: u64, batch: u64, accumulation: u64, epochs: f64) -> Self {
        let per_epoch = rows.div_ceil(batch.max(1));
        let iterations = ((epochs * per_epoch as f64) as u64).max(1);
        Self { per_epoch, iterations, steps: iterations.div_ceil(accumulation.max(1)) }
    }

    /// A run of a fixed number of optimiser steps, over as many epochs as that takes.
    pub fn of_steps(rows: u64, batch: u64, accumulation: u64, steps: u64) -> Self {
        let iterations = steps.saturating_mul(accumulation.max(1));
        Self { per_epoch: rows.div_ceil(batch.max(1)), iterations, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(total: u64, warmup_ratio: f64, decay: Decay) -> Schedule {
        ScheduleConfig { total, warmup_ratio, decay }.init()
    }

    fn check(schedule: Schedule, rate: f64, rows: &[(u64, f64)]) {
        for &(iteration, expected) in rows {
            let found = rate * schedule.factor(iteration);
            let tolerance = 1e-9 * rate + 1e-9 * expected;
            assert!(
                (found - expected).abs() <= tolerance,
                "iteration {iteration}: {found:e}, expected {expected:e}"
            );
        }
    }

    #[test]
    fn the_tutorial_run_has_the_rates_of_xtuner() {
        let schedule = schedule(1200, 0.03, Decay::Cosine);
        assert_eq!(schedule.warmup(), 36);
        // 0.5 * 2e-4 * (1 + cos(pi * 1163 / 1164)), by the series of the cosine: 0.25 * 2e-4 * (pi / 1164)^2.
        let end = 0.25 * 2e-4 * (std::f64::consts::PI / 1164.0).powi(2);
        check(
            schedule,
            2e-4,
            &[(0, 2e-9), (35, 2e-4), (36, 2e-4), (618, 1e-4), (1199, end), (1200, 0.0), (9999, 0.0)],
        );
    }

    #[test]
    fn warm_up_is_cut_off_not_rounded() {
        for (total, expected) in [(2181, 65), (5198, 155), (1200, 36), (67, 2), (66, 0), (33, 0), (1, 0)] {
            let schedule = schedule(total, 0.03, Decay::Cosine);
            assert_eq!((schedule.warmup(), schedule.warmup_left_out()), (expected, expected == 0), "{total}");
        }
        assert!(!schedule(10, 0.0, Decay::Cosine).warmup_left_out());
    }

    #[test]
    fn a_short_run_trains_at_its_nominal_rate() {
        // mmengine would train all 66 iterations at a hundred-thousandth of the rate.
        check(schedule(66, 0.03, Decay::Cosine), 1.0, &[(0, 1.0), (33, 0.5)]);
        check(schedule(1, 0.03, Decay::Cosine), 1.0, &[(0, 1.0)]);
        check(schedule(0, 0.5, Decay::Linear), 1.0, &[(0, 1.0)]);
    }

    #[test]
    fn other_decays_share_the_warm_up() {
        check(
            schedule(100, 0.1, Decay::Constant),
            1.0,
            &[(0, 1e-5), (9, 1.0), (10, 1.0), (99, 1.0), (500, 1.0)],
        );
        check(schedule(100, 0.1, Decay::Linear), 1.0, &[(9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0)]);
        check(schedule(10, 1.0, Decay::Cosine), 1.0, &[(0, 1e-5), (9, 1.0), (10, 1.0)]);
    }

    #[test]
    fn accumulated_steps_take_the_rate_of_their_last_batch() {
        let schedule = schedule(1200, 0.03, Decay::Cosine);
        assert_eq!(schedule.factor_of_step(0, 1), schedule.factor(0));
        assert_eq!(schedule.factor_of_step(2, 8), schedule.factor(23));
        // 1200 = 171 * 7 + 3: the last step gathers three batches only.
        assert_eq!(schedule.factor_of_step(171, 7), schedule.factor(1199));
    }

    #[test]
    fn run_lengths_count_as_xtuner_does() {
        let length = |per_epoch, iterations, steps| RunLength { per_epoch, iterations, steps };
        let rows = [
            (RunLength::of_epochs(558_128, 256, 1, 1.0), length(2181, 2181, 2181)),
            (RunLength::of_epochs(665_298, 128, 1, 1.0), length(5198, 5198, 5198)),
            (RunLength::of_epochs(10, 4, 2, 1.0), length(3, 3, 2)),
            (RunLength::of_epochs(10, 4, 1, 2.5), length(3, 7, 7)),
            (RunLength::of_epochs(10, 4, 1, 0.01), length(3, 1, 1)),
            (RunLength::of_steps(10, 4, 2, 5), length(3, 10, 5)),
        ];
        for (found, expected) in rows {
            assert_eq!(found, expected);
        }
    }
}
