//! How much memory has this process taken, in the computer and on the device?

use eyewright_ops::OpenDevice;
use serde::Serialize;

/// Bytes at one moment; what the system or the device does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// Most memory of the computer this process ever had at once.
    pub host_peak: Option<u64>,
    /// Bytes that tensors take on the device.
    pub device_in_use: Option<u64>,
    /// Bytes that the device's pool has taken from the driver; it gives nothing back by itself, so this is a peak.
    pub device_reserved: Option<u64>,
}

impl MemoryUse {
    /// Asks the system and the device.
    pub fn now(open: &OpenDevice) -> Self {
        let pool = open.device.memory_pool_usage();
        Self {
            host_peak: host_peak(),
            device_in_use: pool.as_ref().map(|pool| pool.bytes_in_use),
            device_reserved: pool.as_ref().map(|pool| pool.bytes_reserved),
        }
    }
}

/// Linux keeps the high-water mark of a process in its status file.
#[cfg(target_os = "linux")]
fn host_peak() -> Option<u64> {
    peak_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

#[cfg(not(target_os = "linux"))]
fn host_peak() -> Option<u64> {
    None
}

#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_from_the_status() {
        assert_eq!(peak_in("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        for other in ["", "VmHWM:\t kB\n", "VmHWM:\t 12 MB\n"] {
            assert_eq!(peak_in(other), None, "{other}");
        }
    }
}
