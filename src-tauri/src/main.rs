//! The program with the window; with the argument `worker` it is the process that computes for one.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == "worker") {
        return if eyewright_app::work().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    eyewright_desktop::run()
}
