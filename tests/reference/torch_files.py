"""Writes small checkpoints as torch itself saves them, and the same values as safetensors.

Read by `src-tauri/crates/model/src/weights/goldens.rs`, which compares every tensor byte for byte.

Run from the repository root:  python tests/reference/torch_files.py
Versions that wrote the files: torch 2.15.0, numpy 2.4.6, safetensors 0.8.0. Seed 20240613.
"""

import collections
import datetime
import pathlib
import sys
import types

import numpy
import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent.parent / "golden" / "torch_files"


def history_buffer():
    """An object of a class that torch cannot know, as mmengine puts them beside the weights."""
    module = types.ModuleType("mmengine_like")

    class HistoryBuffer:
        def __init__(self):
            self._log_history = numpy.array([2.5, 1.25, 0.625])
            self._count_history = numpy.array([1, 1, 1])

    HistoryBuffer.__module__ = module.__name__
    HistoryBuffer.__qualname__ = "HistoryBuffer"
    module.HistoryBuffer = HistoryBuffer
    sys.modules[module.__name__] = module
    return HistoryBuffer()


def with_metadata(tensors):
    state_dict = collections.OrderedDict(tensors)
    state_dict._metadata = collections.OrderedDict({"": {"version": 1}, "projector": {"version": 1}})
    return state_dict


def contiguous(tensors):
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def main():
    torch.manual_seed(20240613)
    OUT.mkdir(parents=True, exist_ok=True)
    table = torch.randn(6, 4)
    plain = {
        "embed.weight": table,
        "lm_head.weight": table,  # tied: one storage, two names
        "f16": torch.randn(3, 5).half(),
        "bf16": torch.randn(2, 3, 4).bfloat16(),
        "f64": torch.randn(2).double(),
        "position_ids": torch.arange(7).reshape(1, 7),
        "i32": torch.tensor([-5, 6], dtype=torch.int32),
        "i16": torch.tensor([-300, 300], dtype=torch.int16),
        "i8": torch.tensor([-7, 7], dtype=torch.int8),
        "u8": torch.tensor([0, 255, 17], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(4)),
        "buffer": torch.nn.Parameter(torch.randn(2, 2), requires_grad=False),
    }
    stored = torch.randn(4, 5, 3)
    views = {
        "whole": stored,
        "transposed": stored[0].t(),
        "permuted": stored.permute(2, 0, 1),
        "slice": stored[1:3],
        "column": stored[:, 2, :],
        "every_second": stored[:, ::2, 1:],
        "expanded": stored[0, 0].expand(4, 3),
        "bits": torch.tensor([1, 2, 3, 4], dtype=torch.uint8)[1:3],
    }
    projector = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.GELU(), torch.nn.Linear(6, 6))
    training = {f"projector.model.{name}": tensor for name, tensor in projector.state_dict().items()}
    optimizer = torch.optim.AdamW(projector.parameters(), lr=1e-3)
    projector(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    checkpoint = {
        "meta": {
            "epoch": 0,
            "iter": 500,
            "time": datetime.datetime(2024, 6, 13, 12, 0, 0),
            "cfg": "max_epochs = 1\n",
            "seed": numpy.int64(42),
            "lr": numpy.float32(2e-4),
        },
        "state_dict": with_metadata(training),
        "message_hub": {"log_scalars": collections.OrderedDict({"train/loss": history_buffer()})},
        "optimizer": optimizer.state_dict(),
        "param_schedulers": [{"base_values": [0.001], "last_step": 500, "total": 2**80}],
    }
    torch.save(plain, OUT / "plain.bin")
    torch.save(with_metadata(views), OUT / "views.bin")
    torch.save(views, OUT / "views_protocol4.pt", pickle_protocol=4)
    torch.save(checkpoint, OUT / "iter_500.pth")
    deepspeed = {"module": training, "dtype": torch.bfloat16, "shapes": [torch.Size([6, 4])], "optimizer": None}
    torch.save(deepspeed, OUT / "mp_rank_00_model_states.pt")
    torch.save({"weight": table, "extra": torch.zeros(2, dtype=torch.complex64)}, OUT / "complex.bin")
    torch.save(plain, OUT / "legacy.bin", _use_new_zipfile_serialization=False)
    save_file(contiguous(plain), OUT / "plain.safetensors", metadata={"format": "pt"})
    save_file(contiguous(views), OUT / "views.safetensors")
    save_file(contiguous(training), OUT / "training.safetensors")


if __name__ == "__main__":
    main()
