//! The program `eyewright`: which command was typed, and what its exit code is.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a terminal program talks on the terminal

mod arguments;
mod chat;
mod doctor;
mod models;

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
        Command::Doctor => {
            doctor::run();
            Ok(())
        }
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "eyewright", &mut std::io::stdout());
            Ok(())
        }
    }
}
