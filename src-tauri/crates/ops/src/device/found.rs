//! What computing devices does this machine offer to this binary?

use super::{
    DeviceChoice,
    open::{Refusal, open_exact},
};

/// One device, as `eyewright doctor` lists it.
#[derive(Clone, Debug)]
pub struct FoundDevice {
    /// How to ask for it.
    pub choice: DeviceChoice,
    /// Its own name.
    pub name: String,
    /// Its memory in bytes, where the driver tells.
    pub memory: Option<u64>,
    /// `None` if it passed its trial computation, else what went wrong.
    pub fault: Option<String>,
}

/// Ways through wgpu that this kind of machine can have.
#[cfg(target_os = "macos")]
const THROUGH_WGPU: &[DeviceChoice] = &[DeviceChoice::Metal, DeviceChoice::Vulkan, DeviceChoice::Wgpu];
#[cfg(not(target_os = "macos"))]
const THROUGH_WGPU: &[DeviceChoice] = &[DeviceChoice::Vulkan, DeviceChoice::Wgpu];

/// Lists all devices and tries each one; takes seconds on a machine with graphics cards.
pub fn found_devices() -> Vec<FoundDevice> {
    let mut found = vec![FoundDevice {
        choice: DeviceChoice::Cpu,
        name: "CPU".into(),
        memory: host_memory(),
        fault: None,
    }];
    for index in 0..cuda_cards() {
        let choice = DeviceChoice::Cuda(index);
        found.extend(tried(choice, cuda_memory(index)));
    }
    found.extend(THROUGH_WGPU.iter().filter_map(|choice| tried(*choice, None)));
    found
}

fn tried(choice: DeviceChoice, memory: Option<u64>) -> Option<FoundDevice> {
    match open_exact(choice) {
        Ok(open) => Some(FoundDevice { choice, name: open.name, memory, fault: None }),
        Err(Refusal::NotBuilt { .. }) => None,
        Err(Refusal::NotWorking(fault)) => {
            Some(FoundDevice { choice, name: "unusable".into(), memory, fault: Some(fault) })
        }
    }
}

/// What this machine has, and lacks, for computing on NVIDIA cards; nothing if the build cannot use them anyway.
pub fn toolchain_notes() -> Vec<String> {
    #[cfg(feature = "cuda")]
    return super::cuda::toolchain_notes();
    #[cfg(not(feature = "cuda"))]
    return Vec::new();
}

/// Memory of the computer, where the system tells without being asked for more.
fn host_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(feature = "cuda")]
fn cuda_cards() -> usize {
    super::cuda::count().max(1) // one row even without a card, to say what is missing
}

#[cfg(not(feature = "cuda"))]
fn cuda_cards() -> usize {
    0
}

#[cfg(feature = "cuda")]
fn cuda_memory(index: usize) -> Option<u64> {
    super::cuda::card(index).ok().map(|card| card.memory)
}

#[cfg(not(feature = "cuda"))]
fn cuda_memory(_index: usize) -> Option<u64> {
    None
}

/// A card seen through wgpu.
#[cfg(feature = "wgpu")]
pub(super) struct WgpuCard {
    pub(super) device: burn::tensor::Device,
    pub(super) name: String,
    /// A driver that computes on the processor.
    pub(super) software: bool,
}

#[cfg(feature = "wgpu")]
pub(super) fn wgpu_cards(choice: DeviceChoice) -> Result<Vec<WgpuCard>, String> {
    use burn::tensor::{Device, DeviceType};

    let kind = match choice {
        DeviceChoice::Vulkan => DeviceType::Vulkan,
        #[cfg(target_os = "macos")]
        DeviceChoice::Metal => DeviceType::Metal,
        #[cfg(not(target_os = "macos"))]
        DeviceChoice::Metal => return Err("Metal exists on Apple machines only".into()),
        _ => DeviceType::Wgpu,
    };
    super::open::quietly(|| {
        Device::enumerate(kind)
            .into_vec()
            .into_iter()
            .map(|device| {
                let identity = device.identity();
                WgpuCard {
                    name: identity.as_ref().map_or_else(|| "unnamed".into(), |found| found.name.clone()),
                    software: identity.is_none_or(|found| found.physical.is_none()),
                    device,
                }
            })
            .collect()
    })
}
