//! A run that is killed again and again ends where an undisturbed one ends, bit for bit.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::studio::{Studio, program, succeed};

const KILLS: u32 = 50;

/// Dropout, grouping by length, validation and early checkpoints: everything that has a state.
const PLAN: &[&str] = &[
    "--max-steps",
    "300",
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

#[test]
fn fifty_kills_change_nothing() {
    let studio = Studio::new();
    succeed(&mut studio.train("finetune-lora", "whole", PLAN));
    let (mut kills, mut runs, mut random) = (0, 0, 0x2545_f491_4f6c_dd1d_u64);
    let began = Instant::now();
    // A machine that is fast gets through a run between two kills; it starts another one then.
    while kills < KILLS {
        let run = format!("killed{runs}");
        while kills < KILLS {
            let mut child =
                next_life(&studio, &run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
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
        succeed(&mut next_life(&studio, &run));
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
fn next_life(studio: &Studio, run: &str) -> Command {
    if !studio.path(run).join("plan.toml").is_file() {
        return studio.train("finetune-lora", run, PLAN);
    }
    let mut command = program();
    command.args(["train", "--device", "cpu", "--resume"]).arg(studio.path(run));
    command
}
