"""Q4_K and Q6_K blocks as llama.cpp's own library packs them.

Needs numpy and xllamacpp==2026.10.11549 (its extension module carries ggml). Writes tests/golden/gguf/: `values.f32`,
2048 numbers, and what they become.

    python tests/reference/k_quants.py
"""

import ctypes
from pathlib import Path

import numpy
import xllamacpp

OUT = Path(__file__).parent.parent / "golden" / "gguf"
Q4_K, Q6_K = 12, 14
BYTES = {Q4_K: 144, Q6_K: 210}


def values() -> numpy.ndarray:
    random = numpy.random.default_rng(7)
    blocks = [
        random.normal(0, 0.02, 256),  # weights of a network
        random.normal(0, 0.02, 256) * numpy.repeat(10.0 ** random.uniform(-1, 1, 8), 32),  # groups of any size
        random.uniform(0.1, 1, 256),  # no number below zero
        -random.uniform(0.1, 1, 256),  # none above
        numpy.zeros(256),
        numpy.full(256, 0.25),
        random.standard_t(2, 256) * 0.01,  # outliers
        numpy.where(numpy.arange(256) % 32 < 16, 0.0, random.normal(0, 1e-4, 256)),  # half of it nothing
    ]
    return numpy.concatenate(blocks).astype("<f4")


def main() -> None:
    ggml = ctypes.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))))
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    pointer = ctypes.c_void_p
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, pointer, pointer, *[ctypes.c_int64] * 3, pointer]
    numbers = values()
    OUT.mkdir(exist_ok=True)
    (OUT / "values.f32").write_bytes(numbers.tobytes())
    for kind, name in ((Q4_K, "q4_k"), (Q6_K, "q6_k")):
        packed = numpy.zeros(len(numbers) // 256 * BYTES[kind], dtype="u1")
        size = ggml.ggml_quantize_chunk(
            kind, numbers.ctypes.data, packed.ctypes.data, 0, len(numbers) // 256, 256, None
        )
        assert size == len(packed), size
        (OUT / f"{name}.bin").write_bytes(packed.tobytes())


if __name__ == "__main__":
    main()
