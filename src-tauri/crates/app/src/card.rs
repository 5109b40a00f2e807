//! What does an NVIDIA card say of itself while it computes?

use std::{
    env,
    process::{self, Command},
};

use eyewright_ops::DeviceChoice;

/// A card at one moment, as its driver sees it: all processes together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CardUse {
    /// Bytes that are taken.
    pub(crate) memory: u64,
    /// Share of the last moments in which it computed, 0 to 1.
    pub(crate) load: Option<f64>,
}

/// The card behind a device, if it is an NVIDIA card that this build can compute on.
pub(crate) fn card_of(device: DeviceChoice) -> Option<usize> {
    match device {
        _ if cfg!(not(feature = "cuda")) => None,
        DeviceChoice::Cuda(index) => Some(index),
        DeviceChoice::Auto => card_use(0).map(|_| 0),
        _ => None,
    }
}

/// Asks the driver; nothing where there is none.
pub(crate) fn card_use(card: usize) -> Option<CardUse> {
    parsed(&driver_says(card, "--query-gpu=memory.used,utilization.gpu")?)
}

/// Bytes that this process holds on a card. Nothing where the driver does not list it: in most containers, on Windows, and
/// before it has opened the card.
pub(crate) fn own_memory(card: usize) -> Option<u64> {
    memory_of(process::id(), &driver_says(card, "--query-compute-apps=pid,used_memory")?)
}

fn driver_says(card: usize, question: &str) -> Option<String> {
    let name = driver_name(card, env::var("CUDA_VISIBLE_DEVICES").ok().as_deref());
    let asked = [question, "--format=csv,noheader,nounits", "--id"];
    let said = Command::new("nvidia-smi").args(asked).arg(name).output().ok()?;
    said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
}

/// Of lines such as `4711, 1234`, process and MiB, the one of this process.
fn memory_of(id: u32, lines: &str) -> Option<u64> {
    let mut rows = lines.lines().filter_map(|line| line.split_once(','));
    let (_, mib) = rows.find(|(process, _)| process.trim().parse() == Ok(id))?;
    mib.trim().parse::<u64>().ok().map(|mib| mib << 20)
}

/// A line such as `1234, 87`: MiB and percent. A card that cannot tell its load says `[N/A]`.
fn parsed(line: &str) -> Option<CardUse> {
    let (memory, load) = line.trim().split_once(',')?;
    let mib: u64 = memory.trim().parse().ok()?;
    Some(CardUse { memory: mib << 20, load: load.trim().parse().ok().map(|percent: f64| percent / 100.0) })
}

/// What the driver calls a card. CUDA counts only the cards that `CUDA_VISIBLE_DEVICES` lists, the driver all of them.
fn driver_name(card: usize, visible: Option<&str>) -> String {
    let listed = visible.and_then(|list| list.split(',').nth(card)).map(str::trim);
    listed.filter(|name| !name.is_empty()).map_or_else(|| card.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_asked_by_the_name_its_driver_knows() {
        assert_eq!(driver_name(1, None), "1");
        assert_eq!(driver_name(0, Some("3,1")), "3");
        assert_eq!(driver_name(1, Some("3, GPU-8f2")), "GPU-8f2");
        // An empty list hides all cards from CUDA; none is asked for then.
        assert_eq!(driver_name(0, Some("")), "0");
    }

    #[test]
    fn the_own_process_is_found_among_all() {
        let lines = "4711, 1234\n47, 20\n48, [N/A]\n";
        assert_eq!(memory_of(47, lines), Some(20 << 20));
        assert_eq!(memory_of(48, lines), None);
        assert_eq!(memory_of(7, lines), None);
        assert_eq!(memory_of(7, "No devices were found"), None);
    }

    #[test]
    fn what_the_driver_says_is_read_with_and_without_a_load() {
        assert_eq!(parsed("1234, 87\n"), Some(CardUse { memory: 1234 << 20, load: Some(0.87) }));
        assert_eq!(parsed("0, [N/A]\n"), Some(CardUse { memory: 0, load: None }));
        assert_eq!(parsed("No devices were found"), None);
    }
}
