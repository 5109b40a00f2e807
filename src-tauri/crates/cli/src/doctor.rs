//! `eyewright doctor`: what can this machine compute with, and what is missing?

use eyewright_app::{DeviceChoice, found_devices, open_device, toolchain_notes};

use crate::print;

pub(crate) fn run() {
    print::line("Devices:");
    for found in found_devices() {
        let memory = found
            .memory
            .map_or(String::new(), |bytes| format!(", {:.1} GiB", bytes as f64 / (1 << 30) as f64));
        let state = found.fault.map_or_else(|| "works".to_owned(), |fault| format!("does not work: {fault}"));
        print::line(format_args!("  {:8} {}{memory}: {state}", found.choice.to_string(), found.name));
    }
    if cfg!(not(feature = "cuda")) {
        print::line("CUDA: not in this build; add `--features cuda` when building for NVIDIA cards");
    }
    if cfg!(not(feature = "wgpu")) {
        print::line(
            "Vulkan, Metal, DirectX: not in this build; add `--features wgpu` when building for other cards",
        );
    }
    for note in toolchain_notes() {
        print::line(note);
    }
    print::line(match open_device(DeviceChoice::Auto) {
        Ok(open) => format!("`--device auto` takes {} ({}): {}", open.choice, open.name, open.reason),
        Err(error) => format!("`--device auto` finds nothing: {error}"),
    });
}
