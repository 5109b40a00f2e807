//! `eyewright bench`: how fast is it here? One JSON object on standard output.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eyewright_app::{ChatBench, bench_chat};

use crate::{
    chat::{self, ModelArguments, positive},
    print,
};

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure loading, seeing, reading the prompt and writing.
    Chat(Box<ChatBenchArguments>),
    /// Measure training steps of a recipe, with random weights.
    Train(Box<crate::bench_train::BenchTrainArguments>),
}

#[derive(Debug, Args)]
pub(crate) struct ChatBenchArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// A picture shown with the question; may be given several times.
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
    /// The question.
    #[arg(long, value_name = "TEXT", default_value = "Describe this picture in detail.")]
    prompt: String,
    /// Tokens written per run.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = positive)]
    new_tokens: usize,
    /// Questions asked before anything is measured: kernels are compiled and tuned then.
    #[arg(long, value_name = "N", default_value_t = 2)]
    warm_up: usize,
    /// Questions measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = positive)]
    runs: usize,
}

pub(crate) fn run(command: &BenchCommand) -> anyhow::Result<()> {
    match command {
        BenchCommand::Chat(arguments) => chat(arguments),
        BenchCommand::Train(arguments) => crate::bench_train::run(arguments),
    }
}

fn chat(arguments: &ChatBenchArguments) -> anyhow::Result<()> {
    let bench = ChatBench {
        model: arguments.model.request(),
        pictures: chat::pictures(&arguments.image)?,
        question: arguments.prompt.clone(),
        new_tokens: arguments.new_tokens,
        warm_up: arguments.warm_up,
        runs: arguments.runs,
    };
    let bar = chat::loading_bar()?;
    let report = bench_chat(&bench, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    print::line(serde_json::to_string_pretty(&report)?);
    Ok(())
}
