//! How fast does a recipe train on this machine, and with how much memory? Measured with random weights, so that
//! nothing has to be downloaded.

use std::time::Instant;

use eyewright_model::{
    clip::{ClipConfig, TowerConfig},
    llava::{Llava, Segment, VisionEye},
    llm::{DecoderConfig, Layout},
    projector::ProjectorConfig,
    quant::Precision as Storage,
    weights::random,
};
use eyewright_ops::{Activation, DeviceChoice, OpenDevice, RopeConfig, RopeScaling, open_device};
use eyewright_train::{
    plan::{LlmShapes, Packing, Quantisation, TowerShapes},
    step::{MicroBatch, Pictures, Rates, Row, Trainer},
};
use serde::Serialize;

use super::{
    ResolvedPlan,
    memory::PeakMemory,
    model::{dtype_name, dtype_of, trainer_config, tune},
};
use crate::AppError;

/// What to measure.
#[derive(Clone, Debug)]
pub struct BenchRequest {
    /// Network and recipe; its batch and accumulation are used.
    pub plan: ResolvedPlan,
    /// Positions of each row in the language model, its picture's patches among them.
    pub sequence: usize,
    /// Steps that are measured, after a first one that is reported by itself.
    pub steps: usize,
    /// Where to compute.
    pub device: DeviceChoice,
}

/// What was measured. Times are medians.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Preset.
    pub preset: String,
    /// Recipe.
    pub recipe: String,
    /// Kind of device.
    pub device: String,
    /// Its name.
    pub device_name: String,
    /// Type of the base's numbers.
    pub dtype: &'static str,
    /// Rows in a forward pass.
    pub batch: usize,
    /// Forward passes in a step.
    pub accumulation: usize,
    /// Positions of a row.
    pub sequence: usize,
    /// Numbers that are trained.
    pub trained: u64,
    /// Making the random model.
    pub build_ms: f64,
    /// The first step, with everything that is compiled or tuned in it.
    pub cold_step_ms: f64,
    /// A step.
    pub step_ms: f64,
    /// The fastest.
    pub fastest_ms: f64,
    /// The slowest.
    pub slowest_ms: f64,
    /// Positions per second.
    pub tokens_per_second: f64,
    /// Rows per second.
    pub samples_per_second: f64,
    /// Most memory until the end of the first step, in bytes. Where kernels are tuned, cubecl measures the card's
    /// bandwidth then, with 2 GiB that it takes only if the card has room for them.
    pub first_peak_memory: u64,
    /// Most memory after the first step, in bytes.
    pub peak_memory: u64,
    /// What the forecast says, in bytes.
    pub forecast_memory: u64,
    /// Where the time goes.
    pub parts: BenchParts,
    /// Loss of the last step; a number, or something is wrong.
    pub loss: f64,
}

/// Milliseconds of a step by kind of work.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BenchParts {
    /// The tower over all pictures, forward.
    pub tower_forward: f64,
    /// Projector, language model and loss, forward.
    pub llm_forward: f64,
    /// Everything else: backward passes, recomputation and the optimiser.
    pub backward_and_update: f64,
}

/// Deviation of random weights, as language models start.
const DEVIATION: f64 = 0.02;

/// Measures.
///
/// # Errors
/// The device cannot be used, or the step fails on it.
pub fn bench_train(request: &BenchRequest, progress: &mut dyn FnMut(&str)) -> Result<BenchReport, AppError> {
    let BenchRequest { plan: resolved, sequence, steps, device } = request;
    let plan = &resolved.plan;
    let peak = PeakMemory::start(*device);
    let device = open_device(*device)?;
    let dtype = dtype_of(plan, &device)?;
    progress(&format!("making random weights on {} ({})", device.choice, device.name));
    let start = Instant::now();
    let mut model = random_model(resolved, &device, dtype);
    tune(&mut model, plan, &device)?;
    device.device.memory_cleanup();
    let batches: Vec<MicroBatch> =
        (0..plan.train.accumulation).map(|index| batch(&model, plan.train.batch, *sequence, index)).collect();
    let mut trainer = Trainer::new(model, trainer_config(plan));
    let build_ms = ms_since(start);
    progress(&format!("before the first step{}", pool(&device)));
    let rates = Rates { projector: plan.rates.projector, llm: plan.rates.llm, tower: plan.rates.tower };
    let failed = |source| AppError::from(eyewright_train::run::RunError::Step { step: 1, source });
    let step = |trainer: &mut Trainer| -> Result<(f64, f64), AppError> {
        let start = Instant::now();
        let report = trainer.step(&batches, rates).map_err(failed)?;
        // The step has read the loss; its update may still be running.
        device.device.sync().map_err(|error| AppError::DeviceFailed { reason: error.to_string() })?;
        Ok((ms_since(start), report.loss))
    };
    let (cold_step_ms, mut loss) = step(&mut trainer)?;
    progress(&format!("first step {cold_step_ms:.0} ms"));
    let first_peak_memory = peak.bytes();
    peak.restart();
    let mut times = Vec::new();
    for number in 0..(*steps).max(1) {
        let (ms, last) = step(&mut trainer)?;
        progress(&format!("step {} {ms:.1} ms, loss {last:.3}", number + 1));
        times.push(ms);
        loss = last;
    }
    progress(&format!("between steps{}", pool(&device)));
    let peak_memory = peak.bytes();
    let step_ms = median(&mut times);
    let parts = parts(&trainer, &batches, step_ms, &device).map_err(failed)?;
    let rows = (plan.train.batch * plan.train.accumulation) as f64;
    Ok(BenchReport {
        preset: plan.preset().to_owned(),
        recipe: plan.recipe().to_owned(),
        device: device.choice.to_string(),
        device_name: device.name.clone(),
        dtype: dtype_name(dtype),
        batch: plan.train.batch,
        accumulation: plan.train.accumulation,
        sequence: *sequence,
        trained: resolved.parameters().trained(),
        build_ms,
        cold_step_ms,
        step_ms,
        fastest_ms: times.first().copied().unwrap_or(step_ms),
        slowest_ms: times.last().copied().unwrap_or(step_ms),
        tokens_per_second: rows * *sequence as f64 / (step_ms / 1e3),
        samples_per_second: rows / (step_ms / 1e3),
        first_peak_memory,
        peak_memory,
        forecast_memory: resolved.memory_for(device.choice, *sequence).total(),
        parts,
        loss,
    })
}

/// What the back end's allocator holds, and how much of that is in use, where it tells.
fn pool(device: &OpenDevice) -> String {
    let Some(usage) = device.device.memory_pool_usage() else { return String::new() };
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    format!(", {:.2} GiB held, {:.2} GiB of it in use", gib(usage.bytes_reserved), gib(usage.bytes_in_use))
}

/// Forward passes by themselves; what is left of a step is the way back.
fn parts(
    trainer: &Trainer,
    batches: &[MicroBatch],
    step_ms: f64,
    device: &OpenDevice,
) -> Result<BenchParts, eyewright_train::step::StepError> {
    let timed = |work: &dyn Fn() -> Result<(), eyewright_train::step::StepError>| {
        let mut times = Vec::new();
        for _ in 0..3 {
            let start = Instant::now();
            work()?;
            let _ = device.device.sync();
            times.push(ms_since(start));
        }
        Ok(median(&mut times))
    };
    let forward = timed(&|| trainer.evaluate(batches).map(|_| ()))?;
    let tower = match &trainer.model().eye {
        None => 0.0,
        Some(eye) => timed(&|| {
            for batch in batches {
                let Pictures::Pixels(pixels) = &batch.pictures else { continue };
                let side = eye.tower.config().clip.image_side;
                let data = burn::tensor::TensorData::new(pixels.concat(), [pixels.len(), 3, side, side]);
                let pixels =
                    burn::tensor::Tensor::<4>::from_data(data, (&device.device, burn::tensor::DType::F32));
                let _ = eye.tower.forward(eyewright_ops::to_dtype(pixels, trainer.model().decoder.dtype()));
            }
            Ok(())
        })?,
    };
    Ok(BenchParts {
        tower_forward: tower,
        llm_forward: (forward - tower).max(0.0),
        backward_and_update: (step_ms - forward).max(0.0),
    })
}

fn random_model(resolved: &ResolvedPlan, device: &OpenDevice, dtype: burn::tensor::DType) -> Llava {
    let plan = &resolved.plan;
    let storage = match plan.model.quantisation {
        Quantisation::None => Storage::Dense,
        Quantisation::Nf4 => Storage::Nf4,
        Quantisation::Nf4Double => Storage::Nf4Double,
    };
    let llm = decoder_config(&resolved.preset.llm);
    let decoder = random(&device.device, dtype, DEVIATION, |loader| llm.init(loader.stored_in(storage)));
    if plan.model.tower.is_empty() {
        return Llava { decoder, eye: None };
    }
    let mut tower = TowerConfig::llava(clip_config(&resolved.preset.tower));
    tower.feature_layer = plan.model.select_layer;
    let projector = ProjectorConfig {
        vision_width: tower.clip.hidden,
        text_width: llm.hidden,
        depth: plan.model.projector_depth,
        activation: Activation::Gelu,
        bias: true,
    };
    let eye = VisionEye {
        tower: random(&device.device, dtype, DEVIATION, |loader| tower.init(loader)),
        projector: projector.fresh(plan.seed, &device.device),
    };
    Llava { decoder, eye: Some(eye) }
}

/// A language model of these sizes; the rest as InternLM2 has it, which costs what any other would.
fn decoder_config(shapes: &LlmShapes) -> DecoderConfig {
    let (layout, model_type) = match shapes.packing {
        Packing::Llama => (Layout::Llama, "llama"),
        Packing::InternLm2 => (Layout::InternLm2, "internlm2"),
        Packing::Phi3 => (Layout::Phi3, "phi3"),
    };
    DecoderConfig {
        model_type: model_type.to_owned(),
        layout,
        hidden: shapes.hidden,
        intermediate: shapes.intermediate,
        layers: shapes.layers,
        heads: shapes.heads,
        kv_heads: shapes.kv_heads,
        head_dim: shapes.head_dim,
        vocab: shapes.vocab,
        max_position: 32_768,
        norm_eps: 1e-5,
        rope: RopeConfig { theta: 1e6, head_dim: shapes.head_dim, scaling: RopeScaling::None },
        activation: Activation::Silu,
        qkv_bias: shapes.qkv_bias,
        out_bias: shapes.out_bias,
        tied_head: shapes.tied_head,
        window: None,
    }
}

fn clip_config(shapes: &TowerShapes) -> ClipConfig {
    ClipConfig {
        hidden: shapes.hidden,
        intermediate: shapes.intermediate,
        layers: shapes.layers,
        heads: shapes.heads,
        image_side: shapes.image_side,
        patch_side: shapes.patch_side,
        activation: Activation::QuickGelu,
        norm_eps: 1e-5,
    }
}

/// Rows of a picture between two texts; the second half of the text is learned.
fn batch(model: &Llava, rows: usize, sequence: usize, index: usize) -> MicroBatch {
    let vocab = model.decoder.config().vocab;
    let eye = model.eye.as_ref().map(|eye| (eye.tower.config().tokens(), eye.tower.config().clip.image_side));
    let text = sequence.saturating_sub(eye.map_or(0, |(tokens, _)| tokens)).max(2);
    let id = |row: usize, at: usize| ((index * 7919 + row * 131 + at * 17 + 3) % vocab) as u32;
    let row = |number: usize| {
        let ids: Vec<u32> = (0..text).map(|at| id(number, at)).collect();
        let (before, after) = ids.split_at((text / 8).max(1));
        let labels = ids.iter().enumerate().map(|(at, id)| (at >= text / 2).then_some(*id));
        let segments = match eye {
            Some(_) => {
                vec![Segment::Text(before.to_vec()), Segment::Image(number), Segment::Text(after.to_vec())]
            }
            None => vec![Segment::Text(ids.clone())],
        };
        Row { segments, labels: labels.collect() }
    };
    let pictures = match eye {
        None => Pictures::None,
        Some((_, side)) => {
            let pixel = |at: usize| ((at * 37 + index) % 255) as f32 / 127.5 - 1.0;
            Pictures::Pixels(vec![(0..3 * side * side).map(pixel).collect(); rows])
        }
    };
    MicroBatch { rows: (0..rows).map(row).collect(), pictures }
}

fn ms_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Sorts.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
