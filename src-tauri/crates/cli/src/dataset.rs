//! `eyewright dataset`: data sets that Eyewright makes itself, and scores on them.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};
use eyewright_app::{
    CancelToken, DeviceChoice, Dtype, ModelRequest,
    demo::{Content, DatasetConfig, Score, ScoreRequest, Split, Tally, contact_sheet, score, write_dataset},
    open_model,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    arguments::{AlphaArguments, PathArguments},
    print::line,
};

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Draw pictures of everyday things, with captions or questions, as LLaVA training data.
    Demo(DemoArguments),
    /// Let a model caption and answer on such pictures, and count what is right.
    Score(Box<ScoreArguments>),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitName {
    Train,
    Validation,
    HeldOut,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ContentName {
    /// A request and a caption per picture.
    Captions,
    /// Questions and answers.
    Questions,
    /// Every fourth row a caption, the others questions.
    Mixed,
    /// A caption and questions on every picture.
    Everything,
    /// Every picture told as a grid of words, patch by patch.
    Grid,
    /// Conversations about scenes in words; no pictures.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Pictures to draw.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    rows: u64,
    /// Other seeds, other pictures.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Held-out pictures have combinations of thing and colour that the other two never show.
    #[arg(long, value_enum, default_value = "train")]
    split: SplitName,
    /// What is said about the pictures.
    #[arg(long, value_enum, default_value = "mixed")]
    content: ContentName,
    /// Questions per picture.
    #[arg(long, value_name = "N", default_value_t = 4)]
    questions: usize,
    /// Side of the pictures in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 112)]
    side: u32,
    /// Also write a sheet with every thing in every colour to this PNG file.
    #[arg(long, value_name = "FILE")]
    contact_sheet: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    #[command(flatten)]
    paths: PathArguments,
    #[command(flatten)]
    alphas: AlphaArguments,
    /// A folder that `eyewright dataset demo` wrote.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Pictures to look at, from the first.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pictures: usize,
    /// Questions about each.
    #[arg(long, value_name = "N", default_value_t = 4)]
    questions: usize,
    /// Ask no captions.
    #[arg(long)]
    no_captions: bool,
    /// auto, cpu, cuda, cuda:N, vulkan, metal or wgpu.
    #[arg(long, value_name = "D", default_value = "auto", value_parser = |s: &str| s.parse::<DeviceChoice>())]
    device: DeviceChoice,
    /// auto, f32, f16 or bf16.
    #[arg(long, value_name = "T", default_value = "auto", value_parser = |s: &str| s.parse::<Dtype>())]
    dtype: Dtype,
    /// Print one JSON object with every answer.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &DatasetCommand) -> anyhow::Result<()> {
    match command {
        DatasetCommand::Demo(arguments) => demo(arguments),
        DatasetCommand::Score(arguments) => judge(arguments),
    }
}

fn bar(length: u64, what: &str) -> anyhow::Result<ProgressBar> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new(length) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template(&format!(
        "{what} {{bar:30}} {{pos}} of {{len}}, {{eta}} left"
    ))?);
    Ok(bar)
}

fn demo(arguments: &DemoArguments) -> anyhow::Result<()> {
    if let Some(file) = &arguments.contact_sheet {
        std::fs::write(file, contact_sheet(72).encode_png()?)?;
    }
    let config = DatasetConfig {
        out: arguments.out.clone(),
        rows: arguments.rows,
        seed: arguments.seed,
        split: match arguments.split {
            SplitName::Train => Split::Train,
            SplitName::Validation => Split::Validation,
            SplitName::HeldOut => Split::HeldOut,
        },
        content: match arguments.content {
            ContentName::Captions => Content::Captions,
            ContentName::Questions => Content::Questions,
            ContentName::Mixed => Content::Mixed,
            ContentName::Everything => Content::Everything,
            ContentName::Grid => Content::Grid,
            ContentName::Text => Content::Text,
        },
        questions: arguments.questions,
        side: arguments.side,
    };
    let bar = bar(config.rows, "drawing")?;
    let report = write_dataset(&config, &mut |done| {
        bar.set_position(done);
        true
    })?;
    bar.finish_and_clear();
    line(format_args!("{} rows: {}", report.rows, report.json.display()));
    if config.content != Content::Text {
        line(format_args!("pictures: {}", report.images.display()));
    }
    Ok(())
}

fn judge(arguments: &ScoreArguments) -> anyhow::Result<()> {
    let request = ModelRequest {
        paths: arguments.paths.paths(),
        device: arguments.device,
        dtype: arguments.dtype,
        alphas: arguments.alphas.alphas(),
        ..ModelRequest::default()
    };
    let open = open_model(&request, &mut |_, _| {})?;
    let request = ScoreRequest {
        data: arguments.data.clone(),
        pictures: arguments.pictures,
        questions: arguments.questions,
        captions: !arguments.no_captions,
    };
    let bar = bar(request.pictures as u64, "asking")?;
    let found = score(&open.model, &request, &CancelToken::default(), &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if arguments.json {
        line(format_args!("{}", serde_json::to_string_pretty(&found)?));
    } else {
        print(&found);
    }
    Ok(())
}

fn print(found: &Score) {
    let share = |name: &str, tally: &Tally| {
        line(format_args!("{name:<22} {:>5.1} %  ({} of {})", tally.percent(), tally.right, tally.all));
    };
    if found.caption_objects.all > 0 {
        share("caption objects", &found.caption_objects);
    }
    share("answers", &found.answers);
    for (language, tally) in &found.by_language {
        share(&format!("  {language}"), tally);
    }
    for (kind, tally) in &found.by_kind {
        share(&format!("  {kind:?}"), tally);
    }
    line(format_args!("answered with a caption: {} of {}", found.captions_instead, found.answers.all));
    for answered in found.captions.iter().take(3).chain(found.asked.iter().take(12)) {
        let mark = if answered.right { "right" } else { "wrong" };
        line(format_args!(
            "{mark}: {} -> {} (expected: {})",
            answered.question, answered.answer, answered.expected
        ));
    }
}
