//! How much memory does this process hold at most: of the machine, or of the card?

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use eyewright_ops::DeviceChoice;

use crate::card::{card_of, card_use};

/// Watches until it is dropped.
pub(super) struct PeakMemory {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    card: Option<usize>,
    before: u64,
}

/// Between two looks at the card.
const EVERY: Duration = Duration::from_millis(500);

impl PeakMemory {
    /// Starts to watch. What a card held before is not counted.
    pub(super) fn start(device: DeviceChoice) -> Self {
        let card = card_of(device);
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let before = card.and_then(card_memory).unwrap_or(0);
        if let Some(card) = card {
            let (most, over) = (Arc::clone(&most), Arc::clone(&over));
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    most.fetch_max(card_memory(card).unwrap_or(0), Ordering::Relaxed);
                    thread::sleep(EVERY);
                }
            });
        }
        Self { most, over, card, before }
    }

    /// The most so far, in bytes; 0 where the system does not say.
    pub(super) fn bytes(&self) -> u64 {
        match self.card {
            Some(card) => {
                let now = card_memory(card).unwrap_or(0);
                self.most.fetch_max(now, Ordering::Relaxed).max(now).saturating_sub(self.before)
            }
            None => process_peak(),
        }
    }
}

impl Drop for PeakMemory {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn card_memory(card: usize) -> Option<u64> {
    card_use(card).map(|card| card.memory)
}

fn process_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
