//! How busy are the processor and the card while a run computes?

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use sysinfo::System;

use crate::{
    card::{CardUse, card_use},
    studio::lock,
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// What was seen last; absent until then, and where the system does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// Share of all threads of the processor that compute, 0 to 1.
    pub(super) cpu: Option<f64>,
    /// The NVIDIA card of the run.
    pub(super) card: Option<CardUse>,
}

/// Watches until it is dropped.
pub(super) struct LoadWatch {
    last: Arc<Mutex<Load>>,
    _over: Sender<()>,
}

impl LoadWatch {
    pub(super) fn start(card: Option<usize>) -> Self {
        let last = Arc::new(Mutex::new(Load::default()));
        let (over, until) = mpsc::channel::<()>();
        let seen = Arc::clone(&last);
        thread::spawn(move || {
            let mut system = System::new();
            system.refresh_cpu_usage();
            // The load of a processor is a difference between two looks.
            while until.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                system.refresh_cpu_usage();
                let cpu = f64::from(system.global_cpu_usage()) / 100.0;
                let load = Load { cpu: Some(cpu.clamp(0.0, 1.0)), card: card.and_then(card_use) };
                *lock(&seen) = load;
            }
        });
        Self { last, _over: over }
    }

    pub(super) fn last(&self) -> Load {
        *lock(&self.last)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_busy_processor_is_seen() {
        let watch = LoadWatch::start(None);
        let began = Instant::now();
        let mut sum = 0_u64;
        while watch.last().cpu.is_none() && began.elapsed() < Duration::from_secs(30) {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        let cpu = watch.last().cpu.unwrap();
        assert!(cpu > 0.0 && cpu <= 1.0, "{cpu} after {sum}");
    }
}
