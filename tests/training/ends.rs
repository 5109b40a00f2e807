//! Runs that end before their last step: asked to with Ctrl-C, or because nothing gets better.

use crate::studio::{Studio, succeed};

#[test]
fn a_run_that_no_longer_gets_better_stops_and_keeps_the_best() {
    let studio = Studio::new();
    let plan = [
        "--batch",
        "2",
        "--accumulation",
        "1",
        "--max-steps",
        "300",
        "--save-every",
        "100000",
        "--lr",
        "0.03",
        "--validation-fraction",
        "0.25",
        "--evaluate-every",
        "2",
        "--set",
        "early_stopping.patience=3",
    ];
    let said = succeed(&mut studio.train("finetune-full", "run", &plan));
    assert!(said.contains("stopped early"), "{said}");
    let events = std::fs::read_to_string(studio.path("run").join("events.jsonl")).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (seen, last): (Vec<_>, Vec<_>) = events
        .filter(|event| event["event"] == "validated" || event["event"] == "ended")
        .partition(|event| event["event"] == "validated");
    // What was measured decides, not what the run says of it.
    let losses: Vec<(u64, f64)> =
        seen.iter().map(|event| (event["step"].as_u64().unwrap(), event["loss"].as_f64().unwrap())).collect();
    let best = losses.iter().min_by(|one, other| one.1.total_cmp(&other.1)).unwrap();
    let stopped = losses.last().unwrap().0;
    assert!(best.0 > 0 && stopped < 300, "the example shows nothing: {losses:?}");
    assert_eq!(stopped, best.0 + 3 * 2, "{losses:?}");
    assert_eq!(last[0]["outcome"], "stopped_early");
    let kept = studio.path("run").join(format!("checkpoints/step-{:06}", best.0));
    assert!(kept.join("MANIFEST.json").is_file());
    assert_eq!(last[0]["checkpoint"].as_str().unwrap(), kept.to_str().unwrap());
}

#[cfg(unix)]
mod interrupted {
    use std::{
        process::{Child, Command, Stdio},
        thread::sleep,
        time::{Duration, Instant},
    };

    use crate::studio::{Studio, program, succeed};

    const LONG: &[&str] = &[
        "--batch",
        "2",
        "--accumulation",
        "1",
        "--max-steps",
        "400",
        "--save-every",
        "100000",
        "--workers",
        "1",
    ];

    /// Waits until a run has taken steps.
    fn training(studio: &Studio, run: &str, child: &mut Child) {
        let until = Instant::now() + Duration::from_secs(60);
        let metrics = studio.path(run).join("metrics.jsonl");
        while std::fs::read_to_string(&metrics).unwrap_or_default().lines().count() < 3 {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it was asked to");
            assert!(Instant::now() < until, "the run does not begin");
            sleep(Duration::from_millis(2));
        }
    }

    fn interrupt(child: &Child) {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    #[test]
    fn ctrl_c_saves_and_stops_and_the_run_goes_on_exactly() {
        let studio = Studio::new();
        succeed(&mut studio.train("finetune-lora", "whole", LONG));
        let mut command = studio.train("finetune-lora", "asked", LONG);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        training(&studio, "asked", &mut child);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = studio.last_event("asked");
        assert!(last["event"] == "ended" && last["outcome"] == "stopped", "{last} {said}");
        // No step was lost: the checkpoint is of the last step that the run wrote down.
        let steps = studio.metrics("asked").len() as u64;
        assert!(steps < 400 && last["step"] == steps, "{last}");
        assert!(studio.path("asked").join(format!("checkpoints/step-{steps:06}/MANIFEST.json")).is_file());
        succeed(program().args(["train", "--device", "cpu", "--resume"]).arg(studio.path("asked")));
        assert!(studio.state("whole") == studio.state("asked"), "stopping and going on changed something");
    }
}
