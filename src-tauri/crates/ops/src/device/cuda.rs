//! Which NVIDIA cards does the driver show, and can kernels be compiled for them?
//!
//! Asks the driver library directly, before burn does: burn panics where a library is missing.
#![allow(unsafe_code)] // whether a library can be loaded is an unsafe question in cudarc

use std::path::PathBuf;

use cudarc::{driver, nvrtc};

/// A card as the driver describes it.
pub(super) struct Card {
    pub(super) name: String,
    /// Bytes of memory on the card.
    pub(super) memory: u64,
}

/// What CUDA needs and this machine lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("the NVIDIA driver library (libcuda) was not found; install the NVIDIA driver")]
    Driver,
    #[error("the driver reports {cards} NVIDIA cards, there is no card {index}")]
    Card { index: usize, cards: usize },
    #[error("NVRTC, CUDA's run-time compiler, was not found; install the CUDA toolkit (12 or newer)")]
    Compiler,
    #[error(
        "CUDA's headers were not found; install the CUDA toolkit, or set CUDA_PATH to the folder that \
         holds include/cuda_fp16.h"
    )]
    Headers,
    #[error("the driver refuses to answer: {0}")]
    Refused(driver::DriverError),
}

pub(super) fn count() -> usize {
    ready()
        .ok()
        .and_then(|()| driver::result::device::get_count().ok())
        .map_or(0, |count| count.max(0) as usize)
}

pub(super) fn card(index: usize) -> Result<Card, Missing> {
    ready()?;
    let cards = count();
    if index >= cards {
        return Err(Missing::Card { index, cards });
    }
    // SAFETY: presence checks only load a shared library that the driver's package installed.
    if !unsafe { nvrtc::sys::is_culib_present() } {
        return Err(Missing::Compiler);
    }
    if !headers().is_some_and(|folder| folder.join("cuda_fp16.h").is_file()) {
        return Err(Missing::Headers);
    }
    let device = driver::result::device::get(index as i32).map_err(Missing::Refused)?;
    let name = driver::result::device::get_name(device).map_err(Missing::Refused)?;
    // SAFETY: `device` came from the driver a line above.
    let memory = unsafe { driver::result::device::total_mem(device) }.map_err(Missing::Refused)? as u64;
    Ok(Card { name, memory })
}

/// Bytes on the card that no program has taken.
pub(super) fn free_memory(index: usize) -> Option<u64> {
    ready().ok()?;
    // The context is the card's primary one, which burn computes in too.
    let (free, _) = driver::CudaContext::new(index).ok()?.mem_get_info().ok()?;
    Some(free as u64)
}

fn ready() -> Result<(), Missing> {
    // SAFETY: as above, only loads the driver's library.
    if !unsafe { driver::sys::is_culib_present() } {
        return Err(Missing::Driver);
    }
    driver::result::init().map_err(Missing::Refused)
}

/// The newest CUDA that the driver serves.
fn version() -> String {
    let mut version = 0;
    // SAFETY: the driver is there, and writes one number.
    let told = unsafe { driver::sys::cuDriverGetVersion(&raw mut version) }.result();
    told.map_or_else(
        |_| "present".into(),
        |()| format!("for CUDA {}.{}", version / 1000, version % 1000 / 10),
    )
}

fn headers() -> Option<PathBuf> {
    cubecl::cuda::install::cuda_path().map(|path| path.join("include"))
}

pub(super) fn toolchain_notes() -> Vec<String> {
    let mut notes = Vec::new();
    match ready() {
        Ok(()) => notes.push(format!("NVIDIA driver: {}, {} card(s)", version(), count())),
        Err(missing) => notes.push(format!("NVIDIA driver: {missing}")),
    }
    // SAFETY: presence check only.
    notes.push(if unsafe { nvrtc::sys::is_culib_present() } {
        "NVRTC: present".into()
    } else {
        format!("NVRTC: {}", Missing::Compiler)
    });
    notes.push(match headers() {
        Some(folder) if folder.join("cuda_fp16.h").is_file() => format!("CUDA headers: {}", folder.display()),
        _ => format!("CUDA headers: {}", Missing::Headers),
    });
    notes
}
