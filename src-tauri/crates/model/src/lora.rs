//! What is trained of a part of the network: nothing, everything, or low-rank adapters (LoRA)?
//!
//! Reference: Hu et al. 2021 and PEFT's `LoraConfig` and `lora.Linear` (0.21): where adapters go, how they
//! start, and `y = W·x + scale · B(A(dropout(x)))`.

use burn::tensor::{DType, Device, Tensor, TensorData};
use eyewright_ops::{dropout, linear, random_key};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::trainable::{Trainable, Visit};

/// How a part takes part in training.
#[derive(Clone, Debug, PartialEq)]
pub enum Tune {
    /// It does not change.
    Frozen,
    /// Every number of it is trained.
    Full,
    /// Adapters beside its linear maps are trained.
    Lora(LoraConfig),
}

/// Adapters, as PEFT's `LoraConfig` with `bias="none"`.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Width of the bottleneck, at least 1.
    pub rank: usize,
    /// The adapter's strength: its output is scaled by `alpha / rank`.
    pub alpha: f64,
    /// Share of the adapter's inputs left out in training, from 0 to below 1.
    pub dropout: f64,
    /// Which linear maps.
    pub targets: LoraTargets,
    /// An adapter on the language model's head too. XTuner puts one on InternLM2's `output`, but not on a head
    /// called `lm_head`. Without meaning for other parts.
    pub head: bool,
    /// Scale by `alpha / sqrt(rank)` instead (Kalajdzievski 2023).
    pub rank_stabilised: bool,
}

/// Which linear maps get an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoraTargets {
    /// All of them, the head excepted.
    All,
    /// Those whose last name is one of these, `q_proj` for example.
    Named(Vec<String>),
}

impl LoraConfig {
    /// What the adapter's output is multiplied by.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rank_stabilised { rank.sqrt() } else { rank }
    }

    /// Whether the map called `name`, a head or not, gets an adapter.
    pub(crate) fn takes(&self, name: &str, is_head: bool) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        let named = match &self.targets {
            LoraTargets::All => !is_head,
            LoraTargets::Named(names) => names.iter().any(|target| target == last),
        };
        named || (is_head && self.head)
    }

    /// The first target that none of `names` ends in.
    pub(crate) fn unmatched(&self, names: &[String]) -> Option<TuneError> {
        let LoraTargets::Named(targets) = &self.targets else { return None };
        let mut known: Vec<String> =
            names.iter().filter_map(|name| name.rsplit('.').next()).map(Into::into).collect();
        known.sort();
        known.dedup();
        let missing = targets.iter().find(|target| !known.contains(target))?;
        Some(TuneError::NoSuchTarget { target: missing.clone(), known })
    }
}

/// A part cannot be trained as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TuneError {
    /// No linear map has this name.
    #[error("no linear map is called `{target}`; this part has {}", known.join(", "))]
    NoSuchTarget {
        /// The name asked for.
        target: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A rank of zero.
    #[error("an adapter of rank 0 has nothing to train; use a rank of at least 1")]
    NoRank,
    /// 4-bit numbers cannot take the small steps of training.
    #[error(
        "`{layer}` is stored in 4 bits and cannot be trained itself; train adapters beside it, or load the model \
         without quantisation"
    )]
    Quantised {
        /// The linear map.
        layer: String,
    },
}

/// One adapter beside one linear map.
#[derive(Clone, Debug)]
pub(crate) struct Lora {
    /// `[rank, in]`
    a: Trainable<2>,
    /// `[out, rank]`
    b: Trainable<2>,
    scale: f64,
    dropout: f64,
    /// Set while a training step runs: the key of this layer's mask.
    mask: Option<u64>,
}

impl Lora {
    /// An adapter that came with the model and is not trained.
    pub(crate) fn loaded(layer: &str, a: Tensor<2>, b: Tensor<2>, scale: f64) -> Self {
        let [a_name, b_name] = names(layer);
        Self {
            a: Trainable::frozen(a_name, a),
            b: Trainable::frozen(b_name, b),
            scale,
            dropout: 0.0,
            mask: None,
        }
    }

    /// A new adapter as PEFT starts one: A uniform within `±1/sqrt(in)` (Kaiming with a = √5), B zero. The
    /// numbers depend on the seed and the layer's name, not on order or device.
    pub(crate) fn new(
        config: &LoraConfig,
        layer: &str,
        [out, width]: [usize; 2],
        seed: u64,
        device: &Device,
    ) -> Self {
        let [a_name, b_name] = names(layer);
        let a = uniform([config.rank, width], width, random_key(seed, &a_name), device);
        let b = Tensor::zeros([out, config.rank], (device, DType::F32));
        Self {
            a: Trainable::trained(a_name, a),
            b: Trainable::trained(b_name, b),
            scale: config.scale(),
            dropout: config.dropout,
            mask: None,
        }
    }

    /// # Shapes
    /// - x: `[.., in]`; output: `[.., out]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = x.dtype();
        let x = match self.mask {
            Some(key) => dropout(x, self.dropout, key),
            None => x,
        };
        let narrow = linear(x, self.a.cast(dtype), None); // [.., rank]
        linear(narrow, self.b.cast(dtype), None) * self.scale
    }

    pub(crate) fn each_trainable(&mut self, visit: Visit<'_>) {
        self.a.visit(visit);
        self.b.visit(visit);
    }

    /// Dropout with masks of this key (of the pass, not the layer), or none.
    pub(crate) fn drop_out(&mut self, pass: Option<u64>) {
        let trained = self.dropout > 0.0;
        self.mask = pass.filter(|_| trained).map(|pass| random_key(pass, self.a.name()));
    }
}

/// The names of both halves in PEFT's files.
fn names(layer: &str) -> [String; 2] {
    ["lora_A", "lora_B"].map(|half| format!("{layer}.{half}.weight"))
}

/// Numbers between `±1/sqrt(fan_in)`, as `torch.nn.Linear` and PEFT start; drawn on the host.
pub(crate) fn uniform<const D: usize>(
    shape: [usize; D],
    fan_in: usize,
    key: u64,
    device: &Device,
) -> Tensor<D> {
    let bound = (fan_in as f32).powf(-0.5);
    let mut rng = ChaCha8Rng::seed_from_u64(key);
    let elements = shape.iter().product();
    let values: Vec<f32> = (0..elements).map(|_| rng.random_range(-bound..bound)).collect();
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F32))
}
