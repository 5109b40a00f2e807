//! The program `eyewright`: which command was typed, and what its exit code is.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a terminal program talks on the terminal

mod arguments;
mod bench;
mod bench_train;
mod chat;
mod compare;
mod dataset;
mod doctor;
mod download;
mod export;
mod fresh;
mod leave;
mod models;
mod plan;
mod plan_arguments;
mod print;
mod recipes;
mod run_view;
mod serve;
mod train;

use std::process::ExitCode;

use arguments::{Arguments, Command, ModelsCommand};
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_full(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes; many say their cause themselves already.
fn in_full(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.is_empty() {
            cause
        } else if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Worker => serve::worker(),
        Command::Chat(chat) => chat::run(&chat),
        Command::Models { command: ModelsCommand::Inspect(inspect) } => models::inspect(&inspect),
        Command::Bench { command } => bench::run(&command),
        Command::Models { command: ModelsCommand::Write(write) } => models::write(&write),
        Command::Train(train) => train::run(&train),
        Command::Compare(compare) => compare::run(&compare),
        Command::Plan(plan) => plan::run(&plan),
        Command::Recipes { command } => recipes::run(&command),
        Command::Export(arguments) => export::run_export(&arguments),
        Command::Convert(arguments) => export::run_convert(&arguments),
        Command::Models { command: ModelsCommand::New(new) } => fresh::run(&new),
        Command::Models { command: ModelsCommand::Download(download) } => download::run(&download),
        Command::Dataset { command } => dataset::run(&command),
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
