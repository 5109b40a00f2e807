//! How much memory does this process hold at most: of the machine, or of the card?

use std::{
    sync::{
        Arc, Mutex, Once, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use eyewright_ops::DeviceChoice;

use crate::card::{card_of, card_use, own_memory};
use crate::studio::lock;

/// Watches until it is dropped.
pub(crate) struct PeakMemory {
    most: Arc<Mutex<u64>>,
    over: Arc<AtomicBool>,
    card: Option<usize>,
}

/// Between two looks at the card.
const EVERY: Duration = Duration::from_millis(500);

impl PeakMemory {
    /// Starts to watch. Other programs' memory is not counted; what this process still holds is.
    pub(crate) fn start(device: DeviceChoice) -> Self {
        let peak = Self { most: Arc::default(), over: Arc::default(), card: card_of(device) };
        match peak.card {
            Some(card) => {
                // Before the process opens the card: what is there then is not ours.
                others(card);
                let (most, over) = (Arc::clone(&peak.most), Arc::clone(&peak.over));
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        look(&most, card);
                        thread::sleep(EVERY);
                    }
                });
            }
            None => forget_process_peak(),
        }
        peak
    }

    /// Forgets the most so far: it begins anew at what is held now.
    pub(crate) fn restart(&self) {
        match self.card {
            Some(card) => {
                let mut most = lock(&self.most);
                *most = held(card);
            }
            None => forget_process_peak(),
        }
    }

    /// The most so far, in bytes; 0 where the system does not say.
    pub(crate) fn bytes(&self) -> u64 {
        match self.card {
            Some(card) => look(&self.most, card),
            None => process_peak(),
        }
    }
}

impl Drop for PeakMemory {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Asks under the lock: an answer from before a restart must not come after it.
fn look(most: &Mutex<u64>, card: usize) -> u64 {
    let mut most = lock(most);
    *most = held(card).max(*most);
    *most
}

/// What this process holds of a card: by the driver's list of processes, or all that came since the process first asked.
fn held(card: usize) -> u64 {
    own_memory(card).unwrap_or_else(|| card_memory(card).saturating_sub(others(card)))
}

/// Looks what other programs hold of a device's card, as long as nothing of it is ours.
pub(crate) fn note_others(device: DeviceChoice) {
    // Asking the driver takes longer than a short answer.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        card_of(device).map(others);
    });
}

/// Bytes on a card when this process first asked. In a container nobody can tell later whose they are.
fn others(card: usize) -> u64 {
    static FIRST: OnceLock<(usize, u64)> = OnceLock::new();
    let (known, bytes) = *FIRST.get_or_init(|| (card, card_memory(card)));
    if known == card { bytes } else { 0 }
}

fn card_memory(card: usize) -> u64 {
    card_use(card).map_or(0, |card| card.memory)
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
