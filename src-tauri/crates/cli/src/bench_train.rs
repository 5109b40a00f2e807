//! `eyewright bench train`: how fast a recipe trains here, with random weights.

use clap::Args;
use eyewright_app::{
    DeviceChoice,
    training::{BenchReport, BenchRequest, bench_train, resolve_plan},
};

use crate::{plan_arguments::PlanArguments, print};

#[derive(Debug, Args)]
pub(crate) struct BenchTrainArguments {
    #[command(flatten)]
    plan: PlanArguments,
    /// Positions of each row, its picture's patches among them.
    #[arg(long, value_name = "N", default_value_t = 768)]
    sequence: usize,
    /// Steps that are measured after the first one.
    #[arg(long, value_name = "N", default_value_t = 10)]
    steps: usize,
    /// auto, cpu, cuda, cuda:N, vulkan, metal or wgpu.
    #[arg(long, value_name = "D", default_value = "auto", value_parser = |s: &str| s.parse::<DeviceChoice>())]
    device: DeviceChoice,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &BenchTrainArguments) -> anyhow::Result<()> {
    let mut request = arguments.plan.request.clone();
    // Random rows are made here; a plan wants a file all the same.
    request.overrides.set("data.json", "random rows")?;
    let plan = resolve_plan(&request)?;
    let (sequence, steps, device) = (arguments.sequence, arguments.steps, arguments.device);
    let report =
        bench_train(&BenchRequest { plan, sequence, steps, device }, &mut |line| eprintln!("{line}"))?;
    if arguments.json {
        print::line(format_args!("{}", serde_json::to_string_pretty(&report)?));
    } else {
        show(&report);
    }
    Ok(())
}

fn show(report: &BenchReport) {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let preset = if report.preset.is_empty() { "the model's folders" } else { &report.preset };
    print::line(format_args!(
        "{preset}, {}, {} on {} ({})",
        report.recipe, report.dtype, report.device, report.device_name
    ));
    print::line(format_args!(
        "batch {} × {}, {} positions a row, {} trained numbers",
        report.batch, report.accumulation, report.sequence, report.trained
    ));
    print::line(format_args!(
        "step {:.1} ms ({:.1} to {:.1}), the first one {:.0} ms",
        report.step_ms, report.fastest_ms, report.slowest_ms, report.cold_step_ms
    ));
    print::line(format_args!(
        "{:.0} tokens/s, {:.2} rows/s",
        report.tokens_per_second, report.samples_per_second
    ));
    print::line(format_args!(
        "peak memory {:.2} GiB, forecast {:.2} GiB; until the end of the first step {:.2} GiB",
        gib(report.peak_memory),
        gib(report.forecast_memory),
        gib(report.first_peak_memory)
    ));
    print::line(format_args!(
        "of a step: tower {:.1} ms, language model forward {:.1} ms, way back and update {:.1} ms",
        report.parts.tower_forward, report.parts.llm_forward, report.parts.backward_and_update
    ));
}
