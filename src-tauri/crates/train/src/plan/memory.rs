//! How much memory will a run take, part by part?
//!
//! Arithmetic over shapes and a plan; no device is asked. Every constant that measurement may correct is in
//! [`Coefficients`].
//!
//! With `tokens = batch × sequence`, `a` bytes per number of the base and `p` trained numbers of a part:
//!
//! ```text
//! weights      frozen: a × all      4-bit: (0.5 + scales) × block weights + a × the rest
//!              full: 4 × all (f32 masters)
//!              adapters: + 4 × p
//! optimiser    8 × p                 (two f32 moments)
//! gradients    4 × p                 as far as they exist at the worst moment of a step, see `moments`
//! activations  likewise
//! logits       rows × vocab × bytes  (supervised rows, as many at a time as the step takes)
//! workspace    the largest linear layer in full precision (4-bit only), the runtime, and a share of the rest
//! ```

use crate::step::TrainerConfig;

use super::choices::{Precision, Quantisation};
use super::moments::{Moment, Transient};
use super::parameters::{Linear, TrainableParameters};
use super::parts::{PlanParts, Tune};
use super::shapes::{LlmShapes, TowerShapes};

/// What computes; it decides what `auto` means and what is there before the first tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// The CPU backend: f32, attention by plain tensor operations.
    Cpu,
    /// CUDA: bf16.
    Cuda,
    /// Vulkan, Metal or WebGPU: f16.
    Wgpu,
}

/// What measurement may correct. Bytes, or numbers per token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// What the runtime holds before the first tensor: context, kernels, code.
    pub runtime_bytes: f64,
    /// The share of everything else that the allocator holds but cannot use.
    pub fragmentation: f64,
    /// Copies of `[heads, sequence, sequence]` that attention keeps for the backward pass.
    pub kept_scores: f64,
    /// Copies of the same that exist while one layer computes.
    pub working_scores: f64,
    /// Bytes of one attention score.
    pub score_bytes: f64,
    /// Kept numbers per token and hidden width, whatever is trained: inputs of both norms.
    pub kept_hidden: f64,
    /// Kept numbers per token and hidden width for linear layers that are trained: outputs of both norms.
    pub kept_hidden_trained: f64,
    /// Kept per token and query width: rotated queries and attention's output.
    pub kept_query: f64,
    /// Kept per token and key width: rotated keys, and values.
    pub kept_kv: f64,
    /// Kept per token and MLP width, whatever is trained: gate, up, activated gate.
    pub kept_intermediate: f64,
    /// Kept per token and MLP width when the last layer of the MLP is trained: its input.
    pub kept_intermediate_trained: f64,
    /// Tensors of the widest kind (tokens × MLP width) alive while one block computes without a record.
    pub working_intermediate: f64,
    /// Tensors of hidden width alive in the same moment.
    pub working_hidden: f64,
    /// Bytes per logit: the logits, their gradient and the softmax between them.
    pub logit_bytes: f64,
    /// Logits that exist at one time: the head works on a few supervised rows after the other.
    pub logits_at_a_time: f64,
    /// The share of a row's positions that is supervised.
    pub supervised_share: f64,
    /// f32 copies of the largest trained tensor alive while the optimiser changes it.
    pub update_copies: f64,
    /// Full-precision copies of the largest 4-bit layer that exist at one time.
    pub dequantised_copies: f64,
}

impl Coefficients {
    /// The values for a platform.
    pub fn of(platform: Platform) -> Self {
        let portable = Self {
            runtime_bytes: 80e6,
            // Seven plans of the demo's networks, measured on a CPU: forecasts between 0.96 and 1.06 of the peak.
            fragmentation: 0.08,
            // Portable attention records scaled scores and their softmax.
            kept_scores: 2.0,
            working_scores: 3.0,
            score_bytes: 4.0,
            kept_hidden: 2.0,
            kept_hidden_trained: 2.0,
            kept_query: 2.0,
            kept_kv: 2.0,
            kept_intermediate: 3.0,
            kept_intermediate_trained: 1.0,
            working_intermediate: 3.0,
            working_hidden: 4.0,
            logit_bytes: 12.0,
            logits_at_a_time: TrainerConfig::default().logits_at_a_time as f64,
            supervised_share: 0.5,
            update_copies: 3.0,
            dequantised_copies: 1.0,
        };
        match platform {
            Platform::Cpu => portable,
            // In half precision the softmax is recorded in f32 and once more as what multiplies the values.
            Platform::Wgpu => Self { runtime_bytes: 300e6, kept_scores: 1.5, ..portable },
            // Nine plans of InternLM2-1.8B with ViT-L, measured on an H200: forecasts between 0.97 and 1.07 of the peak
            // of the steps after the first.
            Platform::Cuda => {
                Self { runtime_bytes: 600e6, fragmentation: 0.05, kept_scores: 1.5, ..portable }
            }
        }
    }
}

/// For which network, batch and device a forecast is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Sizes of the language model.
    pub llm: LlmShapes,
    /// Sizes of the tower.
    pub tower: TowerShapes,
    /// Positions of the longest row in the language model, pictures spliced in.
    pub sequence: usize,
    /// Pictures of a row.
    pub pictures: usize,
    /// What computes.
    pub platform: Platform,
}

impl Forecast {
    /// For the longest row a plan lets through: full of text, with one picture.
    pub fn longest_row(plan: &PlanParts, llm: LlmShapes, tower: TowerShapes, platform: Platform) -> Self {
        // The picture's own token makes way for its patches.
        let sequence = plan.data.max_length + tower.patches().saturating_sub(1);
        Self { llm, tower, sequence, pictures: 1, platform }
    }
}

/// Memory of one part in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartMemory {
    /// Stored numbers: base, masters, adapters.
    pub weights: u64,
    /// Moments.
    pub optimiser: u64,
    /// Gradients of what is trained.
    pub gradients: u64,
    /// What the backward pass needs, or what one block needs when there is no backward pass.
    pub activations: u64,
}

impl PartMemory {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.optimiser + self.gradients + self.activations
    }
}

/// Peak memory of a run in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryForecast {
    /// The language model.
    pub llm: PartMemory,
    /// The tower.
    pub tower: PartMemory,
    /// The projector.
    pub projector: PartMemory,
    /// Logits, their softmax and gradient.
    pub logits: u64,
    /// Everything else.
    pub workspace: u64,
    /// When that is.
    pub moment: Moment,
}

impl MemoryForecast {
    /// The peak.
    pub fn total(&self) -> u64 {
        self.llm.total() + self.tower.total() + self.projector.total() + self.logits + self.workspace
    }
}

/// Bytes of a trained number: it is kept in f32 whatever the base is.
pub(super) const MASTER: f64 = 4.0;
pub(super) const GRADIENT: f64 = 4.0;
/// AdamW's two moments.
const MOMENTS: f64 = 8.0;
/// A 4-bit code, and one f32 scale for 64 of them.
const NF4: f64 = 0.5 + 4.0 / 64.0;
/// A 4-bit code, one 8-bit scale for 64 of them, one f32 scale for 256 of those.
const NF4_DOUBLE: f64 = 0.5 + 1.0 / 64.0 + 4.0 / (64.0 * 256.0);

/// Forecasts the peak memory of a plan.
pub fn forecast(plan: &PlanParts, of: &Forecast) -> MemoryForecast {
    forecast_with(plan, of, &Coefficients::of(of.platform))
}

fn forecast_with(plan: &PlanParts, of: &Forecast, by: &Coefficients) -> MemoryForecast {
    let width = width_of(plan.model.precision, of.platform);
    let counts = TrainableParameters::of(plan, &of.llm, &of.tower);
    let part = |weights: f64, trained: u64| PartMemory {
        weights: weights as u64,
        optimiser: (MOMENTS * trained as f64) as u64,
        ..PartMemory::default()
    };
    let stays = MemoryForecast {
        llm: part(llm_weights(plan, &of.llm, counts.llm.trained, width), counts.llm.trained),
        tower: part(
            plain_weights(&plan.tune.tower, counts.tower.all, counts.tower.trained, width),
            counts.tower.trained,
        ),
        projector: part(MASTER * counts.projector.all as f64, counts.projector.trained),
        ..MemoryForecast::default()
    };
    let comes = Transient::of(plan, of, by, &counts, width);
    let mut worst = Moment::ALL
        .map(|moment| comes.at(moment, stays))
        .into_iter()
        .max_by_key(MemoryForecast::total)
        .unwrap_or(stays);
    let largest = of.llm.linears().iter().map(Linear::weights).max().unwrap_or(0) as f64;
    let dequantised = match plan.model.quantisation {
        Quantisation::None => 0.0,
        Quantisation::Nf4 | Quantisation::Nf4Double => by.dequantised_copies * largest * width,
    };
    worst.workspace = (by.runtime_bytes + dequantised + by.fragmentation * worst.total() as f64) as u64;
    worst
}

/// Bytes of a number of the base.
fn width_of(precision: Precision, platform: Platform) -> f64 {
    match (precision, platform) {
        (Precision::F32, _) | (Precision::Auto, Platform::Cpu) => 4.0,
        (Precision::Bf16 | Precision::F16, _) | (Precision::Auto, _) => 2.0,
    }
}

fn plain_weights(tune: &Tune, all: u64, trained: u64, width: f64) -> f64 {
    let all = all as f64;
    match tune {
        Tune::Frozen => width * all,
        Tune::Lora(_) => width * all + MASTER * trained as f64,
        Tune::Full => MASTER * all,
    }
}

fn llm_weights(plan: &PlanParts, llm: &LlmShapes, trained: u64, width: f64) -> f64 {
    let saved = match plan.model.quantisation {
        Quantisation::None => 0.0,
        Quantisation::Nf4 => width - NF4,
        Quantisation::Nf4Double => width - NF4_DOUBLE,
    };
    // Embeddings, norms, biases and the head are never quantised.
    plain_weights(&plan.tune.llm, llm.parameters(), trained, width) - saved * llm.block_weights() as f64
}
