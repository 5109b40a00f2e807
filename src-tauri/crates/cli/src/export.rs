//! `eyewright export` and `eyewright convert`: a model in someone else's form.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use anyhow::bail;
use clap::{ArgGroup, Args};
use eyewright_app::{
    DeviceChoice, StackPaths,
    export::{Alphas, ExportReport, ExportRequest, ExportSettings, Format, export},
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::AlphaArguments;

/// How and where it is written.
#[derive(Debug, Args)]
pub(crate) struct TargetArguments {
    /// xtuner, peft, llava-hf, llava, gguf or eyewright.
    #[arg(long = "to", value_name = "FORMAT", value_parser = |s: &str| s.parse::<Format>())]
    format: Format,
    /// A new folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// f32, f16 or bf16; for gguf also q8_0, q4_0 and q4_k_m [default: as stored; f16 for gguf].
    #[arg(long, value_name = "T")]
    dtype: Option<String>,
    /// Largest file of tensors, in MB.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    max_shard_size: u64,
    /// peft: one adapter on the whole llava-hf model, with the projector in modules_to_save.
    #[arg(long)]
    with_projector: bool,
    /// Add adapters to the weights; this is what llava-hf, llava and gguf do anyway.
    #[arg(long)]
    merge: bool,
    /// llava: leave adapters beside the language model.
    #[arg(long, conflicts_with = "merge")]
    keep_adapters: bool,
    /// Do not read back and compare what was written.
    #[arg(long)]
    no_verify: bool,
    /// Where the answers of the source and of what was written are computed and compared, in 32 bits: auto, cpu,
    /// cuda, cuda:N, vulkan, metal or wgpu. A card without room for that is passed over.
    #[arg(long, value_name = "D", default_value = "auto", value_parser = |s: &str| s.parse::<DeviceChoice>())]
    device: DeviceChoice,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true))]
pub(crate) struct ExportArguments {
    /// A run; its newest checkpoint is taken.
    #[arg(long, value_name = "DIR", group = "source")]
    run: Option<PathBuf>,
    /// One checkpoint of a run.
    #[arg(long, value_name = "DIR", group = "source")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// A llava-hf or LLaVA folder, a run; or, with --base, an XTuner folder, a .pth, a PEFT or projector folder.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Folder of the language model that IN belongs to.
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// Folder of the vision tower that IN belongs to.
    #[arg(long, value_name = "DIR", requires = "base")]
    visual_encoder: Option<PathBuf>,
    /// Hidden state of the tower that is read [default: the model's, -2].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    visual_select_layer: Option<i64>,
    #[command(flatten)]
    alphas: AlphaArguments,
    #[command(flatten)]
    target: TargetArguments,
}

pub(crate) fn run_export(arguments: &ExportArguments) -> anyhow::Result<()> {
    let Some(model) = arguments.run.as_ref().or(arguments.checkpoint.as_ref()) else {
        bail!("give --run or --checkpoint");
    };
    let paths = StackPaths { model: model.clone(), ..StackPaths::default() };
    if paths.resolved()?.1.is_none() {
        bail!("`{}` is neither a run nor a checkpoint of one; use `eyewright convert`", model.display());
    }
    write(paths, Alphas::default(), &arguments.target)
}

pub(crate) fn run_convert(arguments: &ConvertArguments) -> anyhow::Result<()> {
    let paths = match &arguments.base {
        Some(base) => StackPaths {
            model: base.clone(),
            visual_encoder: arguments.visual_encoder.clone(),
            llava: Some(arguments.input.clone()),
            visual_select_layer: arguments.visual_select_layer,
        },
        None => StackPaths {
            model: arguments.input.clone(),
            visual_select_layer: arguments.visual_select_layer,
            ..StackPaths::default()
        },
    };
    if arguments.base.is_none()
        && !arguments.input.join("config.json").is_file()
        && paths.resolved()?.1.is_none()
    {
        bail!(
            "`{}` is not a whole model; name the language model it belongs to with `--base DIR`, and the tower with \
             `--visual-encoder DIR`",
            arguments.input.display()
        );
    }
    write(paths, arguments.alphas.alphas(), &arguments.target)
}

fn write(paths: StackPaths, alphas: Alphas, target: &TargetArguments) -> anyhow::Result<()> {
    let request = ExportRequest {
        paths,
        format: target.format,
        folder: target.out.clone(),
        settings: settings(target)?,
        alphas,
        verify: !target.no_verify,
        device: target.device,
    };
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} {bytes}, {elapsed}")?);
    let mut phase = "";
    let report = export(&request, &mut |what, bytes| {
        if phase != what {
            phase = what;
            bar.set_message(what);
            bar.set_position(0);
        }
        bar.inc(bytes);
    })?;
    bar.finish_and_clear();
    print(&report, target.json)
}

fn settings(target: &TargetArguments) -> anyhow::Result<ExportSettings> {
    let settings = ExportSettings {
        shard: target.max_shard_size.max(1) * 1_000_000,
        with_projector: target.with_projector,
        keep_adapters: target.keep_adapters,
        ..ExportSettings::default()
    };
    Ok(match &target.dtype {
        Some(name) => settings.with_dtype(target.format, name)?,
        None => settings,
    })
}

fn print(report: &ExportReport, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
        return Ok(());
    }
    println!("{} in {}", report.format, report.folder.display());
    for (name, bytes) in &report.files {
        println!("  {name} ({bytes} bytes)");
    }
    for check in &report.checks {
        println!("checked {}: {}", check.what, check.result);
    }
    if !report.verified {
        println!("not checked (--no-verify)");
    }
    for line in &report.assumed {
        println!("assumed, because the .pth does not say it: {line}");
    }
    println!("\n{}", report.snippet.trim_end());
    Ok(())
}
