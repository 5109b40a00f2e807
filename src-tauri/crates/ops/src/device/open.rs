//! How does a chosen device become one that has been seen to compute?

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{DType, Device, Tensor};

use super::{DeviceChoice, DeviceError, found::found_devices};

/// A device that has passed its trial computation.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    /// Where tensors are made.
    pub device: Device,
    /// Which device this is; never [`DeviceChoice::Auto`].
    pub choice: DeviceChoice,
    /// The device's own name, such as `NVIDIA H200`.
    pub name: String,
    /// Why this one was taken, for the user.
    pub reason: String,
}

impl OpenDevice {
    /// The dtype weights are kept in unless the user asks for another one.
    ///
    /// bf16 on CUDA; f16 through wgpu where the card has it, because bf16 arithmetic is unreliable there;
    /// f32 on the CPU, whose matrix code would convert anything else on every call.
    pub fn default_dtype(&self) -> DType {
        match self.choice {
            DeviceChoice::Auto | DeviceChoice::Cpu => DType::F32,
            DeviceChoice::Cuda(_) => DType::BF16,
            DeviceChoice::Vulkan | DeviceChoice::Metal | DeviceChoice::Wgpu => {
                if self.device.supports_dtype(DType::F16) { DType::F16 } else { DType::F32 }
            }
        }
    }

    /// Bytes on the card that nobody has taken, where the driver tells.
    pub fn free_memory(&self) -> Option<u64> {
        match self.choice {
            #[cfg(feature = "cuda")]
            DeviceChoice::Cuda(index) => super::cuda::free_memory(index),
            _ => None,
        }
    }
}

/// Opens `choice`, or for `auto` the best device that works.
///
/// # Errors
/// If the device asked for is not in this build, not in this machine, or fails its trial.
pub fn open_device(choice: DeviceChoice) -> Result<OpenDevice, DeviceError> {
    if choice == DeviceChoice::Auto {
        return Ok(open_best());
    }
    if choice == DeviceChoice::Cpu {
        return Ok(cpu("asked for".into()));
    }
    match open_exact(choice) {
        Ok(mut open) => {
            open.reason = "asked for".into();
            Ok(open)
        }
        Err(Refusal::NotBuilt { backend, feature }) => {
            Err(DeviceError::NotBuilt { choice, backend, feature, found: summary() })
        }
        Err(Refusal::NotWorking(reason)) => Err(DeviceError::NotWorking { choice, reason, found: summary() }),
    }
}

fn summary() -> String {
    let names: Vec<_> =
        found_devices().into_iter().map(|found| format!("{} ({})", found.choice, found.name)).collect();
    names.join(", ")
}

fn cpu(reason: String) -> OpenDevice {
    OpenDevice { device: Device::flex(), choice: DeviceChoice::Cpu, name: "CPU".into(), reason }
}

fn open_best() -> OpenDevice {
    let mut refused = Vec::new();
    for choice in [DeviceChoice::Cuda(0), DeviceChoice::Metal, DeviceChoice::Vulkan, DeviceChoice::Wgpu] {
        match open_exact(choice) {
            Ok(mut open) => {
                open.reason = format!("{choice} works and is the fastest device found");
                return open;
            }
            Err(Refusal::NotBuilt { .. }) => {}
            Err(Refusal::NotWorking(reason)) => refused.push(format!("{choice}: {reason}")),
        }
    }
    cpu(if refused.is_empty() {
        "this build has no graphics backend".into()
    } else {
        format!("no graphics card can be used ({})", refused.join("; "))
    })
}

/// Why a device was not opened.
#[cfg_attr(not(any(feature = "cuda", feature = "wgpu")), allow(dead_code))]
pub(super) enum Refusal {
    #[cfg_attr(all(feature = "cuda", feature = "wgpu"), allow(dead_code))]
    NotBuilt {
        backend: &'static str,
        feature: &'static str,
    },
    NotWorking(String),
}

pub(super) fn open_exact(choice: DeviceChoice) -> Result<OpenDevice, Refusal> {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Cpu => Ok(cpu("always there".into())),
        DeviceChoice::Cuda(index) => open_cuda(index),
        DeviceChoice::Vulkan | DeviceChoice::Metal | DeviceChoice::Wgpu => open_wgpu(choice),
    }
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<OpenDevice, Refusal> {
    let card = super::cuda::card(index).map_err(|missing| Refusal::NotWorking(missing.to_string()))?;
    let device = trial(|| Device::cuda(index)).map_err(Refusal::NotWorking)?;
    Ok(OpenDevice { device, choice: DeviceChoice::Cuda(index), name: card.name, reason: String::new() })
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_index: usize) -> Result<OpenDevice, Refusal> {
    Err(Refusal::NotBuilt { backend: "CUDA", feature: "cuda" })
}

#[cfg(feature = "wgpu")]
fn open_wgpu(choice: DeviceChoice) -> Result<OpenDevice, Refusal> {
    use super::found::wgpu_cards;

    let cards = wgpu_cards(choice).map_err(Refusal::NotWorking)?;
    // EYEWRIGHT_SOFTWARE_GPU lets the tests run on a driver that computes on the processor.
    let software_too = std::env::var_os("EYEWRIGHT_SOFTWARE_GPU").is_some();
    let card = cards
        .into_iter()
        .find(|card| !card.software || software_too)
        .ok_or_else(|| Refusal::NotWorking("no such graphics card".into()))?;
    let device = trial(|| card.device.clone()).map_err(Refusal::NotWorking)?;
    Ok(OpenDevice { device, choice, name: card.name, reason: String::new() })
}

#[cfg(not(feature = "wgpu"))]
fn open_wgpu(choice: DeviceChoice) -> Result<OpenDevice, Refusal> {
    let backend = if choice == DeviceChoice::Metal { "Metal" } else { "Vulkan" };
    Err(Refusal::NotBuilt { backend, feature: "wgpu" })
}

/// Multiplies two small matrices on the device. Drivers report their faults as panics on burn's threads.
#[cfg_attr(not(any(feature = "cuda", feature = "wgpu")), allow(dead_code))]
pub(super) fn trial(open: impl FnOnce() -> Device) -> Result<Device, String> {
    quietly(|| {
        let device = open();
        let ones = Tensor::<2>::ones([8, 8], (&device, DType::F32));
        let product = (ones.clone() * 2.0).matmul(ones).try_into_data().map_err(|e| e.to_string())?;
        let values = product.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))?;
        if values.iter().all(|value| *value == 16.0) {
            Ok(device)
        } else {
            Err("its trial computation gave wrong numbers".into())
        }
    })
    .and_then(|result| result)
}

/// Runs `work` with panics turned into their message and not printed.
#[cfg_attr(not(any(feature = "cuda", feature = "wgpu")), allow(dead_code))]
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    result.map_err(|panic| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "the driver failed without a message".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_passes_the_trial_and_a_panic_becomes_a_message() {
        assert!(trial(Device::flex).is_ok());
        assert_eq!(trial(|| panic!("no driver")).unwrap_err(), "no driver");
    }

    #[test]
    fn auto_always_finds_a_device_and_says_why() {
        let open = open_device(DeviceChoice::Auto).unwrap();
        assert_ne!(open.choice, DeviceChoice::Auto);
        assert!(!open.reason.is_empty());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_built_is_named() {
        let error = open_device(DeviceChoice::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("--features cuda") && error.contains("cpu (CPU)"), "{error}");
    }
}
