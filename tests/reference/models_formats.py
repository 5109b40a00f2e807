"""The `llama` golden again, in every container weights come in; the tensors are exactly the same.

Versions and seed: see models.py. Run after models_llm.py.
"""

import re
import shutil
from collections import OrderedDict

import torch
from safetensors.torch import load_file

from models_folders import GOLDEN, fresh, write_json, write_tensors


def shards(tensors, count):
    """Cuts the sorted names into `count` runs of about the same size."""
    total = sum(t.nbytes for t in tensors.values())
    out, filled = [{} for _ in range(count)], 0
    for name in sorted(tensors):
        out[min(count - 1, filled * count // total)][name] = tensors[name]
        filled += tensors[name].nbytes
    assert all(out)
    return out, total


def make():
    source = GOLDEN / "llama"
    tensors = load_file(str(source / "model.safetensors"))

    def begin(name):
        folder = fresh("formats", name)
        shutil.copy(source / "config.json", folder / "config.json")
        return folder

    def sharded(folder, count, pattern, index, save):
        parts, total = shards(tensors, count)
        weight_map = {}
        for i, part in enumerate(parts, 1):
            file = pattern.format(i=i, n=count)
            save(part, folder / file)
            weight_map |= {name: file for name in part}
        write_json(folder / index, {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))})
        return [folder / pattern.format(i=i, n=count) for i in range(1, count + 1)]

    files = sharded(begin("safetensors_sharded"), 3, "model-{i:05d}-of-{n:05d}.safetensors",
                    "model.safetensors.index.json", lambda part, path: write_tensors(path, part))  # fmt: skip
    check(tensors, *[load_file(str(f)) for f in files])

    path = begin("bin") / "pytorch_model.bin"
    torch.save(OrderedDict(sorted(tensors.items())), path)
    check(tensors, torch.load(path, weights_only=True))

    files = sharded(begin("bin_sharded"), 2, "pytorch_model-{i:05d}-of-{n:05d}.bin",
                    "pytorch_model.bin.index.json", lambda part, path: torch.save(part, path))  # fmt: skip
    check(tensors, *[torch.load(f, weights_only=True) for f in files])

    # One file, the weights under `state_dict`; q, k and v are views into one storage and o_proj lies transposed.
    state = OrderedDict(sorted(tensors.items()))
    for i in range(3):
        names = [f"model.layers.{i}.self_attn.{x}_proj.weight" for x in "qkv"]
        joined = torch.cat([tensors[n] for n in names])
        for name, part in zip(names, joined.split([tensors[n].shape[0] for n in names])):
            state[name] = part
        o = f"model.layers.{i}.self_attn.o_proj.weight"
        state[o] = tensors[o].t().contiguous().t()
    path = begin("pth") / "model.pth"
    torch.save({"state_dict": state, "epoch": 1, "note": "views and strides"}, path)
    loaded = torch.load(path, weights_only=True)["state_dict"]
    assert loaded["model.layers.0.self_attn.k_proj.weight"].storage_offset() > 0
    assert not loaded["model.layers.0.self_attn.o_proj.weight"].is_contiguous()
    check(tensors, loaded)

    # The container from before torch 1.6: not a zip. Two small tensors only.
    folder = fresh("formats", "legacy")
    die = torch.Generator().manual_seed(1)
    small = {"a": torch.randn(3, 5, generator=die), "b": torch.arange(7)}
    path = folder / "legacy.pth"
    torch.save(small, path, _use_new_zipfile_serialization=False)
    # Storages are named by their address in memory; a number of the same length gives the same file every time.
    data = path.read_bytes()
    for i, address in enumerate(sorted(set(re.findall(rb"\d{9,}", data)), key=data.index)):
        data = data.replace(address, b"%0*d" % (len(address), 10 ** (len(address) - 1) + i))
    path.write_bytes(data)
    check(small, torch.load(path, weights_only=True))
    write_tensors(folder / "expected.safetensors", small)
    print("  formats: 4 containers checked against llama, 1 legacy")


def check(tensors, *parts):
    merged = {name: t for part in parts for name, t in part.items()}
    assert sum(len(p) for p in parts) == len(merged) == len(tensors)
    for name, tensor in tensors.items():
        assert merged[name].dtype == tensor.dtype and torch.equal(merged[name], tensor), name
