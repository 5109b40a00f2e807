//! What must hold between two ways of training, whatever the numbers are.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor};
use eyewright_model::{LoraConfig, LoraTargets, Tune, TuneError, llava::Llava, quant::Precision};
use eyewright_train::{
    optimiser::AdamWConfig,
    step::{
        BatchError, MicroBatch, Pictures, Rates, Skipped, StepError, Trainer, TrainerConfig, each_trainable,
    },
};

use crate::tiny::{Build, batches, distance, has_gradient, model, trainer, tune, tuned, weights};

const MODES: [&str; 6] = ["projector", "lora", "lora_head", "qlora", "full", "full_tied"];

/// Weights after two steps.
fn two_steps(mut trainer: Trainer, batches: &[MicroBatch]) -> BTreeMap<String, Vec<f32>> {
    for pair in batches.chunks(2).take(2) {
        assert_eq!(trainer.step(pair, Rates::all(1e-3)).unwrap().skipped, None);
    }
    weights(&mut trainer)
}

fn furthest(a: &BTreeMap<String, Vec<f32>>, b: &BTreeMap<String, Vec<f32>>) -> f64 {
    assert!(a.keys().eq(b.keys()));
    let named = a.iter().filter(|(name, _)| has_gradient(name));
    named.map(|(name, values)| distance(values, &b[name])).fold(0.0, f64::max)
}

#[test]
fn checkpointing_changes_nothing() {
    // AdamW divides by a gradient's size: without a floor it would show the rounding of those that are almost 0.
    let adamw = AdamWConfig { eps: 1e-3, ..AdamWConfig::default() };
    for mode in MODES {
        let [with, without] = [true, false].map(|checkpointing| {
            let config = TrainerConfig { checkpointing, adamw, ..Default::default() };
            let trainer = Trainer::new(tuned(mode, 0.25), config);
            two_steps(trainer, &batches())
        });
        let apart = furthest(&with, &without);
        println!("{mode}: {apart:.1e}");
        // Sums of f32 in another order: 2e-6 was seen on the smallest adapters.
        assert!(apart <= 1e-5, "{mode}: {apart:e}");
    }
}

#[test]
fn chunks_of_logits_change_nothing() {
    for mode in ["lora_head", "full_tied"] {
        let [few, all] = [3 * 96, 1 << 25].map(|logits_at_a_time| {
            two_steps(trainer(mode, TrainerConfig { logits_at_a_time, ..Default::default() }), &batches())
        });
        assert!(furthest(&few, &all) < 1e-5, "{mode}");
    }
}

/// Two micro-batches as one: pictures of the second are counted on.
fn joined(first: &MicroBatch, second: &MicroBatch) -> MicroBatch {
    let mut whole = first.clone();
    let offset = first.pictures.count();
    for row in &second.rows {
        let mut row = row.clone();
        for segment in &mut row.segments {
            if let eyewright_model::llava::Segment::Image(image) = segment {
                *image += offset;
            }
        }
        whole.rows.push(row);
    }
    let pixels = |batch: &MicroBatch| match &batch.pictures {
        Pictures::Pixels(pixels) => pixels.clone(),
        _ => Vec::new(),
    };
    whole.pictures = Pictures::Pixels([pixels(first), pixels(second)].concat());
    whole
}

#[test]
fn accumulation_is_the_large_batch() {
    let batches = batches();
    for mode in MODES {
        let mut parts = trainer(mode, TrainerConfig::default());
        let mut whole = trainer(mode, TrainerConfig::default());
        for pair in batches.chunks(2) {
            let apart = parts.step(pair, Rates::all(1e-3)).unwrap();
            let together = whole.step(&[joined(&pair[0], &pair[1])], Rates::all(1e-3)).unwrap();
            assert!((apart.loss / together.loss - 1.0).abs() < 1e-6, "{mode}");
            assert!((apart.grad_norm / together.grad_norm - 1.0).abs() < 1e-5, "{mode}");
            assert_eq!(apart.supervised_tokens, together.supervised_tokens);
            assert_eq!(apart.tokens, together.tokens);
        }
        assert!(furthest(&weights(&mut parts), &weights(&mut whole)) < 1e-4, "{mode}");
    }
}

/// The bits of everything a model computes with, through its outputs.
fn outputs(model: &Llava, batches: &[MicroBatch]) -> Vec<u32> {
    let eye = model.eye.as_ref().unwrap();
    let Pictures::Pixels(pixels) = &batches[0].pictures else { panic!("the first batch has pictures") };
    let features = eye.encode(&pixels[0], DType::F32, &Device::flex());
    let tower = eye.tower.forward(Tensor::ones([1, 3, 28, 28], &Device::flex()));
    let logits = model.logits(&[batches[1].rows[0].segments.clone()], None);
    let logits = logits.map_err(|_| ()).unwrap_or_else(|()| model.logits(&[vec![text()]], None).unwrap()).0;
    [features, tower, logits]
        .into_iter()
        .flat_map(|x| x.into_data().iter::<f32>().collect::<Vec<_>>())
        .map(f32::to_bits)
        .collect()
}

fn text() -> eyewright_model::llava::Segment {
    eyewright_model::llava::Segment::Text((0..20).collect())
}

#[test]
fn frozen_parts_stay_bit_for_bit() {
    let batches = batches();
    let pixels = Tensor::<4>::ones([1, 3, 28, 28], &Device::flex());
    let bits = |x: Tensor<3>| x.into_data().iter::<f32>().map(f32::to_bits).collect::<Vec<_>>();
    let of = |model: &Llava| {
        let tower = bits(model.eye.as_ref().unwrap().tower.forward(pixels.clone()));
        (tower, bits(model.logits(&[vec![text()]], None).unwrap().0))
    };
    for mode in ["projector", "lora", "qlora"] {
        let before = tuned(mode, 0.0);
        let seen = of(&before); // new adapters change nothing yet
        let mut trainer = Trainer::new(before, TrainerConfig::default());
        let start = outputs(trainer.model(), &batches);
        for pair in batches.chunks(2) {
            trainer.step(pair, Rates::all(1e-3)).unwrap();
        }
        assert_ne!(start, outputs(trainer.model(), &batches), "{mode}: something has been learned");
        let mut after = trainer.into_model();
        // Without their adapters the parts are what they were.
        after.decoder.each_linear(&mut |linear| linear.detach());
        after.eye.as_mut().unwrap().tower.each_linear(&mut |linear| linear.detach());
        assert!(seen == of(&after), "{mode}: a frozen part has changed");
    }
}

#[test]
fn a_number_that_is_none_changes_nothing() {
    let batches = batches();
    for mode in MODES {
        let mut trainer = trainer(mode, TrainerConfig::default());
        trainer.step(&batches[..2], Rates::all(1e-3)).unwrap();
        let before = weights(&mut trainer);
        let mut broken = batches[0].clone();
        let Pictures::Pixels(pixels) = &mut broken.pictures else { panic!("the first batch has pictures") };
        pixels[0][7] = f32::NAN;
        let report = trainer.step(&[batches[1].clone(), broken], Rates::all(1e-3)).unwrap();
        assert_eq!(report.skipped, Some(Skipped::Loss), "{mode}");
        assert!(report.micro_losses[0].is_finite() && report.micro_losses[1].is_nan());
        assert!(before == weights(&mut trainer), "{mode}: weights have changed");
        assert_eq!(trainer.progress().steps, 2);
        let moments = trainer.optimiser().moments().values();
        assert!(moments.into_iter().all(|moments| moments.steps == 1), "{mode}: moments have changed");
        // And it goes on as if nothing had been.
        assert_eq!(trainer.step(&batches[..2], Rates::all(1e-3)).unwrap().skipped, None);
    }
}

#[test]
fn dropout_is_a_function_of_seed_and_step() {
    let batches = batches();
    let run = |seed, dropout| {
        let config = TrainerConfig { seed, ..Default::default() };
        two_steps(Trainer::new(tuned("lora_head", dropout), config), &batches)
    };
    let once = run(5, 0.3);
    assert!(once == run(5, 0.3), "the same seed gives the same bits");
    assert!(once != run(6, 0.3) && once != run(5, 0.0));
    // Evaluation leaves nothing out, before, between and after steps.
    let mut with = Trainer::new(tuned("lora", 0.9), TrainerConfig::default());
    let without = Trainer::new(tuned("lora", 0.0), TrainerConfig::default());
    assert_eq!(with.evaluate(&batches).unwrap(), without.evaluate(&batches).unwrap());
    with.step(&batches[..2], Rates::all(0.0)).unwrap();
    assert_eq!(with.evaluate(&batches).unwrap(), without.evaluate(&batches).unwrap());
}

#[test]
fn a_restored_run_goes_on_bit_for_bit() {
    let batches = batches();
    for mode in MODES {
        let new = || Trainer::new(tuned(mode, 0.2), TrainerConfig::default());
        let mut whole = new();
        for pair in batches.chunks(2).take(3) {
            whole.step(pair, Rates::all(1e-3)).unwrap();
        }
        let mut first = new();
        first.step(&batches[..2], Rates::all(1e-3)).unwrap();
        let saved = first.weights().into_iter().map(|weight| (weight.name, weight.values)).collect();
        let mut second = new();
        second.restore(&saved, first.optimiser().moments().clone(), first.progress()).unwrap();
        for pair in batches.chunks(2).skip(1).take(2) {
            second.step(pair, Rates::all(1e-3)).unwrap();
        }
        assert!(weights(&mut whole) == weights(&mut second), "{mode}");
        let mut other = saved.clone();
        other.remove("projector.model.0.bias");
        let refused = second.restore(&other, BTreeMap::new(), first.progress()).unwrap_err();
        assert!(refused.to_string().contains("`projector.model.0.bias` is missing"), "{refused}");
    }
}

#[test]
fn evaluation_is_the_loss_of_the_step() {
    let batches = batches();
    for mode in ["qlora", "full_tied"] {
        let mut trainer = trainer(mode, TrainerConfig::default());
        let seen = trainer.evaluate(&batches[..4]).unwrap();
        let learned = trainer.step(&batches[..4], Rates::all(0.0)).unwrap();
        assert!((seen.loss / learned.loss - 1.0).abs() < 1e-6, "{mode}");
        assert_eq!(seen.supervised_tokens, learned.supervised_tokens);
    }
}

#[test]
fn cached_features_are_as_good_as_pixels() {
    let batches = batches();
    let cached: Vec<MicroBatch> = batches
        .iter()
        .map(|batch| {
            let Pictures::Pixels(pixels) = &batch.pictures else { return batch.clone() };
            let tower = &model(Build::default()).eye.unwrap().tower;
            let features = pixels.iter().map(|pixels| {
                let data = burn::tensor::TensorData::new(pixels.clone(), [1, 3, 28, 28]);
                tower.forward(Tensor::from_data(data, &Device::flex()))
            });
            let pictures = Pictures::Features(Tensor::cat(features.collect(), 0));
            MicroBatch { rows: batch.rows.clone(), pictures }
        })
        .collect();
    let live = two_steps(trainer("projector", TrainerConfig::default()), &batches);
    assert!(furthest(&live, &two_steps(trainer("projector", TrainerConfig::default()), &cached)) < 1e-5);
    let refused = trainer("lora", TrainerConfig::default()).step(&cached[..1], Rates::all(1e-3)).unwrap_err();
    assert_eq!(refused, StepError::Batch { micro: 0, source: BatchError::FeaturesOfTrainedTower });
}

#[test]
fn half_precision_learns_the_same_thing() {
    let batches = batches();
    let mut exact = trainer("lora_head", TrainerConfig::default());
    let expected: Vec<f64> =
        (0..5).map(|step| exact.step(&batches[2 * step..][..2], Rates::all(2e-3)).unwrap().loss).collect();
    for (dtype, tolerance) in [(DType::BF16, 0.02), (DType::F16, 0.003)] {
        for precision in [Precision::Dense, Precision::Nf4] {
            let mut model = model(Build { dtype, precision, ..Build::default() });
            tune(&mut model, "lora_head", 0.0);
            let mut trainer = Trainer::new(model, TrainerConfig::default());
            for (step, expected) in expected.iter().enumerate() {
                let report = trainer.step(&batches[2 * step..][..2], Rates::all(2e-3)).unwrap();
                assert_eq!(report.skipped, None, "{dtype:?} {step}");
                if precision == Precision::Dense {
                    let apart = (report.loss / expected - 1.0).abs();
                    assert!(apart < tolerance, "{dtype:?} step {step}: {apart}");
                }
            }
            assert!(trainer.weights().iter().all(|weight| weight.values.dtype() == DType::F32));
        }
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let lora = |targets, rank| {
        let targets = LoraTargets::Named(targets);
        Tune::Lora(LoraConfig { rank, alpha: 8.0, dropout: 0.0, targets, head: false, rank_stabilised: true })
    };
    let mut dense = model(Build::default());
    let error = dense.decoder.tune(&lora(vec!["wqkv".into()], 4), 0).unwrap_err();
    assert!(error.to_string().contains("`wqkv`; this part has down_proj, gate_proj"), "{error}");
    assert_eq!(dense.decoder.tune(&lora(vec!["q_proj".into()], 0), 0), Err(TuneError::NoRank));
    let mut quantised = model(Build { precision: Precision::Nf4, ..Build::default() });
    assert!(matches!(quantised.decoder.tune(&Tune::Full, 0), Err(TuneError::Quantised { .. })));

    let mut frozen = Trainer::new(dense, TrainerConfig::default());
    assert_eq!(frozen.step(&batches()[..1], Rates::all(1e-3)), Err(StepError::NothingTrained));
    let mut silent = batches()[3].clone();
    silent.rows.iter_mut().for_each(|row| row.labels.fill(None));
    assert_eq!(frozen.step(&[silent], Rates::all(1e-3)), Err(StepError::NothingToLearn { rows: 2 }));
}

#[test]
fn new_adapters_start_as_peft_starts_them() {
    let lora = |targets: &[&str]| {
        let targets = LoraTargets::Named(targets.iter().map(|name| (*name).to_owned()).collect());
        Tune::Lora(LoraConfig {
            rank: 8,
            alpha: 8.0,
            dropout: 0.0,
            targets,
            head: false,
            rank_stabilised: false,
        })
    };
    let start = |targets: &[&str], seed| {
        let mut model = model(Build::default());
        model.decoder.tune(&lora(targets), seed).unwrap();
        let mut found = BTreeMap::new();
        each_trainable(&mut model, &mut |part, weight| {
            let values: Vec<f32> = weight.values().into_data().iter::<f32>().collect();
            found.insert(part.full_name(weight.name()), values);
        });
        found
    };
    let both = start(&["q_proj", "down_proj"], 3);
    assert_eq!(both.len(), 3 * 2 * 2);
    for (name, values) in &both {
        if name.contains("lora_B") {
            assert!(values.iter().all(|value| *value == 0.0));
            continue;
        }
        // Uniform within ±1/sqrt(in): the largest of 256 or more comes close to the bound, the variance is a third.
        let bound = if name.contains("down_proj") { 64_f32 } else { 32.0 }.powf(-0.5);
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        assert!(largest <= bound && largest > 0.95 * bound, "{name}");
        let variance = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        assert!((variance / (bound * bound / 3.0) - 1.0).abs() < 0.2, "{name}");
    }
    let one = start(&["down_proj"], 3);
    assert!(one.iter().all(|(name, values)| both[name] == *values), "numbers depend on seed and name alone");
    assert!(one != start(&["down_proj"], 4));
}
