//! Which device does the user ask for (`--device`)?

use std::{fmt, str::FromStr};

use super::DeviceError;

/// A device by name: `auto`, `cpu`, `cuda`, `cuda:1`, `vulkan`, `metal` or `wgpu`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best device that works.
    #[default]
    Auto,
    /// The processor; always there.
    Cpu,
    /// An NVIDIA card by its CUDA index.
    Cuda(usize),
    /// A card through Vulkan.
    Vulkan,
    /// An Apple GPU.
    Metal,
    /// A card through whatever graphics interface wgpu finds best (DirectX 12 on Windows).
    Wgpu,
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || DeviceError::UnknownName { name: text.into() };
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda(0),
            "vulkan" => Self::Vulkan,
            "metal" => Self::Metal,
            "wgpu" => Self::Wgpu,
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                Self::Cuda(index.parse().map_err(|_| unknown())?)
            }
        })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Vulkan => f.write_str("vulkan"),
            Self::Metal => f.write_str("metal"),
            Self::Wgpu => f.write_str("wgpu"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_strangers_are_refused() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3", "vulkan", "metal", "wgpu"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for name in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(name.parse::<DeviceChoice>().is_err(), "{name}");
        }
    }
}
