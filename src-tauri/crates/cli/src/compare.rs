//! `eyewright compare`: the same pictures and questions before and after, side by side.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use eyewright_app::{
    CancelToken, DeviceChoice, Dtype, ModelRequest, StackPaths,
    compare::{CompareRequest, Comparison, compare, html},
};
use indicatif::ProgressBar;

use crate::{arguments::AlphaArguments, leave, print};

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// One model: a run, a checkpoint, a complete model; or a projector or adapter folder or .pth, with --llm.
    #[arg(long, value_name = "PATH")]
    a: PathBuf,
    /// The other model.
    #[arg(long, value_name = "PATH")]
    b: PathBuf,
    /// Questions with expected answers, in LLaVA's JSON or JSONL form.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where picture names start from [default: the folder of the data].
    #[arg(long, value_name = "DIR", visible_alias = "images")]
    image_folder: Option<PathBuf>,
    /// The language model of paths that are no complete model.
    #[arg(long, value_name = "DIR")]
    llm: Option<PathBuf>,
    /// The tower of paths that are no complete model.
    #[arg(long, value_name = "DIR", visible_alias = "tower")]
    visual_encoder: Option<PathBuf>,
    #[command(flatten)]
    alphas: AlphaArguments,
    /// Chat template [default: the model's].
    #[arg(long, value_name = "NAME")]
    prompt_template: Option<String>,
    /// Questions that are asked, at most.
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    /// Longest answer in tokens.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_new_tokens: usize,
    /// Write a report with thumbnails to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// auto, cpu, cuda, cuda:N, vulkan, metal or wgpu.
    #[arg(long, value_name = "D", default_value = "auto", value_parser = |s: &str| s.parse::<DeviceChoice>())]
    device: DeviceChoice,
    /// auto, f32, f16 or bf16.
    #[arg(long, value_name = "T", default_value = "auto", value_parser = |s: &str| s.parse::<Dtype>())]
    dtype: Dtype,
}

/// Questions that are printed; all are in the report.
const SHOWN: usize = 20;

pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<()> {
    let request = CompareRequest {
        a: model(arguments, &arguments.a),
        b: model(arguments, &arguments.b),
        data: arguments.data.clone(),
        image_folder: arguments.image_folder.clone(),
        limit: arguments.limit,
        max_new_tokens: arguments.max_new_tokens,
    };
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    leave::on_ctrl_c(move || stop.cancel())?;
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let comparison = compare(&request, &cancel, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let comparison = comparison?;
    if let Some(file) = &arguments.html {
        std::fs::write(file, html(&comparison))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    if arguments.json {
        print::line(format_args!("{}", serde_json::to_string_pretty(&comparison)?));
    } else {
        show(&comparison, arguments.html.as_deref());
    }
    Ok(())
}

fn model(arguments: &CompareArguments, path: &Path) -> ModelRequest {
    let paths = match &arguments.llm {
        // With a language model given, the path is what is put on top of it, unless it is one itself or a run.
        Some(llm) if !path.join("config.json").is_file() && !path.join("plan.toml").is_file() => StackPaths {
            model: llm.clone(),
            visual_encoder: arguments.visual_encoder.clone(),
            llava: Some(path.to_owned()),
            ..StackPaths::default()
        },
        _ => StackPaths { model: path.to_owned(), ..StackPaths::default() },
    };
    ModelRequest {
        paths,
        device: arguments.device,
        dtype: arguments.dtype,
        alphas: arguments.alphas.alphas(),
        template: arguments.prompt_template.clone(),
        ..ModelRequest::default()
    }
}

fn show(comparison: &Comparison, report: Option<&Path>) {
    for row in comparison.rows.iter().take(SHOWN) {
        print::line(format_args!("row {}: {}", row.row, row.question));
        print::line(format_args!("  expected  {}", row.expected));
        print::line(format_args!("  a         {}", row.a.text));
        print::line(format_args!("  b         {}", row.b.text));
    }
    if comparison.rows.len() > SHOWN {
        print::line(format_args!("… and {} more", comparison.rows.len() - SHOWN));
    }
    print::line(format_args!(
        "\n{:40} {:>8} {:>9} {:>9}",
        format!("{} questions", comparison.rows.len()),
        "exact",
        "contains",
        "token F1"
    ));
    for (letter, (name, means)) in ["a", "b"].iter().zip(comparison.names.iter().zip(comparison.means)) {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        print::line(format_args!(
            "{:40} {:>8} {:>9} {:>9}",
            format!("{letter}  {name}"),
            percent(means.exact),
            percent(means.contains),
            percent(means.f1)
        ));
    }
    for reason in comparison.left_out.iter().take(5) {
        print::line(format_args!("left out: {reason}"));
    }
    if let Some(file) = report {
        print::line(format_args!("report: {}", file.display()));
    }
}
