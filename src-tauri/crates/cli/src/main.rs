//! The program `eyewright`: which command was typed, and what its exit code is.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a terminal program talks on the terminal

mod arguments;
mod bench;
mod chat;
mod doctor;
mod models;
mod print;

use std::process::ExitCode;

use arguments::{Arguments, Command, ModelsCommand};
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Chat(chat) => chat::run(&chat),
        Command::Models { command: ModelsCommand::Inspect(inspect) } => models::inspect(&inspect),
        Command::Bench { command } => bench::run(&command),
        Command::Doctor => {
            doctor::run();
            Ok(())
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "eyewright", &mut script);
            print::show(String::from_utf8_lossy(&script));
            Ok(())
        }
    }
}
