//! How do queries read keys and values: scaled dot products, masks, and grouped key/value heads?
//!
//! Several query heads may share one key/value head. They are folded into the query's rows, so keys and
//! values are never repeated in memory.

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};

use crate::{
    matmul::matmul,
    norm::{to_dtype, to_f32},
};

/// Which keys a query may see, as a term added to the scores: 0 where it may, a large negative number where
/// it may not. Built once per forward pass and shared by all layers.
#[derive(Clone, Debug)]
pub struct AttentionMask {
    /// `[batch or 1, queries, keys]`, f32; `None` lets every query see every key.
    bias: Option<Tensor<3>>,
}

/// Finite, so that a row in which nothing is visible stays finite too.
const HIDDEN: f32 = -1e30;

impl AttentionMask {
    /// Every query sees every key.
    pub fn full() -> Self {
        Self { bias: None }
    }

    /// Query `i` stands at position `past + i` and sees keys `0..=past + i`; with a `window` only the last
    /// `window` of those (Mistral). `lengths` gives, per row of the batch, how many keys are real: those
    /// behind are right padding and seen by nobody.
    pub fn causal(
        queries: usize,
        past: usize,
        window: Option<usize>,
        lengths: Option<&[usize]>,
        device: &Device,
    ) -> Self {
        let keys = past + queries;
        if queries == 1 && lengths.is_none() && window.is_none_or(|window| keys <= window) {
            return Self::full(); // the newest token sees everything before it
        }
        let rows: Vec<usize> = lengths.map_or_else(|| vec![keys], <[usize]>::to_vec);
        let mut bias = vec![HIDDEN; rows.len() * queries * keys];
        for (row, &length) in rows.iter().enumerate() {
            for query in 0..queries {
                let end = (past + query + 1).min(length);
                let start = window.map_or(0, |window| (past + query + 1).saturating_sub(window));
                let line = (row * queries + query) * keys;
                if start < end {
                    bias[line + start..line + end].fill(0.0);
                }
            }
        }
        let data = TensorData::new(bias, [rows.len(), queries, keys]);
        Self { bias: Some(Tensor::from_data(data, device)) }
    }
}

/// Softmax attention with f32 scores; grouped-query when `kv_heads < heads` (Ainslie et al. 2023): query head
/// `h` reads key/value head `h / (heads / kv_heads)`.
///
/// # Shapes
/// - q: `[batch, heads, queries, head_dim]`
/// - k, v: `[batch, kv_heads, keys, head_dim]`
/// - output: `[batch, heads, queries, head_dim]`
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask, scale: f64) -> Tensor<4> {
    let [batch, heads, queries, head_dim] = q.dims();
    let [_, kv_heads, keys, _] = k.dims();
    assert_eq!(q.dtype(), k.dtype(), "attention: queries and keys must have one dtype");
    let group = heads / kv_heads;
    let dtype = q.dtype();
    let q = q.reshape([batch, kv_heads, group * queries, head_dim]);
    let scores = to_f32(matmul(q, k.swap_dims(2, 3))) * scale; // [batch, kv_heads, group * queries, keys]
    let scores = match &mask.bias {
        None => scores,
        Some(bias) => {
            let rows = bias.dims()[0];
            let bias = bias.clone().reshape([rows, 1, 1, queries, keys]);
            let scores = scores.reshape([batch, kv_heads, group, queries, keys]) + bias;
            scores.reshape([batch, kv_heads, group * queries, keys])
        }
    };
    let weights = to_dtype(softmax(scores, 3), dtype);
    matmul(weights, v).reshape([batch, heads, queries, head_dim])
}
