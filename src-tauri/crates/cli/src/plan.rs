//! `eyewright plan`: everything a run would do, and what it would cost, without doing it.

use clap::Args;
use eyewright_app::training::{MemoryForecast, PartMemory, Platform, ResolvedPlan, resolve_plan};

use crate::{plan_arguments::PlanArguments, print};

#[derive(Debug, Args)]
pub(crate) struct ShowPlanArguments {
    #[command(flatten)]
    plan: PlanArguments,
    /// What will compute: cpu, cuda or wgpu; memory depends on it.
    #[arg(long, value_name = "D", default_value = "cpu", value_parser = ["cpu", "cuda", "wgpu"])]
    device: String,
    /// Rows of the data, to count steps without reading it.
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// Print the plan as TOML, as `--config` takes it.
    #[arg(long, conflicts_with = "json")]
    toml: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &ShowPlanArguments) -> anyhow::Result<()> {
    let mut request = arguments.plan.request.clone();
    // A plan may be looked at before there is data.
    if request.overrides.settings().get("data.json").is_none() && request.config.is_none() {
        request.overrides.set("data.json", "data.json")?;
    }
    let resolved = resolve_plan(&request)?;
    let platform = match arguments.device.as_str() {
        "cuda" => Platform::Cuda,
        "wgpu" => Platform::Wgpu,
        _ => Platform::Cpu,
    };
    let memory = resolved.memory(platform);
    if arguments.toml {
        print::show(format_args!("{}", resolved.plan.to_toml()));
    } else if arguments.json {
        print::line(format_args!(
            "{}",
            serde_json::to_string_pretty(&as_json(&resolved, &memory, arguments.rows))?
        ));
    } else {
        print_plan(&resolved, &memory, arguments);
    }
    Ok(())
}

fn print_plan(resolved: &ResolvedPlan, memory: &MemoryForecast, arguments: &ShowPlanArguments) {
    let plan = &resolved.plan;
    print::line(format_args!("{}\n", resolved.recipe.summary));
    for row in plan.rows() {
        let value = row.value.to_string();
        print::line(format_args!("{:34} {value:28} {}", row.field.key, row.source));
    }
    let parameters = resolved.parameters();
    print::line(format_args!("\ntrained numbers"));
    for (name, part) in
        [("language model", parameters.llm), ("tower", parameters.tower), ("projector", parameters.projector)]
    {
        print::line(format_args!(
            "  {name:16} {:>15} beside or among {}",
            grouped(part.trained),
            grouped(part.all)
        ));
    }
    print::line(format_args!("  {:16} {:>15}", "together", grouped(parameters.trained())));
    if let Some(rows) = arguments.rows {
        let length = plan.train.run_length(rows);
        print::line(format_args!(
            "\n{} steps of {} rows",
            length.steps,
            plan.train.batch * plan.train.accumulation
        ));
    }
    print::line(format_args!(
        "\nmemory on {} for the longest row, in MiB, at its most: when {}",
        arguments.device,
        memory.moment.about()
    ));
    print::line(format_args!(
        "  {:16} {:>9} {:>9} {:>9} {:>11} {:>9}",
        "", "weights", "moments", "gradients", "activations", "together"
    ));
    for (name, part) in
        [("language model", memory.llm), ("tower", memory.tower), ("projector", memory.projector)]
    {
        let PartMemory { weights, optimiser, gradients, activations } = part;
        let cells = [weights, optimiser, gradients, activations, part.total()].map(mib);
        print::line(format_args!(
            "  {name:16} {:>9} {:>9} {:>9} {:>11} {:>9}",
            cells[0], cells[1], cells[2], cells[3], cells[4]
        ));
    }
    print::line(format_args!("  {:16} {:>51}", "logits", mib(memory.logits)));
    print::line(format_args!("  {:16} {:>51}", "everything else", mib(memory.workspace)));
    print::line(format_args!("  {:16} {:>51}", "peak", mib(memory.total())));
    print::line(format_args!("\n{}", plan.to_command()));
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// `1889110016` as `1,889,110,016`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn as_json(resolved: &ResolvedPlan, memory: &MemoryForecast, rows: Option<u64>) -> serde_json::Value {
    let plan = &resolved.plan;
    let values = plan.rows().map(|row| {
        let value = serde_json::json!({
            "key": row.field.key, "value": row.value.to_string(), "source": row.source.to_string(),
            "advice": resolved.recipe.advice(row.field),
        });
        value
    });
    let part = |part: PartMemory| {
        serde_json::json!({
            "weights": part.weights, "optimiser": part.optimiser, "gradients": part.gradients,
            "activations": part.activations, "total": part.total(),
        })
    };
    let parameters = resolved.parameters();
    serde_json::json!({
        "preset": plan.preset(), "recipe": plan.recipe(), "values": values.collect::<Vec<_>>(),
        "command": plan.to_command(),
        "trained": {
            "llm": parameters.llm.trained, "tower": parameters.tower.trained,
            "projector": parameters.projector.trained, "total": parameters.trained(),
        },
        "steps": rows.map(|rows| plan.train.run_length(rows).steps),
        "memory": {
            "llm": part(memory.llm), "tower": part(memory.tower), "projector": part(memory.projector),
            "logits": memory.logits, "workspace": memory.workspace, "total": memory.total(),
        },
    })
}
