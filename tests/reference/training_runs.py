"""Fifty steps of training a tiny LLaVA (Llama, CLIP, projector) in each way, from the same start.

Versions and seed: see training.py. AdamW, clipping at 1, a warm-up and a cosine, two micro-batches a step; the loss is
the mean over all learned tokens of a step. No dropout. QLoRA's base is bitsandbytes' NF4 with double quantisation,
dequantised once, which is what its layers compute with.
"""

import copy
import json
import math

import torch
import torch.nn.functional as F
from bitsandbytes import functional as bnb
from peft import LoraConfig, get_peft_model
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

import training_nf4
from training_files import dice, write_json, write_tensors

STEPS = 50
VOCAB, PATCHES = 96, 16

LLM = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCAB, "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
}  # fmt: skip
TOWER = {
    "model_type": "clip_vision_model", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
    "num_attention_heads": 2, "image_size": 28, "patch_size": 7, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip
LLM_LORA = {"r": 8, "lora_alpha": 16}
TOWER_LORA = {"r": 4, "lora_alpha": 8}
RATES = {"projector": 2e-3, "lora": 2e-3, "qlora": 2e-3, "full": 1e-3, "full_tied": 1e-3}
DECAY = {"projector": 0.0, "lora": 0.0, "qlora": 0.0, "full": 0.01, "full_tied": 0.01}


class Projector(torch.nn.Module):
    """XTuner's: `model.0`, GELU, `model.2`."""

    def __init__(self):
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.GELU(), torch.nn.Linear(32, 32))


def networks():
    """Random start: norms around 1, everything else of a size that lets signals through."""
    llm = LlamaForCausalLM(LlamaConfig(**LLM, attn_implementation="eager"))
    tower = CLIPVisionModel(CLIPVisionConfig(**TOWER, attn_implementation="eager"))
    parts = {"llm": llm, "tower": tower, "projector": Projector()}
    for name, part in parts.items():
        die = dice(name)
        for key, weight in sorted(part.named_parameters()):
            noise = torch.randn(weight.shape, generator=die)
            if "norm" in key or "layrnorm" in key:
                noise = noise * 0.1 + (0.0 if key.endswith("bias") else 1.0)
            elif weight.ndim == 1 or "embed" in key:
                noise = noise * 0.3
            else:
                noise = noise / (weight.numel() / weight.shape[0]) ** 0.5
            weight.data = noise
    return parts


def rows():
    """Ten micro-batches: texts as lists of ids, pictures as -1; `null` labels are not learned."""
    die = dice("rows")

    def ids(count):
        return torch.randint(0, VOCAB, (count,), generator=die).tolist()

    def row(*shape):
        """Numbers of tokens; negative ones are answers, which are learned; 0 is a picture."""
        segments, labels = [], []
        for count in shape:
            if count == 0:
                segments.append(None)
                continue
            text = ids(abs(count))
            labels += text if count < 0 else [None] * count
            if segments and segments[-1] is not None:
                segments[-1] += text
            else:
                segments.append(list(text))
        return {"segments": segments, "labels": labels}

    batches = [
        [row(2, 0, 3, -4, 1), row(2, 0, 5, -2)],
        [row(3, -6, 1), row(1, 0, 2, -3, 2, -4)],
        [row(2, 0, 1, 0, 2, -5), row(4, -3)],
        [row(5, -5, 1), row(2, -2)],
        [row(0, 3, -7), row(1, 0, 1, -1)],
        [row(2, 0, 2, -6, 1), row(2, 0, 2, -6, 1)],
        [row(6, -9)],
        [row(2, 0, 4, -3), row(1, 0, 2, -8, 1), row(3, -2)],
        [row(2, 0, 1, -10, 1), row(1, 2, -3, 2, 0, 1, -2)],
        [row(-4, 1), row(2, 0, 3, -4, 1)],
    ]
    pictures = 0
    for batch in batches:
        for line in batch:
            for at, segment in enumerate(line["segments"]):
                if segment is None:
                    line["segments"][at] = -1 - pictures
                    pictures += 1
    return batches, torch.randn((pictures, 3, 28, 28), generator=die)


def old_name(key):
    return key if key.startswith("vision_model.") else f"vision_model.{key}"


def features(parts, pixels):
    hidden = parts["tower"](pixels, output_hidden_states=True).hidden_states[-2]
    return parts["projector"].model(hidden[:, 1:])


def micro_loss(parts, batch, pixels):
    """Sum of the losses of all learned tokens, and how many there are."""
    table = parts["llm"].get_input_embeddings().weight
    used = [-1 - s for row in batch for s in row["segments"] if isinstance(s, int)]
    seen = dict(zip(used, features(parts, pixels[used]), strict=True)) if used else {}
    embeddings, targets = [], []
    for row in batch:
        line, wanted, at = [], [], 0
        for segment in row["segments"]:
            if isinstance(segment, int):
                line.append(seen[-1 - segment])
                wanted += [-100] * PATCHES
            else:
                line.append(F.embedding(torch.tensor(segment), table))
                wanted += [-100 if i is None else i for i in row["labels"][at : at + len(segment)]]
                at += len(segment)
        embeddings.append(torch.cat(line))
        targets.append(wanted)
    longest = max(map(len, targets))
    mask = torch.tensor([[1] * len(t) + [0] * (longest - len(t)) for t in targets])
    embeddings = torch.stack([F.pad(e, (0, 0, 0, longest - len(e))) for e in embeddings])
    logits = parts["llm"](inputs_embeds=embeddings, attention_mask=mask, use_cache=False).logits
    targets = torch.tensor([t + [-100] * (longest - len(t)) for t in targets])[:, 1:]
    loss = F.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), targets.reshape(-1), reduction="sum", ignore_index=-100)
    return loss, int((targets != -100).sum())


def rates(peak, steps):
    """Linear over three steps, then a cosine."""
    warm = [peak * (s + 1) / 3 for s in range(3)]
    return warm + [peak * 0.5 * (1 + math.cos(math.pi * s / (steps - 3))) for s in range(steps - 3)]


def dequantised(llm):
    for name, module in llm.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            codes, state = bnb.quantize_4bit(module.weight.data, blocksize=64, quant_type="nf4", compress_statistics=True)
            module.weight.data = training_nf4.dequantised(codes, state)


def lora(part, name, shape, targets):
    peft = get_peft_model(part, LoraConfig(**shape, lora_dropout=0.0, bias="none", target_modules=targets))
    die = dice(name)
    for key, weight in sorted(peft.named_parameters()):
        if "lora_A" in key:
            bound = weight.shape[1] ** -0.5
            weight.data = (torch.rand(weight.shape, generator=die) * 2 - 1) * bound
    return peft


def prepared(mode, parts):
    parts = copy.deepcopy(parts)
    for part in parts.values():
        part.requires_grad_(False)
    parts["projector"].requires_grad_(True)
    if mode == "qlora":
        dequantised(parts["llm"])
    if mode in ("lora", "qlora"):
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        parts["llm"] = lora(parts["llm"], "lora/llm", LLM_LORA, targets)
        targets = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
        parts["tower"] = lora(parts["tower"], "lora/tower", TOWER_LORA, targets)
    if mode == "full_tied":
        parts["llm"].lm_head.weight = parts["llm"].model.embed_tokens.weight
    if mode.startswith("full"):
        for part in parts.values():
            part.requires_grad_(True)
    return parts


def plain_name(part, key):
    key = key.removeprefix("base_model.model.").replace(".default.", ".")
    return f"visual_encoder.{old_name(key)}" if part == "tower" else f"{part}.{key}"


def trained(parts):
    """Trained weights by our names; blocks that no feature depends on are left out."""
    unused = ("vision_model.encoder.layers.2.", "vision_model.post_layernorm.")
    named = {
        plain_name(part, key): weight
        for part, network in parts.items()
        for key, weight in network.named_parameters()
        if weight.requires_grad
    }
    return {k: w for k, w in named.items() if not k.removeprefix("visual_encoder.").startswith(unused)}


def run(mode, parts, batches, pixels):
    parts = prepared(mode, parts)
    weights = trained(parts)
    start = {k: w.detach().clone() for k, w in weights.items() if "lora_A" in k}
    optimiser = torch.optim.AdamW(weights.values(), lr=1.0, weight_decay=DECAY[mode], foreach=False)
    schedule = rates(RATES[mode], STEPS)
    losses, norms = [], []
    for step, rate in enumerate(schedule):
        pair = [batches[(2 * step + i) % len(batches)] for i in range(2)]
        results = [micro_loss(parts, batch, pixels) for batch in pair]
        loss = sum(loss for loss, _ in results) / sum(count for _, count in results)
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        losses.append(loss.item())
        norms.append(norm.item())
    print(f"  {mode}: {len(weights)} tensors, loss {losses[0]:.4f} -> {losses[-1]:.4f}, norms {min(norms):.2f}..{max(norms):.2f}")
    result = {"rates": schedule, "decay": DECAY[mode], "losses": losses, "norms": norms}
    return start, weights, json.loads(json.dumps(result))


def make():
    parts = networks()
    batches, pixels = rows()
    write_tensors("start_llm.safetensors", parts["llm"].state_dict())
    write_tensors("start_tower.safetensors", {old_name(k): v for k, v in parts["tower"].state_dict().items()})
    write_tensors("start_projector.safetensors", parts["projector"].state_dict())
    write_tensors("start_pixels.safetensors", {"pixels": pixels})
    results = {}
    for mode in RATES:
        start, weights, results[mode] = run(mode, parts, batches, pixels)
        if mode == "lora":
            write_tensors("start_lora.safetensors", start)
        if mode != "full_tied":  # its losses say enough
            write_tensors(f"trained_{mode}.safetensors", weights)
    write_json("runs.json", {"llm": LLM, "tower": TOWER, "batches": batches, "runs": results})
