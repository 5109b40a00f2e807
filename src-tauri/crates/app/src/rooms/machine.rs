//! The machine, the program, and the process that computes.

use std::sync::{Arc, Mutex};

use eyewright_ops::{DeviceChoice, found_devices, open_device, toolchain_notes};
use eyewright_protocol::{
    AppInfo, DeviceCard, ErrorBody, ErrorCode, HardwareReport, LoadedModel, Nothing, Platform, WorkerStatus,
};

use crate::studio::{Inner, Reply, lock};

/// What is known about the machine and what is in its memory.
#[derive(Clone, Default)]
pub(crate) struct MachineRoom(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Trying out devices takes seconds, so it is done once for a device choice.
    report: Option<(String, HardwareReport)>,
    loaded: Option<LoadedModel>,
}

impl MachineRoom {
    /// Memory of the device that will be used, once it was asked.
    pub(crate) fn known_memory(&self) -> Option<u64> {
        let state = lock(&self.0);
        let (_, report) = state.report.as_ref()?;
        let chosen = report.devices.iter().find(|device| device.chosen)?;
        chosen.memory.or_else(|| (chosen.choice == "cpu").then_some(report.memory))
    }

    /// The device that will be used, once it was asked.
    pub(crate) fn chosen(&self) -> Option<String> {
        lock(&self.0).report.as_ref().map(|(_, report)| report.chosen.clone())
    }

    pub(crate) fn loaded(&self, model: Option<LoadedModel>) {
        lock(&self.0).loaded = model;
    }

    pub(crate) fn loaded_in(&self, process: bool) -> Option<LoadedModel> {
        let mut state = lock(&self.0);
        if !process {
            state.loaded = None;
        }
        state.loaded.clone()
    }
}

impl Inner {
    pub(crate) fn app_info(&self, _: Nothing) -> Reply<AppInfo> {
        let backends = [("cpu", true), ("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu"))];
        Ok(AppInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            door: self.host.door(),
            platform: if cfg!(target_os = "macos") {
                Platform::Macos
            } else if cfg!(target_os = "windows") {
                Platform::Windows
            } else {
                Platform::Linux
            },
            library: self.settings.get().library,
            first_run: self.settings.first_run(),
            backends: backends
                .into_iter()
                .filter(|(_, built)| *built)
                .map(|(name, _)| name.to_owned())
                .collect(),
            opened_with: self.config.opened_with.clone(),
        })
    }

    pub(crate) fn hardware(&self, _: Nothing) -> Reply<HardwareReport> {
        let settings = self.settings.get();
        if let Some((device, report)) = &lock(&self.machine.0).report
            && *device == settings.device
        {
            return Ok(self.with_free(report.clone()));
        }
        let choice: DeviceChoice = settings.device.parse().unwrap_or_default();
        let opened = open_device(choice);
        let (chosen, reason, dtype) = match &opened {
            Ok(open) => (
                open.choice.to_string(),
                open.reason.clone(),
                format!("{:?}", open.default_dtype()).to_lowercase(),
            ),
            Err(error) => (String::new(), error.to_string(), String::new()),
        };
        let devices = found_devices().into_iter().map(|device| {
            let choice = device.choice.to_string();
            DeviceCard {
                chosen: choice == chosen,
                memory: device.memory,
                fault: device.fault,
                name: device.name,
                choice,
            }
        });
        let report = HardwareReport {
            devices: devices.collect(),
            chosen,
            reason,
            cpu: cpu_name(),
            threads: std::thread::available_parallelism()
                .map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
            memory: memory("MemTotal:").unwrap_or(0),
            memory_free: 0,
            disk_free: 0,
            notes: toolchain_notes(),
            dtype,
        };
        lock(&self.machine.0).report = Some((settings.device, report.clone()));
        Ok(self.with_free(report))
    }

    /// What changes from moment to moment.
    fn with_free(&self, mut report: HardwareReport) -> HardwareReport {
        report.memory_free = memory("MemAvailable:").unwrap_or(0);
        report.disk_free = fs4::available_space(&self.settings.get().library).unwrap_or(0);
        report
    }

    pub(crate) fn worker_status(&self, _: Nothing) -> Reply<WorkerStatus> {
        Ok(self.worker.status())
    }

    pub(crate) fn restart_worker(&self, _: Nothing) -> Reply<WorkerStatus> {
        self.worker.restart();
        self.machine.loaded(None);
        Ok(self.worker.status())
    }

    /// One piece of work on the device at a time: a run has it to itself.
    pub(crate) fn device_is_free(&self) -> Reply<()> {
        match self.runs.running() {
            None => Ok(()),
            Some(run) => Err(ErrorBody::new(ErrorCode::Busy, format!("the run `{run}` is using the device"))
                .hint("Wait for it, or stop it in Runs; it can be resumed.")),
        }
    }
}

/// A line of `/proc/meminfo` in bytes.
fn memory(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn cpu_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
