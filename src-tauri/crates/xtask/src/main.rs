//! The commands a developer types: `cargo xtask run`, `test`, `ci` and the others of the list below.
//!
//! This file reads the command word and hands over; what a command does is in the file of its name.

// The output of these commands is what they are for, and they never run inside the product.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer reads what this program prints")]

mod bundle;
mod ci;
mod codegen;
mod demo;
mod demo_model;
mod interop;
mod packages;
mod run;
mod step;
mod test;
mod tidy;
mod ui;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
cargo xtask run [ARGS]     build Eyewright and open its window; with ARGS, run the terminal program
cargo xtask test [FILTER]  install or name missing Debian packages, then run the test suites
cargo xtask ci             format, tidy, lints, documentation and tests: what must pass before a change is merged
cargo xtask bundle         make a Debian package of both programs with every back end
cargo xtask interop        export tiny models in every form and open them with transformers, PEFT and llama.cpp
cargo xtask demo           pretrain, ask, finetune, ask: the whole story on a CPU in three minutes
cargo xtask demo-model     make the bundled demo model from nothing; --toy, --device D, --print
cargo xtask tidy           check the invariants of the tree that no compiler checks
cargo xtask codegen        write the TypeScript bindings of the protocol; --check says whether they are current";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", args @ ..] => run::run(&workspace::root()?, args),
        ["test"] => test::test(&workspace::root()?, None),
        ["test", filter] if !filter.starts_with('-') => test::test(&workspace::root()?, Some(filter)),
        ["bundle", formats @ ..] => bundle::bundle(&workspace::root()?, formats),
        ["demo"] => demo::demo(&workspace::root()?),
        ["demo-model", args @ ..] => demo_model::demo_model(&workspace::root()?, args),
        ["ci"] => ci::ci(&workspace::root()?),
        ["codegen"] => codegen::codegen(&workspace::root()?, false),
        ["codegen", "--check"] => codegen::codegen(&workspace::root()?, true),
        ["interop"] => interop::interop(&workspace::root()?),
        ["tidy"] => tidy::tidy(&workspace::root()?),
        [] | ["help" | "-h" | "--help", ..] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => {
            eprintln!("`cargo xtask {}` is not a command. These are:\n{USAGE}", other.join(" "));
            Ok(ExitCode::from(2))
        }
    }
}
