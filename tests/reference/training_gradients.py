"""Each numerical operation on small random inputs: its output, and its gradients for a random output gradient.

Versions and seed: see training.py. Keys: `{case}.{input}`, `{case}.out`, `{case}.d_out`, `{case}.d_{input}`.
"""

import torch
import torch.nn.functional as F
from transformers.activations import ACT2FN

from training_files import dice, write_tensors


def linear(x, weight, bias):
    return F.linear(x, weight, bias)


def rms_norm(x, weight):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))


def layer_norm(x, weight, bias):
    return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-5)


def swiglu(gate, up):
    return F.silu(gate) * up


def attend(q, k, v, hidden):
    group = q.shape[1] // k.shape[1]
    k, v = (t.repeat_interleave(group, dim=1) for t in (k, v))
    scores = q @ k.transpose(-1, -2) * 0.3
    return torch.softmax(scores.masked_fill(hidden, float("-inf")), -1) @ v


def causal(q, k, v):
    """Row 0 has 5 keys, row 1 has 3; queries behind a row's end see what is left."""
    hidden = torch.ones(5, 5).triu(1).bool()[None, None].repeat(2, 1, 1, 1)
    hidden[1, :, :, 3:] = True
    return attend(q, k, v, hidden)


def full(q, k, v):
    return attend(q, k, v, torch.zeros(5, 5).bool())


def rope(x):
    """Positions 3..8, base 10000."""
    half = x.shape[-1] // 2
    angles = torch.arange(3.0, 3.0 + x.shape[2])[:, None] * 10000.0 ** (-torch.arange(0.0, half) / half)
    cos, sin = (torch.cat([t, t], -1) for t in (angles.cos(), angles.sin()))
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


def embedding(table):
    return F.embedding(torch.tensor([2, 0, 2, 5]), table)


def cross_entropy(logits):
    return F.cross_entropy(logits, torch.tensor([4, 0, 10]), reduction="none")


CASES = {
    "linear": (linear, {"x": (2, 3, 5), "weight": (4, 5), "bias": (4,)}),
    "rms_norm": (rms_norm, {"x": (2, 3, 8), "weight": (8,)}),
    "layer_norm": (layer_norm, {"x": (2, 3, 8), "weight": (8,), "bias": (8,)}),
    "swiglu": (swiglu, {"gate": (2, 7), "up": (2, 7)}),
    "attention_causal": (causal, {"q": (2, 4, 5, 6), "k": (2, 2, 5, 6), "v": (2, 2, 5, 6)}),
    "attention_full": (full, {"q": (2, 4, 5, 6), "k": (2, 4, 5, 6), "v": (2, 4, 5, 6)}),
    "rope": (rope, {"x": (1, 2, 5, 6)}),
    "embedding": (embedding, {"table": (6, 4)}),
    "cross_entropy": (cross_entropy, {"logits": (3, 11)}),
} | {
    f"activation/{name}": (ACT2FN[name], {"x": (3, 7)})
    for name in ("gelu", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu", "tanh", "sigmoid")
}  # fmt: skip


def make():
    tensors = {}
    for name, (function, shapes) in CASES.items():
        die = dice(name)
        inputs = {k: torch.randn(s, generator=die).requires_grad_() for k, s in shapes.items()}
        out = function(*inputs.values())
        d_out = torch.randn(out.shape, generator=die)
        out.backward(d_out)
        tensors |= {f"{name}.{k}": v for k, v in inputs.items()} | {f"{name}.out": out, f"{name}.d_out": d_out}
        tensors |= {f"{name}.d_{k}": v.grad for k, v in inputs.items()}
    write_tensors("gradients.safetensors", tensors)
