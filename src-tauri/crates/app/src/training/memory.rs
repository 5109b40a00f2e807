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
pub(crate) struct PeakMemory {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    card: Option<usize>,
    before: u64,
}

/// Between two looks at the card.
const EVERY: Duration = Duration::from_millis(500);

impl PeakMemory {
    /// Starts to watch. What a card held before is not counted; of the machine, what the process still holds is.
    pub(crate) fn start(device: DeviceChoice) -> Self {
        let card = card_of(device);
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let before = card.and_then(card_memory).unwrap_or(0);
        if card.is_none() {
            forget_process_peak();
        }
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

    /// Forgets the most so far: it begins anew at what is held now.
    pub(crate) fn restart(&self) {
        match self.card {
            Some(card) => self.most.store(card_memory(card).unwrap_or(0), Ordering::Relaxed),
            None => forget_process_peak(),
        }
    }

    /// The most so far, in bytes; 0 where the system does not say.
    pub(crate) fn bytes(&self) -> u64 {
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

/// Lets the peak begin at what is held now, where the system can (Linux). Elsewhere an earlier peak counts.
fn forget_process_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn process_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_outlasts_what_made_it_and_begins_anew() {
        const MUCH: u64 = 200 << 20;
        let peak = PeakMemory::start(DeviceChoice::Cpu);
        let before = peak.bytes();
        drop(std::hint::black_box(vec![1u8; 256 << 20]));
        let most = peak.bytes();
        assert!(most > before + MUCH, "{before} then {most}");

        peak.restart();
        assert!(peak.bytes() + MUCH < most, "{} after {most}", peak.bytes());
    }
}
