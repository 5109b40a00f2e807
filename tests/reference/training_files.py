"""How the training goldens are written: seeds and files. Versions and seed: see training.py."""

import json
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import logging

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)

SEED = 20240403
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "training"


def dice(name, attempt=0):
    """A generator that depends on the name alone."""
    return torch.Generator().manual_seed(SEED + 1000 * attempt + zlib.crc32(name.encode()) % 100_000_000)


def write_tensors(name, tensors):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    path = GOLDEN / name
    save_file({k: tensors[k].detach().contiguous().clone() for k in sorted(tensors)}, str(path))
    path.chmod(0o644)


def write_json(name, value):
    (GOLDEN / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")
