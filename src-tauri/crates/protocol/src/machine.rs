//! The machine and the program: what computes, how much memory there is, who is running.

words! {
    /// Through which door the interface came in.
    Door {
        /// The desktop window.
        Window,
        /// A browser.
        Browser,
    }

    /// Operating systems whose habits differ.
    Platform {
        /// Linux.
        Linux,
        /// macOS.
        Macos,
        /// Windows.
        Windows,
    }
}

reply! {
    /// The program.
    AppInfo {
        /// Its version.
        pub version: String,
        /// The door.
        pub door: Door,
        /// Where it runs.
        pub platform: Platform,
        /// The library folder.
        pub library: String,
        /// Whether the settings were never changed: the first run.
        pub first_run: bool,
        /// Backends of this build, such as `cpu`, `cuda`, `wgpu`.
        pub backends: Vec<String>,
        /// Paths that were given on the command line, to be opened as pictures.
        pub opened_with: Vec<String>,
    }

    /// One device.
    DeviceCard {
        /// How to ask for it, such as `cuda:0`.
        pub choice: String,
        /// Its own name.
        pub name: String,
        /// Its memory in bytes, where the driver tells.
        pub memory: Option<u64>,
        /// What went wrong in its trial.
        pub fault: Option<String>,
        /// Whether it will be used.
        pub chosen: bool,
    }

    /// What this machine offers.
    HardwareReport {
        /// All devices, the processor among them.
        pub devices: Vec<DeviceCard>,
        /// The one that will be used.
        pub chosen: String,
        /// Why.
        pub reason: String,
        /// The processor's name.
        pub cpu: String,
        /// Its threads.
        pub threads: u32,
        /// Memory of the machine in bytes.
        pub memory: u64,
        /// Memory that is free.
        pub memory_free: u64,
        /// Free bytes where the library is.
        pub disk_free: u64,
        /// What is there, and what is missing, for computing on NVIDIA cards.
        pub notes: Vec<String>,
        /// The dtype models are loaded in there, such as `bf16`.
        pub dtype: String,
    }

    /// The process that computes.
    WorkerStatus {
        /// How it is.
        pub state: WorkerState,
        /// How often it ended by itself in this session.
        pub crashes: u32,
        /// Its memory in bytes.
        pub memory: Option<u64>,
        /// Why it ended last.
        pub last_error: Option<crate::ErrorBody>,
    }
}

words! {
    /// How the process that computes is.
    WorkerState {
        /// Not started yet; it starts with the first work.
        Idle,
        /// Starting.
        Starting,
        /// Ready or at work.
        Running,
        /// It does not answer; after a while it is ended.
        Silent,
        /// It ended by itself; the next work starts another one.
        Stopped,
    }
}
