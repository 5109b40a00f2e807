"""Language model families: one folder each in the form its publisher uses, and what transformers computes from it.

Versions and seed: see models.py. InternLM2 and InternLM v1 are not part of transformers: their numbers come from the
Llama model that holds the same weights under other names (`internlm2_to_llama`, `internlm_to_llama`).
"""

import json
import tempfile
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

from models_folders import (
    GOLDEN, TEXT_TOKENS, Next, dice, fresh, greedy, load_exact, read_tensors, roll, shapes_of, until_decided, versions,
    write_json, write_tensors,
)  # fmt: skip
from models_tokenizer import CHAT_TEMPLATE, write_fast, write_sentencepiece

F32, BF16, F16 = torch.float32, torch.bfloat16, torch.float16
PADDED = 384
"""A vocabulary rounded up to a multiple of 64: ids 372..383 have rows but no token."""

SHARED = {
    "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "initializer_range": 0.02,
    "tie_word_embeddings": False, "use_cache": True,
}  # fmt: skip


def sizes(hidden, inter, layers, heads, kv, vocab, length, eps, theta):
    return {
        "hidden_size": hidden, "intermediate_size": inter, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv, "vocab_size": vocab, "max_position_embeddings": length, "rms_norm_eps": eps,
        "rope_theta": theta,
    }  # fmt: skip


def llama(dtype, **fields):
    return {"architectures": ["LlamaForCausalLM"], "attention_bias": False, "mlp_bias": False, "model_type": "llama",
            "pretraining_tp": 1, "rope_scaling": None, "torch_dtype": dtype, "transformers_version": "4.40.0",
            **SHARED, **fields}  # fmt: skip


FAMILIES = {
    # name: (storage type, config.json as the publisher writes it)
    "internlm2": (BF16, {
        "architectures": ["InternLM2ForCausalLM"], "attn_implementation": "eager",
        "auto_map": {"AutoConfig": "configuration_internlm2.InternLM2Config",
                     "AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM",
                     "AutoModel": "modeling_internlm2.InternLM2ForCausalLM"},
        "bias": False, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "initializer_range": 0.02,
        "model_type": "internlm2", "pad_token_id": 2, "pretraining_tp": 1,
        "rope_scaling": {"type": "dynamic", "factor": 2.0}, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "transformers_version": "4.41.0", "use_cache": True,
        **sizes(48, 88, 3, 6, 2, TEXT_TOKENS, 32768, 1e-5, 1000000),
    }),
    "llama": (BF16, llama("bfloat16", **sizes(48, 64, 3, 6, 2, PADDED, 4096, 1e-6, 10000.0))),
    "vicuna": (F16, llama("float16", pad_token_id=0, **sizes(40, 72, 3, 5, 5, PADDED, 4096, 1e-5, 10000.0))),
    "llama3": (BF16, llama("bfloat16", **sizes(32, 56, 2, 4, 2, PADDED, 8192, 1e-5, 500000.0) | {
        "eos_token_id": [2, TEXT_TOKENS - 2],
        "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                         "original_max_position_embeddings": 256, "rope_type": "llama3"}})),
    "llama_linear": (BF16, llama("bfloat16", **sizes(32, 56, 2, 4, 2, PADDED, 2048, 1e-5, 10000.0) | {
        "rope_scaling": {"type": "linear", "factor": 2.5}})),
    "llama_dynamic": (F32, llama("float32", **sizes(32, 56, 2, 4, 2, PADDED, 24, 1e-5, 10000.0) | {
        "rope_scaling": {"type": "dynamic", "factor": 2.0}})),
    "mistral": (BF16, {
        "architectures": ["MistralForCausalLM"], "head_dim": 12, "model_type": "mistral", "sliding_window": None,
        "torch_dtype": "bfloat16", "transformers_version": "4.42.0.dev0", **SHARED,
        **sizes(48, 64, 3, 6, 3, TEXT_TOKENS, 32768, 1e-5, 1000000.0),
    }),
    "mistral_window": (BF16, {
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 7,
        "torch_dtype": "bfloat16", "transformers_version": "4.34.0.dev0", **SHARED,
        **sizes(32, 56, 2, 4, 2, PADDED, 32768, 1e-5, 10000.0),
    }),
    "qwen2": (BF16, {
        "architectures": ["Qwen2ForCausalLM"], "max_window_layers": 21, "model_type": "qwen2", "sliding_window": 32768,
        "torch_dtype": "bfloat16", "transformers_version": "4.40.1", "use_sliding_window": False, **SHARED,
        **sizes(48, 88, 3, 6, 2, PADDED, 32768, 1e-6, 1000000.0),
        "tie_word_embeddings": True,
    }),
    "phi3": (BF16, {
        "architectures": ["Phi3ForCausalLM"], "attention_bias": False,
        "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config",
                     "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"},
        "embd_pdrop": 0.0, "model_type": "phi3", "original_max_position_embeddings": 4096, "pad_token_id": 2,
        "resid_pdrop": 0.0, "rope_scaling": None, "sliding_window": 2047, "torch_dtype": "bfloat16",
        "transformers_version": "4.40.2", **SHARED, **sizes(48, 88, 3, 6, 6, PADDED, 4096, 1e-5, 10000.0),
    }),
    "internlm": (F16, {
        "architectures": ["InternLMForCausalLM"],
        "auto_map": {"AutoConfig": "configuration_internlm.InternLMConfig",
                     "AutoModelForCausalLM": "modeling_internlm.InternLMForCausalLM",
                     "AutoModel": "modeling_internlm.InternLMForCausalLM"},
        "bias": True, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 48,
        "initializer_range": 0.02, "intermediate_size": 72, "max_position_embeddings": 2048, "model_type": "internlm",
        "num_attention_heads": 6, "num_hidden_layers": 3, "pad_token_id": 2, "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.33.1", "use_cache": True,
        "vocab_size": TEXT_TOKENS,
    }),
}  # fmt: skip

OUTER = {"model.tok_embeddings.weight": "model.embed_tokens.weight", "model.norm.weight": "model.norm.weight",
         "output.weight": "lm_head.weight"}  # fmt: skip
INNER = {"attention.wo": "self_attn.o_proj", "feed_forward.w1": "mlp.gate_proj", "feed_forward.w3": "mlp.up_proj",
         "feed_forward.w2": "mlp.down_proj", "attention_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}  # fmt: skip


def llama_to_internlm2(config, tensors):
    """Packs row by row: per kv head its query heads, then its key head, then its value head."""
    layers, heads, kv = (config[k] for k in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads"))
    dim, rep = config["hidden_size"] // heads, heads // kv
    out = {mine: tensors[theirs] for mine, theirs in OUTER.items()}
    for i in range(layers):
        for mine, theirs in INNER.items():
            out[f"model.layers.{i}.{mine}.weight"] = tensors[f"model.layers.{i}.{theirs}.weight"]
        q, k, v = (tensors[f"model.layers.{i}.self_attn.{x}_proj.weight"] for x in "qkv")
        head = lambda w, n: w[n * dim : (n + 1) * dim]
        rows = []
        for g in range(kv):
            rows += [head(q, g * rep + s) for s in range(rep)] + [head(k, g), head(v, g)]
        out[f"model.layers.{i}.attention.wqkv.weight"] = torch.cat(rows)
    return out


def internlm2_to_llama(config, tensors):
    """Unpacks by shape: rows are (kv heads, query heads per kv head + 2, head dim)."""
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    dim, rep = config["hidden_size"] // heads, heads // kv
    out = {theirs: tensors[mine] for mine, theirs in OUTER.items()}
    for i in range(config["num_hidden_layers"]):
        for mine, theirs in INNER.items():
            out[f"model.layers.{i}.{theirs}.weight"] = tensors[f"model.layers.{i}.{mine}.weight"]
        packed = tensors[f"model.layers.{i}.attention.wqkv.weight"].reshape(kv, rep + 2, dim, -1)
        for name, part in (("q", packed[:, :rep]), ("k", packed[:, -2]), ("v", packed[:, -1])):
            out[f"model.layers.{i}.self_attn.{name}_proj.weight"] = part.reshape(-1, config["hidden_size"])
    drop = ("architectures", "attn_implementation", "auto_map", "bias", "model_type", "transformers_version")
    return llama_config({k: v for k, v in config.items() if k not in drop} | {"attention_bias": config["bias"]}), out


def internlm_to_llama(config, tensors):
    """The same names; `bias` puts a bias on q, k, v and o, which Llama calls `attention_bias`."""
    drop = ("architectures", "auto_map", "bias", "model_type", "transformers_version")
    plain = {k: v for k, v in config.items() if k not in drop} | {"attention_bias": config["bias"]}
    return llama_config(plain), tensors


def llama_config(fields):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "transformers_version": "4.40.0", **fields}


AS_LLAMA = {"internlm2": internlm2_to_llama, "internlm": internlm_to_llama}


def opener(config, tensors):
    """`open(dtype)` gives a new model each time: a dynamic rope remembers the longest sequence it has seen."""
    if config["model_type"] in AS_LLAMA:
        config, tensors = AS_LLAMA[config["model_type"]](config, tensors)
    room = tempfile.TemporaryDirectory()
    folder = Path(room.name)
    write_json(folder / "config.json", config)
    write_tensors(folder / "model.safetensors", tensors)

    def open_model(dtype=F32):
        return load_exact(AutoModelForCausalLM, folder, dtype)[0]

    open_model.room = room
    return open_model


def weights(name, config, dtype, attempt):
    """Random weights in the names of this family."""
    if config["model_type"] in AS_LLAMA:
        plain = LlamaConfig(
            **{k: v for k, v in config.items() if k not in ("architectures", "auto_map", "model_type", "rope_scaling")},
            attention_bias=config["bias"],
        )
        names = shapes_of(AutoModelForCausalLM.from_config(plain))
    else:
        names = shapes_of(AutoModelForCausalLM.from_config(AutoConfig.for_model(**config)))
    tensors = roll(names, dice(name, attempt), dtype)
    return llama_to_internlm2(config, tensors) if config["model_type"] == "internlm2" else tensors


def prompt(name, shape, attempt=0):
    return torch.randint(3, TEXT_TOKENS - 6, shape, generator=dice(name + "/prompt", attempt))


def full_greedy(model, start):
    """64 tokens after `start`, recomputing the whole sequence at every step (no cache)."""
    return greedy(Next(lambda new: model(torch.cat([start, new])[None], use_cache=False).logits[0, -1]))


def cached_greedy(model, start, steps=64):
    """The same with the reference's own key-value cache."""
    out, fed, cache = [], start[None], None
    for _ in range(steps):
        answer = model(fed, past_key_values=cache, use_cache=True)
        cache, fed = answer.past_key_values, answer.logits[:, -1:].argmax(-1)
        out.append(int(fed))
    return torch.tensor(out)


def measure(name, config, tensors, attempt):
    """Everything expected.safetensors holds, and what goes beside it into expected.json."""
    open_model = opener(config, tensors)
    ids = prompt(name, (2, 17), attempt)
    ids[0, 0] = 1
    answer = open_model()(ids, output_hidden_states=True, use_cache=False)
    out = {"input_ids": ids, "logits": answer.logits}
    out |= {f"hidden.{i}": h for i, h in enumerate(answer.hidden_states)}
    out["logits_bf16"] = open_model(BF16)(ids, use_cache=False).logits[:1].float()

    out["greedy"], gap = full_greedy(open_model(), ids[0])
    cached = cached_greedy(open_model(), ids[0])
    same = torch.equal(cached, out["greedy"])
    assert same or name == "llama_dynamic", name
    if not same:
        out["greedy_cached"] = cached

    lengths = [11, 6]
    padded = prompt(name + "/padded", (2, 11), attempt)
    mask = torch.tensor([[int(t < n) for t in range(11)] for n in lengths])
    padded = torch.where(mask.bool(), padded, 2)
    logits = open_model()(padded, attention_mask=mask, use_cache=False).logits
    for row, n in enumerate(lengths):
        alone = open_model()(padded[row : row + 1, :n], use_cache=False).logits[0]
        assert (alone - logits[row, :n]).abs().max() < 1e-4, name
    out |= {"padded_ids": padded, "padded_mask": mask, "padded_logits": logits * mask[..., None]}

    if name == "llama_dynamic":
        out["long_ids"] = prompt(name + "/long", (1, 40), attempt)
        out["long_logits"] = open_model()(out["long_ids"], use_cache=False).logits
    matters(config, tensors, out)
    distance = (out["logits_bf16"] - out["logits"][:1]).abs()
    facts = {
        "seed_attempt": attempt, "min_greedy_gap": gap, "greedy_distinct": len(set(out["greedy"].tolist())),
        "cached_greedy_is_equal": same, "logits_std": float(out["logits"].std()),
        "bf16_max_abs_difference": float(distance.max()), "bf16_mean_abs_difference": float(distance.mean()),
        "versions": versions(),
    }  # fmt: skip
    return out, facts


def matters(config, tensors, out):
    """A setting that can be ignored without a difference would be no test: take it away and look."""
    settings = [k for k in ("rope_scaling", "sliding_window") if config.get(k)]
    if config["model_type"] in ("internlm2", "phi3", "qwen2"):
        return  # Present in the published file, without effect at these lengths.
    for setting in settings:
        ids, logits = (out.get("long_ids", out["input_ids"]), out.get("long_logits", out["logits"]))
        without = opener(config | {setting: None}, tensors)()(ids, use_cache=False).logits
        assert (without - logits).abs().max() > 0.05, setting


def generation_config(config):
    keys = ("bos_token_id", "eos_token_id", "pad_token_id", "transformers_version")
    return {"_from_model_config": True} | {k: config[k] for k in keys if k in config}


def write_model(folder, config, tensors, dtype):
    """config.json, generation_config.json, model.safetensors and the tokenizer that belongs to the family."""
    write_json(folder / "config.json", dict(sorted(config.items())))
    write_json(folder / "generation_config.json", generation_config(config))
    write_tensors(folder / "model.safetensors", {k: v.to(dtype) for k, v in tensors.items()})
    if config["model_type"] in AS_LLAMA:
        write_sentencepiece(folder)
        if config["model_type"] == "internlm":
            path = folder / "tokenizer_config.json"
            fields = json.loads(path.read_text()) | {
                "auto_map": {"AutoTokenizer": ["tokenization_internlm.InternLMTokenizer", None]},
                "tokenizer_class": "InternLMTokenizer",
            }
            fields.pop("chat_template")
            write_json(path, fields)
    else:
        kinds = {"qwen2": "Qwen2Tokenizer"}
        write_fast(folder, kind=kinds.get(config["model_type"], "LlamaTokenizerFast"))


def make(only=None):
    for name, (dtype, config) in FAMILIES.items():
        if only and name not in only:
            continue

        def build(attempt):
            tensors = weights(name, config, dtype, attempt)
            return tensors, *measure(name, config, tensors, attempt)

        tensors, expected, facts = until_decided(build)
        folder = fresh(name)
        write_model(folder, config, tensors, dtype)
        write_tensors(folder / "expected.safetensors", expected)
        write_json(folder / "expected.json", facts)
        confirm(name, config, folder, expected)
        print(f"  {name}: gap {facts['min_greedy_gap']:.4f}, {facts['greedy_distinct']} tokens, "
              f"std {facts['logits_std']:.2f}, bf16 off by {facts['bf16_max_abs_difference']:.3f}, "
              f"cache equal {facts['cached_greedy_is_equal']}")  # fmt: skip


def confirm(name, config, folder, expected):
    """The folder as written, opened by transformers itself where it knows the family, gives the same logits."""
    if config["model_type"] in AS_LLAMA:
        model = opener(config, read_tensors(folder / "model.safetensors"))()
    else:
        model, info = load_exact(AutoModelForCausalLM, folder)
        assert not info["unexpected_keys"], info
    assert torch.equal(model(expected["input_ids"], use_cache=False).logits, expected["logits"]), name
