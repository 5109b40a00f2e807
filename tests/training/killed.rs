//! A run that is killed again and again ends where an undisturbed one ends, bit for bit.

use std::{
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::studio::{Studio, program, succeed};

const KILLS: u32 = 50;
/// More than fifty lives of the process get through.
const STEPS: &str = "400";

#[test]
fn fifty_kills_change_nothing() {
    let studio = Studio::new();
    // Dropout, accumulation, grouping by length and a validation loss: everything that has a state.
    let plan = [
        "--max-steps",
        STEPS,
        "--batch",
        "2",
        "--accumulation",
        "1",
        "--save-every",
        "3",
        "--workers",
        "1",
        "--validation-fraction",
        "0.2",
        "--evaluate-every",
        "50",
    ];
    succeed(&mut studio.train("finetune-lora", "whole", &plan));
    let (mut kills, mut random) = (0, 0x2545_f491_4f6c_dd1d_u64);
    let began = Instant::now();
    while kills < KILLS {
        // A life may end before the run has begun.
        let begun = studio.path("killed/plan.toml").is_file();
        let mut command =
            if begun { resume(&studio) } else { studio.train("finetune-lora", "killed", &plan) };
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Xorshift: moments at random, the same ones each time the test runs.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        sleep(Duration::from_millis(20 + random % 400));
        if child.try_wait().unwrap().is_some() {
            assert!(kills >= 20, "the run was over after {kills} kills; it needs more steps");
            break;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        kills += 1;
    }
    succeed(&mut resume(&studio));
    println!("{kills} kills in {:.1} s", began.elapsed().as_secs_f64());
    assert!(studio.state("whole") == studio.state("killed"), "weights, moments or state differ");
    let losses = |run: &str| studio.metrics(run).iter().map(|line| line["loss"].clone()).collect::<Vec<_>>();
    assert_eq!(losses("whole"), losses("killed"), "metrics.jsonl has every step once");
}

fn resume(studio: &Studio) -> std::process::Command {
    let mut command = program();
    command.args(["train", "--device", "cpu", "--resume"]).arg(studio.path("killed"));
    command
}
