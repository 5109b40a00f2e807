"""A LLaVA of full size with random weights, for measurements on a graphics card; nothing of it is committed.

    python tests/reference/full_size.py OUT            InternLM2-Chat-1.8B, CLIP ViT-L/14-336, a projector: 4.4 GB
    python tests/reference/full_size.py OUT --small    the same form at a twentieth of the size

Writes OUT/llm (bf16, sharded, packed `wqkv`, a tokenizer that loads), OUT/clip (f32, as the published file),
OUT/projector. Needs numpy alone. Numbers are normal with a deviation of 0.02, norms are 1, biases 0; they depend on
the tensor's name alone.
"""

import argparse
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

SEED = 20240403
SHARD_BYTES = 2_000_000_000
PIECES = Path(__file__).resolve().parents[1] / "golden" / "models" / "tokenizer" / "tokenizer.json"
CHAT_TOKENS = ["<|plugin|>", "<|interpreter|>", "<|action_end|>", "<|action_start|>", "<|im_end|>", "<|im_start|>"]
TEXT_PIECES = 364

FULL = {
    "llm": {"hidden": 2048, "inner": 8192, "layers": 24, "heads": 16, "kv_heads": 8, "vocab": 92544},
    "clip": {"hidden": 1024, "inner": 4096, "layers": 24, "heads": 16, "side": 336, "patch": 14},
}
SMALL = {
    "llm": {"hidden": 768, "inner": 2048, "layers": 8, "heads": 6, "kv_heads": 3, "vocab": 16384},
    "clip": {"hidden": 384, "inner": 1536, "layers": 8, "heads": 6, "side": 336, "patch": 14},
}


def llm_shapes(s):
    hidden, inner, head = s["hidden"], s["inner"], s["hidden"] // s["heads"]
    shapes = {"model.tok_embeddings.weight": (s["vocab"], hidden)}
    for i in range(s["layers"]):
        at = f"model.layers.{i}"
        shapes |= {
            f"{at}.attention.wqkv.weight": ((s["heads"] + 2 * s["kv_heads"]) * head, hidden),
            f"{at}.attention.wo.weight": (hidden, s["heads"] * head),
            f"{at}.attention_norm.weight": (hidden,),
            f"{at}.feed_forward.w1.weight": (inner, hidden),
            f"{at}.feed_forward.w2.weight": (hidden, inner),
            f"{at}.feed_forward.w3.weight": (inner, hidden),
            f"{at}.ffn_norm.weight": (hidden,),
        }
    return shapes | {"model.norm.weight": (hidden,), "output.weight": (s["vocab"], hidden)}


def clip_shapes(s):
    hidden, inner = s["hidden"], s["inner"]
    places = (s["side"] // s["patch"]) ** 2 + 1
    at = "vision_model.embeddings"
    shapes = {
        f"{at}.class_embedding": (hidden,), f"{at}.patch_embedding.weight": (hidden, 3, s["patch"], s["patch"]),
        f"{at}.position_embedding.weight": (places, hidden),
    }  # fmt: skip
    for i in range(s["layers"]):
        at = f"vision_model.encoder.layers.{i}"
        maps = {f"self_attn.{n}_proj": (hidden, hidden) for n in ("q", "k", "v", "out")}
        maps |= {"mlp.fc1": (inner, hidden), "mlp.fc2": (hidden, inner)}
        for name, shape in maps.items():
            shapes |= {f"{at}.{name}.weight": shape, f"{at}.{name}.bias": shape[:1]}
        for name in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{at}.{name}.weight": (hidden,), f"{at}.{name}.bias": (hidden,)}
    for name in ("pre_layrnorm", "post_layernorm"):
        shapes |= {f"vision_model.{name}.weight": (hidden,), f"vision_model.{name}.bias": (hidden,)}
    return shapes


def projector_shapes(vision, text):
    return {"model.0.weight": (text, vision), "model.0.bias": (text,),
            "model.2.weight": (text, text), "model.2.bias": (text,)}  # fmt: skip


def values(name, shape):
    if name.endswith(".bias"):
        return np.zeros(shape, np.float32)
    if "norm" in name.rsplit(".", 2)[-2]:
        return np.ones(shape, np.float32)
    die = np.random.Generator(np.random.SFC64([SEED, zlib.crc32(name.encode())]))
    noise = die.standard_normal(shape, dtype=np.float32)
    noise *= 0.02
    return noise


def as_bf16(numbers):
    """The upper half of each f32, rounded to the nearest even."""
    bits = numbers.view(np.uint32)
    bits += 0x7FFF + ((bits >> 16) & 1)
    return (bits >> 16).astype(np.uint16)


def write_safetensors(path, shapes, dtype):
    width = {"BF16": 2, "F32": 4}[dtype]
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        begin, end = end, end + width * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    def make(item):
        numbers = values(*item)
        return as_bf16(numbers) if dtype == "BF16" else numbers

    with path.open("wb") as file, ThreadPoolExecutor(8) as pool:
        file.write(len(text).to_bytes(8, "little") + text)
        items = list(shapes.items())
        for start in range(0, len(items), 16):  # a few at a time, so that memory stays small
            for numbers in pool.map(make, items[start : start + 16]):
                file.write(numbers.tobytes())


def write_sharded(folder, shapes, dtype):
    shards, size = [{}], 0
    for name, shape in shapes.items():
        more = 2 * int(np.prod(shape))
        if size + more > SHARD_BYTES and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = shape
        size += more
    names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    for name, shard in zip(names, shards):
        write_safetensors(folder / name, shard, dtype)
    total = sum(2 * int(np.prod(shape)) for shape in shapes.values())
    map_ = {tensor: name for name, shard in zip(names, shards) for tensor in shard}
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": map_})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_tokenizer(folder, vocab):
    """The tiny golden pieces at the start, InternLM2's chat tokens at the end, pieces nobody types in between."""
    file = json.loads(PIECES.read_text())
    pieces = {text: id_ for text, id_ in file["model"]["vocab"].items() if id_ < TEXT_PIECES}
    pieces |= {f"<piece {n}>": n for n in range(TEXT_PIECES, vocab - len(CHAT_TOKENS))}
    chat = {text: vocab - len(CHAT_TOKENS) + n for n, text in enumerate(CHAT_TOKENS)}
    file["model"]["vocab"] = pieces | chat
    file["added_tokens"] = [token for token in file["added_tokens"] if token["id"] < 3]
    flags = {k: v for k, v in file["added_tokens"][0].items() if k not in ("id", "content")}
    file["added_tokens"] += [{"id": id_, "content": text, **flags} for text, id_ in chat.items()]
    write_json(folder / "tokenizer.json", file)
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>",
        "unk_token": "<unk>", "additional_special_tokens": CHAT_TOKENS, "clean_up_tokenization_spaces": False,
    })  # fmt: skip


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("out", type=Path)
    words.add_argument("--small", action="store_true")
    words = words.parse_args()
    sizes = SMALL if words.small else FULL
    llm, clip = sizes["llm"], sizes["clip"]
    folders = {part: words.out / part for part in ("llm", "clip", "projector")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)

    write_json(folders["llm"] / "config.json", {
        "architectures": ["InternLM2ForCausalLM"], "bias": False, "bos_token_id": 1, "eos_token_id": 2,
        "hidden_act": "silu", "hidden_size": llm["hidden"], "initializer_range": 0.02,
        "intermediate_size": llm["inner"], "max_position_embeddings": 32768, "model_type": "internlm2",
        "num_attention_heads": llm["heads"], "num_hidden_layers": llm["layers"],
        "num_key_value_heads": llm["kv_heads"], "pad_token_id": 2, "rms_norm_eps": 1e-05,
        "rope_scaling": {"type": "dynamic", "factor": 2.0}, "rope_theta": 1000000, "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": llm["vocab"],
    })  # fmt: skip
    write_sharded(folders["llm"], llm_shapes(llm), "BF16")
    write_tokenizer(folders["llm"], llm["vocab"])

    write_json(folders["clip"] / "config.json", {
        "architectures": ["CLIPVisionModel"], "attention_dropout": 0.0, "hidden_act": "quick_gelu",
        "hidden_size": clip["hidden"], "image_size": clip["side"], "intermediate_size": clip["inner"],
        "layer_norm_eps": 1e-05, "model_type": "clip_vision_model", "num_attention_heads": clip["heads"],
        "num_channels": 3, "num_hidden_layers": clip["layers"], "patch_size": clip["patch"],
        "projection_dim": 768, "torch_dtype": "float32",
    })  # fmt: skip
    write_safetensors(folders["clip"] / "model.safetensors", clip_shapes(clip), "F32")
    write_json(folders["clip"] / "preprocessor_config.json", {
        "crop_size": clip["side"], "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": clip["side"],
    })  # fmt: skip

    write_json(folders["projector"] / "config.json", {
        "architectures": ["ProjectorModel"], "bias": True, "depth": 2, "hidden_act": "gelu",
        "llm_hidden_size": llm["hidden"], "model_type": "projector", "torch_dtype": "float32",
        "visual_hidden_size": clip["hidden"],
    })  # fmt: skip
    write_safetensors(
        folders["projector"] / "model.safetensors", projector_shapes(clip["hidden"], llm["hidden"]), "F32"
    )
    for folder in folders.values():
        print(folder, sum(file.stat().st_size for file in folder.iterdir()) // 1_000_000, "MB")


if __name__ == "__main__":
    main()
