//! Self-attention of the decoder: three ways of packing queries, keys and values, one computation.

use burn::tensor::Tensor;
use eyewright_ops::{AttentionMask, Rope, apply_rope, attention};

use super::{DecoderConfig, Layout, kv_cache::LayerCache};
use crate::{linear::Linear, weights::Loader};

/// Grouped-query attention with rotary positions.
#[derive(Clone, Debug)]
pub(super) struct SelfAttention {
    qkv: QueryKeyValue,
    out: Linear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

/// The projections as the checkpoint has them; adapters hang on these, so they are never repacked.
#[derive(Clone, Debug)]
enum QueryKeyValue {
    Separate {
        q: Linear,
        k: Linear,
        v: Linear,
    },
    /// InternLM2: rows ordered by key/value group; in each group its query heads, then its key, then its value.
    Grouped(Linear),
    /// Phi-3: all queries, then all keys, then all values.
    Stacked(Linear),
}

impl SelfAttention {
    pub(super) fn load(loader: &mut Loader<'_>, layer: &str, config: &DecoderConfig) -> Self {
        let (hidden, query, kv) = (config.hidden, config.query_width(), config.kv_width());
        let bias = config.qkv_bias;
        let (qkv, out) = match config.layout {
            Layout::Llama => {
                let mut part = |name: &str, width| {
                    Linear::load(loader, &format!("{layer}.self_attn.{name}_proj"), [width, hidden], bias)
                };
                let (q, k, v) = (part("q", query), part("k", kv), part("v", kv));
                (QueryKeyValue::Separate { q, k, v }, "self_attn.o_proj")
            }
            Layout::InternLm2 => {
                let name = format!("{layer}.attention.wqkv");
                let packed = Linear::load(loader, &name, [query + 2 * kv, hidden], bias);
                (QueryKeyValue::Grouped(packed), "attention.wo")
            }
            Layout::Phi3 => {
                let name = format!("{layer}.self_attn.qkv_proj");
                let packed = Linear::load(loader, &name, [query + 2 * kv, hidden], bias);
                (QueryKeyValue::Stacked(packed), "self_attn.o_proj")
            }
        };
        Self {
            qkv,
            out: Linear::load(loader, &format!("{layer}.{out}"), [hidden, query], config.out_bias),
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
        }
    }

    pub(super) fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        match &mut self.qkv {
            QueryKeyValue::Separate { q, k, v } => [q, k, v].into_iter().for_each(&mut *visit),
            QueryKeyValue::Grouped(packed) | QueryKeyValue::Stacked(packed) => visit(packed),
        }
        visit(&mut self.out);
    }

    /// # Shapes
    /// - x: `[batch, seq, hidden]`; output the same
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        rope: &Rope,
        mask: &AttentionMask,
        cache: Option<&mut LayerCache>,
    ) -> Tensor<3> {
        let [batch, seq, _] = x.dims();
        let [q, k, v] = self.project(x); // [batch, heads or kv_heads, seq, head_dim]
        let q = apply_rope(q, rope);
        let k = apply_rope(k, rope);
        let (k, v) = match cache {
            None => (k, v),
            Some(cache) => cache.append(k, v),
        };
        let scale = (self.head_dim as f64).powf(-0.5);
        let y = attention(q, k, v, mask, scale);
        let y = y.swap_dims(1, 2).reshape([batch, seq, self.heads * self.head_dim]);
        self.out.forward(y)
    }

    fn project(&self, x: Tensor<3>) -> [Tensor<4>; 3] {
        let [batch, seq, _] = x.dims();
        let (heads, kv_heads, head_dim) = (self.heads, self.kv_heads, self.head_dim);
        let by_head = |y: Tensor<3>, heads| y.reshape([batch, seq, heads, head_dim]).swap_dims(1, 2);
        match &self.qkv {
            QueryKeyValue::Separate { q, k, v } => [
                by_head(q.forward(x.clone()), heads),
                by_head(k.forward(x.clone()), kv_heads),
                by_head(v.forward(x), kv_heads),
            ],
            QueryKeyValue::Grouped(packed) => {
                let group = heads / kv_heads;
                let y = packed.forward(x).reshape([batch, seq, kv_heads, group + 2, head_dim]);
                let slot = |start, slots| {
                    let part = y.clone().narrow(3, start, slots);
                    part.reshape([batch, seq, kv_heads * slots, head_dim]).swap_dims(1, 2)
                };
                [slot(0, group), slot(group, 1), slot(group + 1, 1)]
            }
            QueryKeyValue::Stacked(packed) => {
                let y = packed.forward(x);
                let (query, kv) = (heads * head_dim, kv_heads * head_dim);
                [
                    by_head(y.clone().narrow(2, 0, query), heads),
                    by_head(y.clone().narrow(2, query, kv), kv_heads),
                    by_head(y.narrow(2, query + kv, kv), kv_heads),
                ]
            }
        }
    }
}
