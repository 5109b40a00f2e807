"""bitsandbytes' 4-bit codes, block scales and doubly quantised scales of a random weight.

Versions and seed: see training.py. The CPU kernel behind `quantize_blockwise` searches its table approximately: about
15 of 10,000 codes differ from the nearest entry, which the CUDA kernel and the portable version take. The seed is one
for which all of them agree (`attempt`).
"""

import copy

import torch
from bitsandbytes import functional as bnb

from training_files import dice, write_tensors


def dequantised(codes, state):
    """The numbers again, a block to a row: the CPU kernel takes the wrong scales where rows are no whole blocks."""
    rows = copy.copy(state)
    rows.shape = torch.Size((state.shape.numel() // 64, 64))
    return bnb.dequantize_4bit(codes, rows).reshape(state.shape)


def make():
    for attempt in range(1000):
        weight = torch.randn((64, 288), generator=dice("nf4", attempt)) * 0.02  # 288 blocks: an outer one, and 32
        weight = weight.to(torch.bfloat16).float()
        _, plain = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4")
        codes, state = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=True)
        offset, outer = state.offset, state.state2.absmax
        exact = plain.absmax.double().mean().float()
        centred = torch.nn.functional.pad(plain.absmax - offset, (0, -len(plain.absmax) % 256)).reshape(-1, 256)
        scaled = (centred * (1.0 / outer)[:, None]).clamp(-1, 1).reshape(-1)[: len(plain.absmax)]
        table = state.state2.code
        by_midpoint = torch.bucketize(scaled, (table[:-1] + table[1:]) / 2).to(torch.uint8)
        if torch.equal(by_midpoint, state.absmax) and exact == offset:
            break
    else:
        raise SystemExit("no seed found")
    print("  nf4: attempt", attempt)
    write_tensors("nf4.safetensors", {
        "weight": weight.to(torch.bfloat16), "codes": codes.flatten(), "absmax": plain.absmax, "codebook": plain.code,
        "nested.codes": state.absmax, "nested.absmax": outer, "nested.offset": offset.reshape(1),
        "nested.table": table,
        "dequantised": dequantised(codes, state),
    })  # fmt: skip
