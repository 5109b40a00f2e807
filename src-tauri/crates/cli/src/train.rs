//! `eyewright train`: start a run, or go on with one.

use std::path::{Path, PathBuf};

use clap::Args;
use eyewright_app::{
    DeviceChoice,
    training::{
        Outcome, RunControl, RunSummary, Start, TrainRequest, default_run_folder, plan_of_run, resolve_plan,
        train,
    },
};

use crate::{leave, plan_arguments::PlanArguments, print, run_view::RunView};

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    #[command(flatten)]
    plan: PlanArguments,
    /// The run's folder [default: runs/RECIPE-NNN].
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Go on with a run, exactly where its newest checkpoint is.
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// auto, cpu, cuda, cuda:N, vulkan, metal or wgpu.
    #[arg(long, value_name = "D", default_value = "auto", value_parser = |s: &str| s.parse::<DeviceChoice>())]
    device: DeviceChoice,
    /// Print every event as a line of JSON instead.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &TrainArguments) -> anyhow::Result<()> {
    let request = request(arguments)?;
    let control = RunControl::default();
    let stopping = control.clone();
    // Checkpoints are whole at any moment, so leaving at once loses no more than the steps since the last one.
    leave::on_ctrl_c(move || {
        stopping.stop();
        eprintln!("\nstopping after this step; its checkpoint is saved. Ctrl-C again leaves at once");
    })?;
    if !arguments.json {
        eprintln!("run: {}", request.folder.display());
    }
    let mut view = RunView::new(arguments.json, &request.plan);
    let summary = train(&request, &control, &mut |event| view.show(&event));
    view.finish();
    report(&summary?, &request.folder, arguments.json);
    Ok(())
}

fn request(arguments: &TrainArguments) -> anyhow::Result<TrainRequest> {
    let device = arguments.device;
    if let Some(folder) = &arguments.resume {
        let wishes = &arguments.plan.request.overrides;
        let plan = plan_of_run(folder, wishes)?;
        return Ok(TrainRequest { plan, folder: folder.clone(), start: Start::Resume, device });
    }
    let plan = resolve_plan(&arguments.plan.request)?.plan;
    let folder = arguments.out.clone().unwrap_or_else(|| default_run_folder(plan.recipe()));
    Ok(TrainRequest { plan, folder, start: Start::Fresh, device })
}

fn report(summary: &RunSummary, folder: &Path, json: bool) {
    if json {
        return;
    }
    let folder = folder.display();
    let loss = summary.loss.map_or(String::new(), |loss| format!(", loss {loss:.4}"));
    let (step, steps, seconds) = (summary.step, summary.steps, summary.seconds);
    match summary.outcome {
        Outcome::Finished => print::line(format_args!("finished {step} steps in {seconds:.1} s{loss}")),
        Outcome::StoppedEarly => print::line(format_args!(
            "stopped early at step {step} of {steps}{loss}: the validation loss no longer falls"
        )),
        Outcome::Stopped => print::line(format_args!(
            "stopped at step {step} of {steps}{loss}; go on with: eyewright train --resume {folder}"
        )),
        Outcome::StoppedNow => {
            print::line(format_args!("stopped; go on with: eyewright train --resume {folder}"))
        }
    }
    if let Some((step, loss)) = summary.best {
        print::line(format_args!("lowest validation loss: {loss:.4} at step {step}"));
    }
    if summary.skipped > 0 {
        print::line(format_args!("{} steps gave no number and changed nothing", summary.skipped));
    }
    if let Some(checkpoint) = &summary.checkpoint {
        print::line(format_args!(
            "checkpoint: {}\nask it: eyewright chat {folder} --image PICTURE",
            checkpoint.display()
        ));
    }
}
