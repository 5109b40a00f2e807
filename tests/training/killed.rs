//! A run that is killed again and again ends where an undisturbed one ends, bit for bit.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::studio::{Studio, program, succeed};

/// Dropout, grouping by length, validation and early checkpoints: everything that has a state.
const PLAN: &[&str] = &[
    "--max-steps",
    "300",
    "--batch",
    "2",
    "--save-every",
    "3",
    "--workers",
    "1",
    "--validation-fraction",
    "0.2",
    "--evaluate-every",
    "50",
];

#[test]
fn fifty_kills_change_nothing() {
    kill(50, "finetune-lora", &["--accumulation", "1"]);
}

/// A 4-bit base, and steps that are cut off between two of their batches.
#[test]
fn kills_change_nothing_with_a_4_bit_base_and_accumulation() {
    kill(15, "finetune-qlora", &["--accumulation", "2"]);
}

/// In f16 the loss scale is a state too.
#[test]
fn kills_change_nothing_in_f16() {
    kill(15, "finetune-lora", &["--accumulation", "1", "--set", "model.precision=f16"]);
}

/// Kills a run at random moments, `times` in all, and compares it with one that nobody disturbed.
fn kill(times: u32, recipe: &str, choices: &[&str]) {
    let studio = Studio::new();
    let plan = [PLAN, choices].concat();
    succeed(&mut studio.train(recipe, "whole", &plan));
    let next_life = |run: &str| next_life(&studio, recipe, run, &plan);
    let (mut kills, mut runs, mut random) = (0, 0, 0x2545_f491_4f6c_dd1d_u64);
    let began = Instant::now();
    // A machine that is fast gets through a run between two kills; it starts another one then.
    while kills < times {
        let run = format!("killed{runs}");
        while kills < times {
            let mut child = next_life(&run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            // Xorshift: moments at random, the same ones each time the test runs.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            sleep(Duration::from_millis(10 + random % 190));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "a life ended by itself: {status}");
                break;
            }
            child.kill().unwrap(); // SIGKILL
            child.wait().unwrap();
            kills += 1;
        }
        succeed(&mut next_life(&run));
        assert!(
            studio.state("whole") == studio.state(&run),
            "weights, moments or state differ after {kills} kills"
        );
        let losses =
            |run: &str| studio.metrics(run).iter().map(|line| line["loss"].clone()).collect::<Vec<_>>();
        assert_eq!(losses("whole"), losses(&run), "metrics.jsonl has every step once");
        runs += 1;
    }
    println!("{kills} kills in {runs} runs, {:.1} s", began.elapsed().as_secs_f64());
}

/// Goes on, or begins where an earlier life ended before it had begun.
fn next_life(studio: &Studio, recipe: &str, run: &str, plan: &[&str]) -> Command {
    if !studio.path(run).join("plan.toml").is_file() {
        return studio.train(recipe, run, plan);
    }
    let mut command = program();
    command.args(["train", "--device", "cpu", "--resume"]).arg(studio.path(run));
    command
}
