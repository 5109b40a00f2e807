//! Gradients of every numerical operation against PyTorch.

use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use eyewright_model::weights::Checkpoint;
use eyewright_ops as ops;

use crate::tiny::{distance, floats, golden};

struct Case {
    file: Checkpoint,
    name: &'static str,
}

impl Case {
    fn tensor<const D: usize>(&self, key: &str) -> Tensor<D> {
        let (values, shape) = floats(&self.file, &format!("{}.{key}", self.name));
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn input<const D: usize>(&self, key: &str) -> Tensor<D> {
        self.tensor(key).autodiff().require_grad()
    }

    fn close<const D: usize>(&self, what: &str, found: Tensor<D>) {
        let found: Vec<f32> = found.inner().into_data().iter::<f32>().collect();
        let apart = distance(&found, &floats(&self.file, &format!("{}.{what}", self.name)).0);
        assert!(apart < 1e-6, "{}.{what} is {apart:e} away", self.name);
    }

    /// Compares the output and pulls the golden's gradient back through it.
    fn pull_back<const D: usize>(&self, out: Tensor<D>) -> Gradients {
        self.close("out", out.clone());
        (out * self.tensor("d_out")).backward()
    }

    fn gradient<const D: usize>(&self, key: &str, input: &Tensor<D>, tape: &Gradients) {
        self.close(&format!("d_{key}"), input.grad(tape).unwrap());
    }
}

fn case(name: &'static str) -> Case {
    Case { file: Checkpoint::open(&golden("gradients.safetensors")).unwrap(), name }
}

#[test]
fn linear() {
    let case = case("linear");
    let (x, weight, bias) = (case.input::<3>("x"), case.input("weight"), case.input("bias"));
    let tape = case.pull_back(ops::linear(x.clone(), weight.clone(), Some(bias.clone())));
    case.gradient("x", &x, &tape);
    case.gradient("weight", &weight, &tape);
    case.gradient("bias", &bias, &tape);
}

#[test]
fn norms() {
    let case_ = case("rms_norm");
    let (x, weight) = (case_.input::<3>("x"), case_.input("weight"));
    let tape = case_.pull_back(ops::rms_norm(x.clone(), weight.clone(), 1e-5));
    case_.gradient("x", &x, &tape);
    case_.gradient("weight", &weight, &tape);
    let case = case("layer_norm");
    let (x, weight, bias) = (case.input::<3>("x"), case.input("weight"), case.input("bias"));
    let tape = case.pull_back(ops::layer_norm(x.clone(), weight.clone(), bias.clone(), 1e-5));
    case.gradient("x", &x, &tape);
    case.gradient("weight", &weight, &tape);
    case.gradient("bias", &bias, &tape);
}

#[test]
fn activations() {
    for name in [
        "activation/gelu",
        "activation/gelu_pytorch_tanh",
        "activation/quick_gelu",
        "activation/relu",
        "activation/silu",
        "activation/tanh",
        "activation/sigmoid",
    ] {
        let case = case(name);
        let act: ops::Activation = name.trim_start_matches("activation/").parse().unwrap();
        let x = case.input::<2>("x");
        let tape = case.pull_back(act.forward(x.clone()));
        case.gradient("x", &x, &tape);
    }
    let case = case("swiglu");
    let (gate, up) = (case.input::<2>("gate"), case.input("up"));
    let tape = case.pull_back(ops::swiglu(ops::Activation::Silu, gate.clone(), up.clone()));
    case.gradient("gate", &gate, &tape);
    case.gradient("up", &up, &tape);
}

#[test]
fn attention() {
    let causal = ops::AttentionMask::causal(5, 0, None, Some(&[5, 3]), &Device::flex());
    for (name, mask) in [("attention_causal", causal), ("attention_full", ops::AttentionMask::full())] {
        let case = case(name);
        let (q, k, v) = (case.input("q"), case.input("k"), case.input("v"));
        let tape = case.pull_back(ops::attention(q.clone(), k.clone(), v.clone(), &mask, 0.3));
        case.gradient("q", &q, &tape);
        case.gradient("k", &k, &tape);
        case.gradient("v", &v, &tape);
    }
}

#[test]
fn rope_and_embedding() {
    let case_ = case("rope");
    let x = case_.input::<4>("x");
    let config = ops::RopeConfig { theta: 10_000.0, head_dim: 6, scaling: ops::RopeScaling::None };
    let rope = config.init(3, 5, x.dtype(), &Device::flex());
    let tape = case_.pull_back(ops::apply_rope(x.clone(), &rope));
    case_.gradient("x", &x, &tape);
    let case = case("embedding");
    let table = case.input::<2>("table");
    let ids = Tensor::<1, Int>::from_ints([2, 0, 2, 5], &Device::flex());
    let tape = case.pull_back(ops::embedding(table.clone(), ids));
    case.gradient("table", &table, &tape);
}

#[test]
fn cross_entropy() {
    let case = case("cross_entropy");
    let targets = Tensor::<1, Int>::from_ints([4, 0, 10], &Device::flex());
    let (losses, gradient) = ops::token_losses_and_gradient(case.tensor("logits"), targets.clone(), 1.0);
    case.close("out", losses);
    case.close("out", ops::token_losses(case.tensor("logits"), targets));
    case.close("d_logits", gradient * case.tensor::<1>("d_out").unsqueeze_dim::<2>(1));
}
