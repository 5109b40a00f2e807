//! Fifty steps in each way of training, against PyTorch, PEFT and bitsandbytes' arithmetic.

use eyewright_model::weights::Checkpoint;
use eyewright_train::{
    optimiser::AdamWConfig,
    step::{Rates, TrainerConfig},
};

use crate::tiny::{batches, distance, floats, golden, has_gradient, setup, trainer, weights};

/// The issue asks for 1e-3; f32 on both sides leaves this much after fifty steps.
const TOLERANCE: f64 = 2e-5;

fn check(mode: &str) {
    let (setup, batches) = (setup(), batches());
    let run = &setup["runs"][mode];
    let numbers =
        |key: &str| run[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let adamw = AdamWConfig { weight_decay: run["decay"].as_f64().unwrap(), ..AdamWConfig::default() };
    let mut trainer = trainer(mode, TrainerConfig { adamw, ..TrainerConfig::default() });
    let (losses, norms) = (numbers("losses"), numbers("norms"));
    let (mut worst_loss, mut worst_norm) = (0.0_f64, 0.0_f64);
    for (step, rate) in numbers("rates").into_iter().enumerate() {
        let pair = [0, 1].map(|i| batches[(2 * step + i) % batches.len()].clone());
        let report = trainer.step(&pair, Rates::all(rate)).unwrap();
        assert_eq!(report.skipped, None);
        worst_loss = worst_loss.max((report.loss / losses[step] - 1.0).abs());
        worst_norm = worst_norm.max((report.grad_norm / norms[step] - 1.0).abs());
    }
    println!("{mode}: losses within {worst_loss:.1e}, gradient norms within {worst_norm:.1e}");
    assert!(worst_loss < TOLERANCE && worst_norm < 10.0 * TOLERANCE, "{mode}: {worst_loss:e} {worst_norm:e}");
    if mode == "full_tied" {
        return; // its losses say enough
    }
    let finals = Checkpoint::open(&golden(&format!("trained_{mode}.safetensors"))).unwrap();
    let weights = weights(&mut trainer);
    assert!(weights.keys().map(String::as_str).eq(finals.names()), "{mode}: {:?}", weights.keys());
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (name, values) in weights.iter().filter(|(name, _)| has_gradient(name)) {
        let (golden, _) = floats(&finals, name);
        let apart = distance(values, &golden);
        assert!(apart < 10.0 * TOLERANCE, "{mode}: {name} is {apart:e} away");
        found.extend(values);
        expected.extend(golden);
    }
    let apart = distance(&found, &expected);
    println!("{mode}: final weights within {apart:.1e} of their norm");
    assert!(apart < TOLERANCE, "{mode}: {apart:e}");
}

#[test]
fn projector_alone() {
    check("projector");
}

#[test]
fn lora() {
    check("lora");
}

#[test]
fn qlora() {
    check("qlora");
}

#[test]
fn full() {
    check("full");
}

#[test]
fn full_with_a_tied_head() {
    check("full_tied");
}
