//! The decoder's gated MLP, with gate and up projections separate or stacked.

use burn::tensor::Tensor;
use eyewright_ops::{Activation, swiglu};

use super::{DecoderConfig, Layout};
use crate::{linear::Linear, weights::Loader};

/// `down(act(gate(x)) · up(x))`
#[derive(Clone, Debug)]
pub(super) struct Mlp {
    gate_up: GateUp,
    down: Linear,
    activation: Activation,
}

#[derive(Clone, Debug)]
enum GateUp {
    Separate {
        gate: Linear,
        up: Linear,
    },
    /// Phi-3: the gate's rows, then the up projection's.
    Stacked(Linear),
}

impl Mlp {
    pub(super) fn load(loader: &mut Loader<'_>, layer: &str, config: &DecoderConfig) -> Self {
        let (hidden, inner) = (config.hidden, config.intermediate);
        let (gate, up, down) = match config.layout {
            Layout::Llama => ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
            Layout::InternLm2 => ("feed_forward.w1", "feed_forward.w3", "feed_forward.w2"),
            Layout::Phi3 => ("mlp.gate_up_proj", "", "mlp.down_proj"),
        };
        let mut part = |name: &str, shape| Linear::load(loader, &format!("{layer}.{name}"), shape, false);
        let gate_up = if config.layout == Layout::Phi3 {
            GateUp::Stacked(part(gate, [2 * inner, hidden]))
        } else {
            GateUp::Separate { gate: part(gate, [inner, hidden]), up: part(up, [inner, hidden]) }
        };
        Self { gate_up, down: part(down, [hidden, inner]), activation: config.activation }
    }

    pub(super) fn each_linear(&mut self, visit: &mut dyn FnMut(&mut Linear)) {
        match &mut self.gate_up {
            GateUp::Separate { gate, up } => [gate, up].into_iter().for_each(&mut *visit),
            GateUp::Stacked(packed) => visit(packed),
        }
        visit(&mut self.down);
    }

    /// # Shapes
    /// - x: `[batch, seq, hidden]`; output the same
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let (gate, up) = match &self.gate_up {
            GateUp::Separate { gate, up } => (gate.forward(x.clone()), up.forward(x)),
            GateUp::Stacked(packed) => {
                let y = packed.forward(x); // [batch, seq, 2 * intermediate]
                let inner = y.dims()[2] / 2;
                (y.clone().narrow(2, 0, inner), y.narrow(2, inner, inner))
            }
        };
        self.down.forward(swiglu(self.activation, gate, up))
    }
}
