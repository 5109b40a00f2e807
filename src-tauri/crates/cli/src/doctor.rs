//! `eyewright doctor`: what can this machine compute with, and what is missing?

use eyewright_app::{DeviceChoice, found_devices, open_device, toolchain_notes};

pub(crate) fn run() {
    println!("Devices:");
    for found in found_devices() {
        let memory = found
            .memory
            .map_or(String::new(), |bytes| format!(", {:.1} GiB", bytes as f64 / (1 << 30) as f64));
        let state = found.fault.map_or_else(|| "works".to_owned(), |fault| format!("does not work: {fault}"));
        println!("  {:8} {}{memory}: {state}", found.choice.to_string(), found.name);
    }
    for note in toolchain_notes() {
        println!("{note}");
    }
    match open_device(DeviceChoice::Auto) {
        Ok(open) => println!("`--device auto` takes {} ({}): {}", open.choice, open.name, open.reason),
        Err(error) => println!("`--device auto` finds nothing: {error}"),
    }
}
