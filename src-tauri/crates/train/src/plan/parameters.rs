//! How many numbers does each part of a network have, and how many of them does a plan train?
//!
//! Counting only; what they cost in memory is the question of [`super::memory`].

use super::error::PlanError;
use super::parts::{LoraPlan, PlanParts, Targets, Tune};
use super::shapes::{LlmShapes, Packing, TowerShapes};

/// A linear layer `[out, in]` that every block of a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear {
    /// The last part of its name, which adapters are targeted by.
    pub name: &'static str,
    /// Width of what comes out.
    pub output: usize,
    /// Width of what goes in.
    pub input: usize,
}

impl Linear {
    const fn new(name: &'static str, output: usize, input: usize) -> Self {
        Self { name, output, input }
    }

    /// Numbers of its weight.
    pub fn weights(&self) -> u64 {
        self.output as u64 * self.input as u64
    }

    /// Numbers of an adapter: `A` is `[rank, in]`, `B` is `[out, rank]`.
    pub fn adapter(&self, rank: usize) -> u64 {
        rank as u64 * (self.output as u64 + self.input as u64)
    }
}

impl LlmShapes {
    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads together.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Linear layers of a block, as its family packs them.
    pub fn linears(&self) -> Vec<Linear> {
        let (hidden, inter, query, kv) =
            (self.hidden, self.intermediate, self.query_width(), self.kv_width());
        let linear = Linear::new;
        match self.packing {
            Packing::Llama => vec![
                linear("q_proj", query, hidden),
                linear("k_proj", kv, hidden),
                linear("v_proj", kv, hidden),
                linear("o_proj", hidden, query),
                linear("gate_proj", inter, hidden),
                linear("up_proj", inter, hidden),
                linear("down_proj", hidden, inter),
            ],
            Packing::InternLm2 => vec![
                linear("wqkv", query + 2 * kv, hidden),
                linear("wo", hidden, query),
                linear("w1", inter, hidden),
                linear("w3", inter, hidden),
                linear("w2", hidden, inter),
            ],
            Packing::Phi3 => vec![
                linear("qkv_proj", query + 2 * kv, hidden),
                linear("o_proj", hidden, query),
                linear("gate_up_proj", 2 * inter, hidden),
                linear("down_proj", hidden, inter),
            ],
        }
    }

    /// The output head.
    pub fn head(&self) -> Linear {
        let name = if self.packing == Packing::InternLm2 { "output" } else { "lm_head" };
        Linear::new(name, self.vocab, self.hidden)
    }

    /// Weights of the linear layers of all blocks: what 4-bit storage applies to.
    pub fn block_weights(&self) -> u64 {
        self.layers as u64 * self.linears().iter().map(Linear::weights).sum::<u64>()
    }

    /// All parameters.
    pub fn parameters(&self) -> u64 {
        let norms = (2 * self.layers as u64 + 1) * self.hidden as u64;
        let qkv_bias = if self.qkv_bias { self.query_width() + 2 * self.kv_width() } else { 0 };
        let out_bias = if self.out_bias { self.hidden } else { 0 };
        let biases = self.layers as u64 * (qkv_bias + out_bias) as u64;
        let tables = if self.tied_head { 1 } else { 2 };
        self.block_weights() + norms + biases + tables * self.head().weights()
    }
}

impl TowerShapes {
    /// Linear layers of a block.
    pub fn linears(&self) -> Vec<Linear> {
        let square = |name| Linear::new(name, self.hidden, self.hidden);
        vec![
            square("q_proj"),
            square("k_proj"),
            square("v_proj"),
            square("out_proj"),
            Linear::new("fc1", self.intermediate, self.hidden),
            Linear::new("fc2", self.hidden, self.intermediate),
        ]
    }

    /// All parameters, with both outer norms, as CLIP's vision half has them.
    pub fn parameters(&self) -> u64 {
        let hidden = self.hidden as u64;
        let linears = self.linears();
        let block: u64 =
            linears.iter().map(|linear| linear.weights() + linear.output as u64).sum::<u64>() + 4 * hidden;
        let patch = 3 * (self.patch_side as u64).pow(2) * hidden;
        let positions = (self.patches() as u64 + 1) * hidden;
        self.layers as u64 * block + patch + positions + hidden + 4 * hidden
    }
}

/// Parameters of a projector: linear layers with biases from the tower's width to the language model's.
pub(super) fn projector_parameters(llm: &LlmShapes, tower: &TowerShapes, depth: usize) -> u64 {
    let (wide, narrow) = (llm.hidden as u64, tower.hidden as u64);
    wide * (narrow + 1) + depth.saturating_sub(1) as u64 * wide * (wide + 1)
}

/// Numbers of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartParameters {
    /// Of the part as its checkpoint has it.
    pub all: u64,
    /// Those that are trained; adapters are not among `all`.
    pub trained: u64,
}

/// Numbers of each part and how many of them a plan trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrainableParameters {
    /// The language model.
    pub llm: PartParameters,
    /// The tower. XTuner puts adapters on all blocks, also on those behind the layer that is read.
    pub tower: PartParameters,
    /// The projector.
    pub projector: PartParameters,
}

impl TrainableParameters {
    /// Counts them.
    pub fn of(plan: &PlanParts, llm: &LlmShapes, tower: &TowerShapes) -> Self {
        let trained = |tune: &Tune, all, adapters: &dyn Fn(&LoraPlan) -> u64| match tune {
            Tune::Frozen => 0,
            Tune::Full => all,
            Tune::Lora(lora) => adapters(lora),
        };
        let blocks = |linears: Vec<Linear>, layers: usize, lora: &LoraPlan| {
            let chosen = linears.iter().filter(|linear| lora.targets.includes(linear.name));
            layers as u64 * chosen.map(|linear| linear.adapter(lora.rank)).sum::<u64>()
        };
        let part = |all, trained| PartParameters { all, trained };
        let projector = projector_parameters(llm, tower, plan.model.projector_depth);
        Self {
            llm: part(
                llm.parameters(),
                trained(&plan.tune.llm, llm.parameters(), &|lora| {
                    let head = if lora.head { llm.head().adapter(lora.rank) } else { 0 };
                    blocks(llm.linears(), llm.layers, lora) + head
                }),
            ),
            tower: part(
                tower.parameters(),
                trained(&plan.tune.tower, tower.parameters(), &|lora| {
                    blocks(tower.linears(), tower.layers, lora)
                }),
            ),
            projector: part(projector, trained(&plan.tune.projector, projector, &|_| 0)),
        }
    }

    /// All that is trained.
    pub fn trained(&self) -> u64 {
        self.llm.trained + self.tower.trained + self.projector.trained
    }

    /// All there is, without adapters.
    pub fn all(&self) -> u64 {
        self.llm.all + self.tower.all + self.projector.all
    }
}

/// The first layer that a plan wants to adapt and its network does not have: the key that names it, and the error.
pub fn unknown_target(
    plan: &PlanParts,
    llm: &LlmShapes,
    tower: Option<&TowerShapes>,
) -> Option<(&'static str, PlanError)> {
    let llm_names = llm.linears().into_iter().chain([llm.head()]).map(|linear| linear.name).collect();
    let tower_names = tower.map(|tower| tower.linears().iter().map(|linear| linear.name).collect());
    let parts: [(_, _, Option<Vec<&str>>); 2] = [
        ("tune.llm.targets", &plan.tune.llm, Some(llm_names)),
        ("tune.tower.targets", &plan.tune.tower, tower_names),
    ];
    parts.into_iter().find_map(|(key, tune, known)| {
        let (Tune::Lora(LoraPlan { targets: Targets::Named(names), .. }), Some(known)) = (tune, known) else {
            return None;
        };
        let unknown = names.iter().find(|name| !known.contains(&name.as_str()))?;
        let expected = format!("[\"all\"], or some of {}", known.join(", "));
        let origin = "the plan".to_owned();
        Some((key, PlanError::BadValue { origin, key, found: format!("`{unknown}`"), expected }))
    })
}
