"""Writes every golden under tests/golden/training/: gradients, 4-bit codes, and training runs of a tiny LLaVA.

Versions: torch 2.15.0 (CPU), transformers 5.23.0, peft 0.21.2, bitsandbytes 0.50.2, safetensors 0.8.0, numpy 2.4.6.
Seed: 20240403 (training_files.py). One thread, eager attention, float32 arithmetic.
Run from the repository root: python tests/reference/training.py
"""

import sys

# Scripts beside this one may be named like the library they test; libraries come first.
sys.path.append(sys.path.pop(0))

import training_gradients
import training_nf4
import training_runs
from training_files import GOLDEN


def main():
    for area in (training_gradients, training_nf4, training_runs):
        print(area.__name__)
        area.make()
    total = sum(f.stat().st_size for f in GOLDEN.rglob("*") if f.is_file())
    print(f"{total} bytes")
    assert total <= 1_500_000


if __name__ == "__main__":
    main()
