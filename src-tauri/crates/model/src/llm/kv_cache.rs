//! Where are the keys and values of earlier tokens kept while an answer is written?
//!
//! Memory is taken in pages of tokens, so that most steps write in place and a long answer does not copy the
//! whole past each time.

use burn::tensor::{Device, Tensor};

/// Tokens by which a full cache grows.
const PAGE: usize = 256;

/// Keys and values of every layer for one row of text.
#[derive(Clone, Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    length: usize,
}

impl KvCache {
    /// An empty cache for a decoder of `layers` blocks.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![LayerCache::default(); layers], length: 0 }
    }

    /// Tokens seen so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// No token seen yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets every token from position `length` on; what came before stays. A longer `length` changes nothing.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for layer in &mut self.layers {
            layer.length = layer.length.min(length);
        }
    }

    pub(super) fn layer(&mut self, index: usize) -> &mut LayerCache {
        &mut self.layers[index]
    }

    pub(super) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }
}

/// One layer's share: `[batch, kv_heads, capacity, head_dim]` each, of which `length` tokens are filled.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerCache {
    stored: Option<(Tensor<4>, Tensor<4>)>,
    length: usize,
}

impl LayerCache {
    /// Adds the new tokens and returns all keys and values so far.
    ///
    /// # Shapes
    /// - k, v: `[batch, kv_heads, seq, head_dim]`
    /// - output: `[batch, kv_heads, length, head_dim]` twice
    pub(super) fn append(&mut self, k: Tensor<4>, v: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let [batch, kv_heads, seq, head_dim] = k.dims();
        let (start, end) = (self.length, self.length + seq);
        let mut stored = match self.stored.take() {
            None => (room_for(&k, end), room_for(&v, end)),
            Some((keys, values)) if keys.dims()[2] < end => {
                (grown(keys, start, end), grown(values, start, end))
            }
            Some(stored) => stored,
        };
        let place = [0..batch, 0..kv_heads, start..end, 0..head_dim];
        // `inplace` gives up the only handle, so the write does not copy the past.
        stored.0.inplace(|keys| keys.slice_assign(place.clone(), k));
        stored.1.inplace(|values| values.slice_assign(place, v));
        let filled = (stored.0.clone().narrow(2, 0, end), stored.1.clone().narrow(2, 0, end));
        self.stored = Some(stored);
        self.length = end;
        filled
    }
}

fn room_for(like: &Tensor<4>, tokens: usize) -> Tensor<4> {
    let [batch, kv_heads, _, head_dim] = like.dims();
    let device: Device = like.device();
    Tensor::zeros([batch, kv_heads, tokens.div_ceil(PAGE) * PAGE, head_dim], (&device, like.dtype()))
}

fn grown(old: Tensor<4>, filled: usize, tokens: usize) -> Tensor<4> {
    let [batch, kv_heads, _, head_dim] = old.dims();
    let new = room_for(&old, tokens);
    new.slice_assign([0..batch, 0..kv_heads, 0..filled, 0..head_dim], old.narrow(2, 0, filled))
}
