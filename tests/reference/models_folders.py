"""How a golden folder is written: seeds, number formats, files. Knows no network.

Versions and seed: see models.py.
"""

import json
import os
import shutil
import zlib
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import logging

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)
torch.set_grad_enabled(False)

SEED = 20240403
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "models"
TEXT_TOKENS = 372
"""Number of pieces of the shared tokenizer; `<image>` and `<pad>` follow it in llava-hf folders."""


def dice(name, attempt=0):
    """A generator that depends on the name alone, so that folders do not influence each other."""
    return torch.Generator().manual_seed(SEED + 1000 * attempt + zlib.crc32(name.encode()) % 100_000_000)


def fresh(*parts):
    """An empty folder under the goldens."""
    folder = GOLDEN.joinpath(*parts)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_tensors(path, tensors):
    """Safetensors as the hub has them: contiguous, keys sorted, `format: pt`."""
    save_file({k: tensors[k].contiguous().clone() for k in sorted(tensors)}, str(path), metadata={"format": "pt"})
    path.chmod(0o644)


def read_tensors(path, dtype=torch.float32):
    return {k: v.to(dtype) for k, v in load_file(str(path)).items()}


def roll(shapes, die, dtype):
    """Random weights: large enough that logits are well spread, norms around 1, biases not zero; exact in `dtype`."""
    tensors = {}
    for name, shape in sorted(shapes.items()):
        noise = torch.randn(shape, generator=die)
        is_norm = any(part in name for part in ("norm", "layrnorm", "ln_"))
        if name.endswith("bias"):
            noise = 0.2 * noise
        elif is_norm:
            noise = 1.0 + 0.2 * noise
        elif "lm_head" in name:
            noise = 0.5 * noise
        elif "embed" in name:
            noise = 0.7 * noise
        elif name.endswith("logit_scale"):
            noise = torch.full(shape, 2.6592)
        else:
            noise = noise * 1.5 / (noise.numel() / shape[0]) ** 0.5
        tensors[name] = noise.to(dtype)
    return tensors


def shapes_of(model):
    """Names and shapes of what a model keeps on disk, tied and rebuilt tensors left out."""
    tied = {"lm_head.weight"} if getattr(model.config, "tie_word_embeddings", False) else set()
    return {k: v.shape for k, v in model.state_dict().items() if k not in tied and not k.endswith("position_ids")}


def load_exact(cls, folder, dtype=torch.float32):
    """Loads a folder through transformers and insists that every key found its place."""
    model, info = cls.from_pretrained(
        str(folder), dtype=dtype, attn_implementation="eager", output_loading_info=True, local_files_only=True
    )
    assert not info["missing_keys"] and not info["mismatched_keys"], (folder, info)
    return model.eval(), info


class Undecided(Exception):
    """The best and the second-best token are too close: the numbers would not travel between machines."""


def greedy(next_logits, steps=64, min_gap=2e-3, min_distinct=12):
    """Follows the best token; `next_logits(new_tokens) -> [vocab]` recomputes from the start every time."""
    tokens, gaps = [], []
    for _ in range(steps):
        best, second = torch.topk(next_logits(tokens), 2).values.tolist()
        gaps.append(best - second)
        if gaps[-1] <= min_gap:
            raise Undecided(f"gap {gaps[-1]:.2e} at step {len(gaps)}")
        tokens.append(int(next_logits.last.argmax()))
    if len(set(tokens)) < min_distinct:
        raise Undecided(f"only {len(set(tokens))} different tokens")
    return torch.tensor(tokens), min(gaps)


class Next:
    """`next_logits` of `greedy`, remembering what it returned last."""

    def __init__(self, compute):
        self.compute, self.last = compute, None

    def __call__(self, tokens):
        self.last = self.compute(torch.tensor(tokens, dtype=torch.int64)).float()
        return self.last


def until_decided(build, attempts=40):
    """Tries seeds 0, 1, 2, … until greedy decoding is unambiguous; returns the attempt that worked."""
    for attempt in range(attempts):
        try:
            return build(attempt)
        except Undecided as reason:
            print(f"    attempt {attempt}: {reason}")
    raise SystemExit("no seed gave decided tokens")


def versions():
    import peft, safetensors, sentencepiece, tokenizers

    found = {m.__name__: m.__version__ for m in (torch, transformers, peft, sentencepiece, safetensors, tokenizers)}
    return found
