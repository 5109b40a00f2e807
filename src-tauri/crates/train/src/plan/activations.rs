//! What does one transformer block keep for its way back, and what exists while it computes?

use super::memory::{Coefficients, MASTER};
use super::parameters::Linear;
use super::parts::{LoraPlan, Tune};
use super::shapes::{LlmShapes, TowerShapes};

/// How many tokens go through a part, and in which rows.
#[derive(Clone, Copy)]
pub(super) struct Tokens {
    pub(super) rows: f64,
    pub(super) length: f64,
}

impl Tokens {
    pub(super) fn count(self) -> f64 {
        self.rows * self.length
    }
}

/// Widths of one transformer block.
pub(super) struct Block {
    pub(super) hidden: f64,
    query: f64,
    kv: f64,
    intermediate: f64,
    heads: f64,
    linears: Vec<Linear>,
}

impl Block {
    pub(super) fn of_llm(llm: &LlmShapes) -> Self {
        Self {
            hidden: llm.hidden as f64,
            query: llm.query_width() as f64,
            // Portable attention repeats keys and values for every query head.
            kv: llm.query_width() as f64,
            intermediate: llm.intermediate as f64,
            heads: llm.heads as f64,
            linears: llm.linears(),
        }
    }

    pub(super) fn of_tower(tower: &TowerShapes) -> Self {
        let hidden = tower.hidden as f64;
        let (intermediate, heads) = (tower.intermediate as f64, tower.heads as f64);
        Self { hidden, query: hidden, kv: hidden, intermediate, heads, linears: tower.linears() }
    }

    /// What one block keeps for its backward pass.
    pub(super) fn kept(&self, by: &Coefficients, tune: &Tune, tokens: Tokens, width: f64) -> f64 {
        let mut numbers = by.kept_hidden * self.hidden
            + by.kept_query * self.query
            + by.kept_kv * self.kv
            + by.kept_intermediate * self.intermediate;
        let mut adapters = 0.0;
        if tune.is_trained() {
            numbers +=
                by.kept_hidden_trained * self.hidden + by.kept_intermediate_trained * self.intermediate;
        }
        if let Tune::Lora(lora) = tune {
            adapters = self.adapters(lora);
        }
        let scores = by.kept_scores * by.score_bytes * tokens.rows * self.heads * tokens.length.powi(2);
        tokens.count() * (numbers * width + adapters * MASTER) + scores
    }

    /// Kept numbers per token for the adapters of a block: what comes out of each `A`, and with dropout each input.
    fn adapters(&self, lora: &LoraPlan) -> f64 {
        let chosen = self.linears.iter().filter(|linear| lora.targets.includes(linear.name));
        let dropped = |linear: &Linear| if lora.dropout > 0.0 { linear.input as f64 } else { 0.0 };
        chosen.map(|linear| lora.rank as f64 + dropped(linear)).sum()
    }

    /// What exists while one block computes, and is gone after it.
    pub(super) fn working(&self, by: &Coefficients, tokens: Tokens, width: f64) -> f64 {
        let numbers = by.working_intermediate * self.intermediate + by.working_hidden * self.hidden;
        let scores = by.working_scores * by.score_bytes * tokens.rows * self.heads * tokens.length.powi(2);
        // MLP and attention of a block do not compute at the same time.
        (tokens.count() * numbers * width)
            .max(tokens.count() * by.working_hidden * self.hidden * width + scores)
    }
}
