"""Writes every golden under tests/golden/models/: tiny random models in published form, and their numbers.

Versions: torch 2.15.0 (CPU), transformers 5.23.0, peft 0.21.2, sentencepiece 0.2.3, safetensors 0.8.0,
tokenizers 0.23.3, numpy 2.4.6. Seed: 20240403 (models_folders.py). One thread, eager attention, float32 arithmetic.
Run from the repository root: python tests/reference/models.py
"""

import sys

# Scripts beside this one may be named like the library they test; libraries come first.
sys.path.append(sys.path.pop(0))

import models_formats
import models_llava
import models_llm
import models_splice
import models_tokenizer
import models_vision
from models_folders import GOLDEN


def main():
    for area in (models_tokenizer, models_llm, models_vision, models_formats, models_splice, models_llava):
        print(area.__name__)
        area.make()
    total = sum(f.stat().st_size for f in GOLDEN.rglob("*") if f.is_file())
    print(f"{total} bytes")
    assert total <= 6_200_000
    heavy = [f for f in GOLDEN.rglob("*") if f.is_file() and f.stat().st_size > 350_000]
    assert not heavy, heavy


if __name__ == "__main__":
    main()
