//! Which token follows, given the model's scores?
//!
//! The order is that of transformers' logits processors: repetition penalty, temperature, top-k, top-p, min-p.
//! The generator is seeded, so the same scores and seed give the same tokens on every machine.

use std::cmp::Ordering;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How tokens are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingConfig {
    /// 0 takes the best token; higher values flatten the distribution.
    pub temperature: f32,
    /// Keep only this many of the best tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of best tokens whose probabilities add up to this; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the best one's probability; 0 drops none.
    pub min_p: f32,
    /// Scores of tokens seen before are divided (if positive) or multiplied by this; 1 changes nothing.
    pub repetition_penalty: f32,
    /// Start of the random sequence.
    pub seed: u64,
}

impl Default for SamplingConfig {
    /// XTuner's chat defaults.
    fn default() -> Self {
        Self { temperature: 0.1, top_k: 40, top_p: 0.75, min_p: 0.0, repetition_penalty: 1.0, seed: 0 }
    }
}

impl SamplingConfig {
    /// Always the best token.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// The first value that is out of range: its name and what would do.
    pub fn fault(&self) -> Option<(&'static str, &'static str)> {
        let finite = |value: f32| value.is_finite();
        if !finite(self.temperature) || self.temperature < 0.0 {
            Some(("temperature", "0 or more"))
        } else if !finite(self.top_p) || self.top_p <= 0.0 || self.top_p > 1.0 {
            Some(("top-p", "above 0 and at most 1"))
        } else if !finite(self.min_p) || !(0.0..=1.0).contains(&self.min_p) {
            Some(("min-p", "between 0 and 1"))
        } else if !finite(self.repetition_penalty) || self.repetition_penalty <= 0.0 {
            Some(("repetition-penalty", "above 0"))
        } else {
            None
        }
    }

    /// A sampler at the start of its random sequence.
    pub fn init(&self) -> Sampler {
        Sampler { config: self.clone(), random: ChaCha8Rng::seed_from_u64(self.seed) }
    }
}

/// Draws tokens.
#[derive(Clone, Debug)]
pub struct Sampler {
    config: SamplingConfig,
    random: ChaCha8Rng,
}

impl Sampler {
    /// The next token. `seen` are the tokens of the prompt and of the answer so far.
    pub fn draw(&mut self, mut scores: Vec<f32>, seen: &[u32]) -> u32 {
        self.penalise(&mut scores, seen);
        if self.config.temperature == 0.0 {
            return best(&scores);
        }
        let kept = self.kept(&scores);
        let total: f32 = kept.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random.random::<f32>() * total;
        for (token, weight) in &kept {
            left -= weight;
            if left <= 0.0 {
                return *token;
            }
        }
        kept.last().map_or(0, |(token, _)| *token) // rounding left a crumb
    }

    fn penalise(&self, scores: &mut [f32], seen: &[u32]) {
        let penalty = self.config.repetition_penalty;
        if penalty == 1.0 {
            return;
        }
        let mut done = vec![false; scores.len()];
        for token in seen {
            let token = *token as usize;
            if token < done.len() && !std::mem::replace(&mut done[token], true) {
                let score = &mut scores[token];
                *score = if *score > 0.0 { *score / penalty } else { *score * penalty };
            }
        }
    }

    /// Tokens that may be drawn with their weights, best first.
    fn kept(&self, scores: &[f32]) -> Vec<(u32, f32)> {
        let config = &self.config;
        let mut ranked: Vec<(u32, f32)> =
            scores.iter().enumerate().filter(|(_, s)| s.is_finite()).map(|(i, s)| (i as u32, *s)).collect();
        let by_score = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if config.top_k > 0 && config.top_k < ranked.len() {
            // selecting first avoids sorting a whole vocabulary for the usual small k
            ranked.select_nth_unstable_by(config.top_k - 1, by_score);
            ranked.truncate(config.top_k);
        }
        ranked.sort_unstable_by(by_score);
        let top = ranked.first().map_or(0.0, |(_, score)| *score);
        for (_, score) in &mut ranked {
            *score = ((*score - top) / config.temperature).exp();
        }
        let total: f32 = ranked.iter().map(|(_, weight)| weight).sum();
        let mut before = 0.0;
        let mut length = 0;
        for (_, weight) in &ranked {
            // the best token always stays; a later one stays while those before it fall short of top-p
            if length > 0 && before >= config.top_p {
                break;
            }
            before += weight / total;
            length += 1;
        }
        ranked.truncate(length);
        ranked.retain(|(_, weight)| *weight >= config.min_p);
        ranked
    }
}

/// The first of the highest scores, as PyTorch's argmax on the CPU.
fn best(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if score.partial_cmp(&scores[best]) == Some(Ordering::Greater) {
            best = index;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut SamplingConfig)) -> SamplingConfig {
        let mut config =
            SamplingConfig { temperature: 1.0, top_k: 0, top_p: 1.0, ..SamplingConfig::default() };
        change(&mut config);
        config
    }

    fn drawn(config: &SamplingConfig, scores: &[f32], seen: &[u32]) -> Vec<u32> {
        let mut sampler = config.init();
        let mut tokens: Vec<u32> = (0..4000).map(|_| sampler.draw(scores.to_vec(), seen)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }

    #[test]
    fn each_setting_keeps_the_tokens_it_should() {
        // probabilities 0.5, 0.25, 0.125, 0.125
        let scores = [2f32.ln(), 0.0, 0.5f32.ln(), 0.5f32.ln()];
        let rows: [(SamplingConfig, &[u32]); 8] = [
            (config(|_| {}), &[0, 1, 2, 3]),
            (config(|c| c.temperature = 0.0), &[0]),
            (config(|c| c.top_k = 2), &[0, 1]),
            (config(|c| c.top_p = 0.5), &[0]),
            (config(|c| c.top_p = 0.51), &[0, 1]),
            (config(|c| c.min_p = 0.5), &[0, 1]),
            (config(|c| c.top_k = 1), &[0]),
            (config(|c| c.top_p = 0.76), &[0, 1, 2]),
        ];
        for (config, expected) in rows {
            assert_eq!(drawn(&config, &scores, &[]), expected, "{config:?}");
        }
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let scores = [2f32.ln(), 0.0, 0.5f32.ln(), 0.5f32.ln()];
        let mut sampler = config(|_| {}).init();
        let mut counts = [0f64; 4];
        for _ in 0..40_000 {
            counts[sampler.draw(scores.to_vec(), &[]) as usize] += 1.0 / 40_000.0;
        }
        for (count, expected) in counts.iter().zip([0.5, 0.25, 0.125, 0.125]) {
            assert!((count - expected).abs() < 0.01, "{counts:?}"); // 4 standard deviations
        }
    }

    #[test]
    fn repetition_penalty_pushes_seen_tokens_down_on_both_sides_of_zero() {
        let greedy = |scores: &[f32], seen: &[u32]| {
            let config = SamplingConfig { repetition_penalty: 2.0, ..SamplingConfig::greedy() };
            config.init().draw(scores.to_vec(), seen)
        };
        assert_eq!(greedy(&[3.0, 2.0], &[]), 0);
        assert_eq!(greedy(&[3.0, 2.0], &[0, 0, 0]), 1); // 1.5 < 2, and only once per token
        assert_eq!(greedy(&[-1.0, -1.5], &[0]), 1); // -2 < -1.5
        assert_eq!(greedy(&[1.0, 0.0], &[7]), 0); // a token outside the scores is no fault
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens() {
        let scores: Vec<f32> = (0..50).map(|i| (i as f32 * 0.7).sin()).collect();
        let run = |seed| {
            let mut sampler = config(|c| c.seed = seed).init();
            (0..64).map(|_| sampler.draw(scores.clone(), &[])).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
