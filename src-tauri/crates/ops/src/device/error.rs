//! What can go wrong between a device's name and a working device?

use super::DeviceChoice;

/// A device could not be chosen or opened.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The text is no device name.
    #[error("unknown device `{name}`; use auto, cpu, cuda, cuda:N, vulkan, metal or wgpu")]
    UnknownName {
        /// What was asked for.
        name: String,
    },
    /// This binary was built without the backend.
    #[error(
        "this build of Eyewright has no {backend} support, so `{choice}` cannot be used; \
         rebuild with `--features {feature}`, or use one of: {found}"
    )]
    NotBuilt {
        /// The device asked for.
        choice: DeviceChoice,
        /// The backend's name.
        backend: &'static str,
        /// The cargo feature that adds it.
        feature: &'static str,
        /// Devices that this machine offers.
        found: String,
    },
    /// The backend is there, the device is not, or it does not compute.
    #[error("device `{choice}` does not work here: {reason}; found: {found} (`eyewright doctor` says more)")]
    NotWorking {
        /// The device asked for.
        choice: DeviceChoice,
        /// What the driver or the trial computation said.
        reason: String,
        /// Devices that this machine offers.
        found: String,
    },
}
