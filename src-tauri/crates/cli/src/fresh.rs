//! `eyewright models new`: a model with random numbers, to be trained from nothing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyewright_app::demo::{FreshModel, FreshPart, make_fresh};

use crate::print::line;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartName {
    /// A language model.
    Llm,
    /// A CLIP vision tower.
    Tower,
}

#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// What is made.
    #[arg(value_enum)]
    part: PartName,
    /// A Hugging Face `config.json` that says how large it is.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Other seeds, other numbers.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Learn the vocabulary from the texts of this LLaVA JSON file; without it, one has to be in the folder.
    #[arg(long, value_name = "FILE")]
    vocabulary_from: Option<PathBuf>,
}

pub(crate) fn run(arguments: &NewArguments) -> anyhow::Result<()> {
    let report = make_fresh(&FreshModel {
        part: match arguments.part {
            PartName::Llm => FreshPart::Llm,
            PartName::Tower => FreshPart::Tower,
        },
        config: arguments.config.clone(),
        seed: arguments.seed,
        vocabulary_from: arguments.vocabulary_from.clone(),
        out: arguments.out.clone(),
    })?;
    let tokens = report.tokens.map_or(String::new(), |tokens| format!(", {tokens} tokens"));
    line(format_args!("{}: {} numbers{tokens}", arguments.out.display(), report.parameters));
    Ok(())
}
