"""LLaVA stacks: the transformers class under three key layouts, XTuner's separate parts, and LoRA adapters by peft.

Versions and seed: see models.py.
"""

import json
import shutil
import sys
import types
from collections import OrderedDict

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from torch import nn
from transformers import (
    AutoModelForCausalLM, CLIPVisionModel, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration,
)  # fmt: skip

from models_folders import (
    GOLDEN, TEXT_TOKENS, Next, Undecided, dice, fresh, greedy, load_exact, read_tensors, roll, shapes_of,
    until_decided, versions, write_json, write_tensors,
)  # fmt: skip
from models_llm import F16, F32, internlm2_to_llama, llama, llama_to_internlm2, opener, prompt, sizes, write_model
from models_splice import IMAGE, embed, splice
from models_tokenizer import write_fast
from models_vision import (
    PREPROCESSOR_DICT, PREPROCESSOR_INT, TOWER, pixels, projector, projector_config, projector_weights,
    tower_weights, write_tower,
)  # fmt: skip

PATCHES = 16
IMAGE_ID, PAD_ID, VOCAB = TEXT_TOKENS, TEXT_TOKENS + 1, 384
SIGHT = TOWER | {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24, "num_hidden_layers": 3}
LANGUAGE = llama("float16", **sizes(24, 40, 2, 3, 3, VOCAB, 4096, 1e-5, 10000.0))

# ---------------------------------------------------------------------------------------------- transformers' class


def hf_config(era):
    """config.json as it was written at three times; the old one leaves out whatever equals a class default."""
    outer = {
        "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": IMAGE_ID,
        "model_type": "llava", "pad_token_id": PAD_ID, "projector_hidden_act": "gelu", "torch_dtype": "float16",
        "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
    }  # fmt: skip
    if era == "old":
        return outer | {
            "text_config": {
                "_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"], "hidden_size": 24,
                "intermediate_size": 40, "max_position_embeddings": 4096, "model_type": "llama",
                "num_attention_heads": 3, "num_hidden_layers": 2, "rms_norm_eps": 1e-05, "torch_dtype": "float16",
                "vocab_size": VOCAB,
            },
            "transformers_version": "4.36.0.dev0",
            "vision_config": {
                "hidden_size": 16, "image_size": 28, "intermediate_size": 24, "model_type": "clip_vision_model",
                "num_attention_heads": 2, "num_hidden_layers": 3, "patch_size": 7, "projection_dim": 24,
                "vocab_size": 32000,
            },
            "vocab_size": VOCAB,
        }  # fmt: skip
    text = {k: v for k, v in LANGUAGE.items() if k not in ("architectures", "transformers_version")}
    return outer | {
        "image_seq_length": PATCHES, "multimodal_projector_bias": True, "text_config": text | {"head_dim": 8},
        "tie_word_embeddings": False, "transformers_version": "4.52.4", "vision_config": SIGHT,
    }  # fmt: skip


def hf_keys(era, state):
    """Renames the names of the class in memory into those of a published file."""
    out = {}
    for name, tensor in state.items():
        name = name.replace("model.vision_tower.", "model.vision_tower.vision_model.", 1)
        if era == "old":
            name = name.replace("model.language_model.", "language_model.model.", 1)
            name = name.replace("model.vision_tower.", "vision_tower.", 1)
            name = name.replace("model.multi_modal_projector.", "multi_modal_projector.", 1)
            name = name.replace("lm_head.", "language_model.lm_head.", 1)
        out[name] = tensor
    return out


def hf_prompts(attempt):
    die = dice("llava_hf/prompt", attempt)
    text = lambda n: torch.randint(3, TEXT_TOKENS - 6, (n,), generator=die).tolist()
    picture = [IMAGE_ID] * PATCHES
    one = [1] + text(2) + picture + text(4)
    two = [1] + text(2) + picture + text(3) + picture + text(2)
    short = [1] + picture + text(3)
    return {
        "one": torch.tensor([one]), "two": torch.tensor([two]), "none": torch.tensor([[1] + text(6)]),
        "batch": torch.tensor([one, short + [PAD_ID] * (len(one) - len(short))]),
    }  # fmt: skip


def hf_measure(model, attempt):
    ids = hf_prompts(attempt)
    images = pixels("llava_hf", 2, attempt)
    shown = {"one": images[:1], "two": images, "none": None, "batch": images}
    out = {"pixel_values": images, "image_features": torch.stack(model.get_image_features(images).pooler_output)}
    gaps = {}
    for case, row in ids.items():
        mask = (row != PAD_ID).long()
        out[f"{case}.input_ids"] = row
        logits = model(row, pixel_values=shown[case], attention_mask=mask, use_cache=False).logits
        out[f"{case}.logits"] = logits * mask[..., None]
        if case == "batch":
            out["batch.mask"] = mask
            alone = model(row[1:, : mask[1].sum()], pixel_values=images[1:], use_cache=False).logits[0]
            assert (alone - logits[1, : mask[1].sum()]).abs().max() < 1e-4
            continue

        def step(new):
            if IMAGE_ID in new.tolist():
                raise Undecided("the answer contains the image token")
            return model(torch.cat([row[0], new])[None], pixel_values=shown[case], use_cache=False).logits[0, -1]

        out[f"{case}.greedy"], gaps[case] = greedy(Next(step))
    blind = model(ids["one"], pixel_values=0 * images[:1], use_cache=False).logits[0, -1]
    assert (blind - out["one.logits"][0, -1]).abs().max() > 0.1, "the picture does not matter"
    return out, {"seed_attempt": attempt, "min_greedy_gap": gaps, "versions": versions()}


def make_hf():
    config = LlavaConfig(**{k: v for k, v in hf_config("new").items() if k != "architectures"})
    shapes = shapes_of(LlavaForConditionalGeneration(config))

    def build(attempt):
        tensors = roll(shapes, dice("llava_hf", attempt), F16)
        for era in ("old", "new"):
            folder = fresh(f"llava_hf_{era}")
            write_json(folder / "config.json", hf_config(era))
            write_json(folder / "generation_config.json", {
                "_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": PAD_ID,
                "transformers_version": hf_config(era)["transformers_version"]})  # fmt: skip
            write_tensors(folder / "model.safetensors", hf_keys(era, tensors))
        return hf_measure(load_exact(LlavaForConditionalGeneration, GOLDEN / "llava_hf_old")[0], attempt)

    expected, facts = until_decided(build)
    for era in ("old", "new"):
        folder = GOLDEN / f"llava_hf_{era}"
        write_fast(folder, extra=["<image>", "<pad>"], pad="<pad>")
        write_json(folder / "added_tokens.json", {"<image>": IMAGE_ID, "<pad>": PAD_ID})
        write_json(folder / "preprocessor_config.json", (PREPROCESSOR_DICT | {"processor_class": "LlavaProcessor"}))
        settings = {"image_token": "<image>", "processor_class": "LlavaProcessor"}
        if era == "new":
            settings |= {"num_additional_image_tokens": 1, "patch_size": 7,
                         "vision_feature_select_strategy": "default"}  # fmt: skip
        write_json(folder / "processor_config.json", dict(sorted(settings.items())))

    # What transformers 5 itself writes: the language model's old names, and no `vision_model.` in the tower's. The model
    # is built anew, because one that was loaded remembers the names of its file and would write those.
    loaded, info = load_exact(LlavaForConditionalGeneration, GOLDEN / "llava_hf_new", F16)
    assert not info["unexpected_keys"], info
    model = LlavaForConditionalGeneration(loaded.config).half()
    model.load_state_dict(loaded.state_dict())
    folder = fresh("llava_hf_v5")
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    write_fast(folder, extra=["<image>", "<pad>"], pad="<pad>")
    write_processor_v5(folder)

    for era in ("old", "new", "v5"):
        folder = GOLDEN / f"llava_hf_{era}"
        again, info = load_exact(LlavaForConditionalGeneration, folder)
        answer = again(expected["two.input_ids"], pixel_values=expected["pixel_values"], use_cache=False)
        assert torch.equal(answer.logits, expected["two.logits"]) and not info["unexpected_keys"], (era, info)
        with safe_open(str(folder / "model.safetensors"), "pt") as file:
            print(f"  llava_hf_{era}:", *sorted({".".join(k.split(".")[:3]) for k in file.keys()}))
    write_tensors(GOLDEN / "llava_hf_old" / "expected.safetensors", expected)
    write_json(GOLDEN / "llava_hf_old" / "expected.json", facts)
    print("  llava_hf: gaps", {k: round(v, 4) for k, v in facts["min_greedy_gap"].items()})


def write_processor_v5(folder):
    """The processor as transformers 5 saves it: everything in processor_config.json."""
    from transformers import LlavaProcessor, PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    room = folder / "processor"
    LlavaProcessor(image_processor=pictures, tokenizer=tokenizer, patch_size=7,
                   vision_feature_select_strategy="default", image_token="<image>",
                   num_additional_image_tokens=1).save_pretrained(room)  # fmt: skip
    shutil.move(room / "processor_config.json", folder / "processor_config.json")
    shutil.rmtree(room)


# ------------------------------------------------------------------------------------------------------ peft on llama


def fill_lora(model, name, dtype, b=0.2, attempt=0):
    """Replaces peft's initial values, whose B is zero, by random ones that are exact in `dtype`."""
    die = dice(name + "/lora", attempt)
    for key, tensor in sorted(model.named_parameters()):
        if "lora_A" in key:
            tensor.data = (torch.randn(tensor.shape, generator=die) / tensor.shape[1] ** 0.5).to(dtype).float()
        elif "lora_B" in key:
            tensor.data = (b * torch.randn(tensor.shape, generator=die)).to(dtype).float()


def save_adapter(model, folder, base, safe=True):
    """As peft writes it, less the README; the targets are a set, which is sorted to give the same file every time."""
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["target_modules"].sort()
    write_json(folder / "adapter_config.json", config)
    weights = folder / "adapter_model.safetensors"
    if safe:
        write_tensors(weights, read_tensors_as_they_are(weights))
    else:
        torch.save(dict(sorted(read_tensors_as_they_are(weights).items())), folder / "adapter_model.bin")
        weights.unlink()


def read_tensors_as_they_are(path):
    with safe_open(str(path), "pt") as file:
        return {k: file.get_tensor(k) for k in file.keys()}


LLAMA_LORA = {
    # name: (safetensors?, settings)
    "plain": (True, dict(r=4, lora_alpha=8)),
    "rslora": (False, dict(r=4, lora_alpha=3, use_rslora=True)),
    "patterns": (True, dict(r=4, lora_alpha=8, rank_pattern={"q_proj": 6, "layers.1.mlp.down_proj": 2},
                            alpha_pattern={"gate_proj": 5})),
}  # fmt: skip
LLAMA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_peft():
    for name, (safe, settings) in LLAMA_LORA.items():
        targets = ["q_proj", "v_proj"] if name == "rslora" else LLAMA_TARGETS
        folder = fresh("llama_peft", name)
        ids = prompt("llama_peft", (1, 17))
        base = load_exact(AutoModelForCausalLM, GOLDEN / "llama")[0]
        before = base(ids, use_cache=False).logits
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", target_modules=targets, lora_dropout=0.05,
                                                bias="none", **settings)).eval()  # fmt: skip
        fill_lora(model, "llama_peft/" + name, F32)
        logits = model(ids, use_cache=False).logits
        save_adapter(model, folder, "tiny/llama", safe)
        again = PeftModel.from_pretrained(load_exact(AutoModelForCausalLM, GOLDEN / "llama")[0], folder).eval()
        assert torch.equal(again(ids, use_cache=False).logits, logits), name
        merged = again.merge_and_unload()(ids, use_cache=False).logits
        assert (merged - logits).abs().max() < 1e-3
        assert (before - logits).abs().max() > 0.5
        write_tensors(folder / "expected.safetensors", {"input_ids": ids, "logits": logits})
        print(f"  llama_peft/{name}: moved logits by {(before - logits).abs().max():.2f}, "
              f"merged off by {(merged - logits).abs().max():.1e}")  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- XTuner


class InternLM2Names(nn.Module):
    """Nothing but InternLM2's tree of names, for peft to attach to; the numbers are computed as Llama."""

    def __init__(self, config, tensors):
        super().__init__()
        self.config = {"model_type": "internlm2", "tie_word_embeddings": False}
        for name, tensor in tensors.items():
            *path, leaf, _ = name.split(".")
            at = self
            for part in path:
                if not hasattr(at, part):
                    at.add_module(part, nn.Module())
                at = getattr(at, part)
            is_linear = tensor.dim() == 2 and leaf != "tok_embeddings"
            layer = nn.Linear(tensor.shape[1], tensor.shape[0], bias=False) if is_linear else nn.Module()
            layer.weight = nn.Parameter(tensor.clone(), requires_grad=False)
            at.add_module(leaf, layer)

    def prepare_inputs_for_generation(self):
        raise NotImplementedError


def clip_under_old_name(folder):
    """CLIPVisionModel inside the `vision_model` attribute it had before transformers 5."""
    inner = load_exact(CLIPVisionModel, folder)[0]
    outer = type("CLIPVisionModel", (nn.Module,), {
        "__module__": CLIPVisionModel.__module__,  # peft writes it down as `parent_library`
        "forward": lambda self, *a, **k: self.vision_model(*a, **k),
    })()  # fmt: skip
    outer.vision_model = inner
    return outer.eval()


XTUNER_LLM = {
    "architectures": ["InternLM2ForCausalLM"], "attn_implementation": "eager",
    "auto_map": {"AutoConfig": "configuration_internlm2.InternLM2Config",
                 "AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM",
                 "AutoModel": "modeling_internlm2.InternLM2ForCausalLM"},
    "bias": False, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "initializer_range": 0.02,
    "model_type": "internlm2", "pad_token_id": 2, "pretraining_tp": 1,
    "rope_scaling": {"type": "dynamic", "factor": 2.0}, "tie_word_embeddings": False, "torch_dtype": "float16",
    "transformers_version": "4.41.0", "use_cache": True,
    **sizes(32, 40, 2, 4, 2, TEXT_TOKENS, 32768, 1e-5, 1000000),
}  # fmt: skip


def xtuner_prompts(attempt):
    die = dice("llava_xtuner/prompt", attempt)
    text = lambda n: torch.randint(3, TEXT_TOKENS - 6, (n,), generator=die).tolist()
    one = [1] + text(2) + [IMAGE] + text(4)
    words = [1] + text(4)
    return {
        "one": torch.tensor([one]), "two": torch.tensor([[1] + text(2) + [IMAGE] + text(3) + [IMAGE] + text(2)]),
        "none": torch.tensor([[1] + text(6)]),
        "batch": torch.tensor([one, words + [0] * (len(one) - len(words))]),
    }  # fmt: skip


def see(tower, mlp, images):
    return mlp.forward(tower(images, output_hidden_states=True).hidden_states[-2][:, 1:])


def answer(llm, ids, features, mask=None):
    """Splices and runs; mask and positions only where the reference passes them."""
    plan = splice(ids.tolist(), PATCHES, None if mask is None else mask.tolist())
    inputs = {"inputs_embeds": embed(plan, llm.get_input_embeddings().weight, features)}
    if mask is not None:
        inputs |= {"attention_mask": torch.tensor(plan["mask"]).long(), "position_ids": torch.tensor(plan["positions"])}
    return plan, llm(**inputs, use_cache=False).logits


def xtuner_measure(folder, internlm2, adapted, tower, adapted_tower, mlp, attempt):
    ids = xtuner_prompts(attempt)
    images = pixels("llava_xtuner", 2, attempt)
    empty = torch.zeros_like(images[:1])
    out = {"pixel_values": images} | {f"{case}.input_ids": row for case, row in ids.items()}
    facts = {"seed_attempt": attempt, "min_greedy_gap": {}, "versions": versions()}
    ends = {}
    for prefix, weights, eye in (("", adapted, adapted_tower), ("plain.", internlm2, tower)):
        llm = opener(XTUNER_LLM, weights)()
        features = see(eye, mlp, images)
        out[f"{prefix}image_features"] = features
        shown = {"one": features[:1], "two": features, "none": see(eye, mlp, empty)}
        for case in ["one", "two", "none"] if not prefix else ["one"]:
            _, logits = answer(llm, ids[case], shown[case])
            out[f"{prefix}{case}.logits"] = logits
            step = lambda new: answer(llm, torch.cat([ids[case][0], new])[None], shown[case])[1][0, -1]
            out[f"{prefix}{case}.greedy"], facts["min_greedy_gap"][prefix + case] = greedy(Next(step))
        ends[prefix] = out[f"{prefix}one.logits"][0, -1]
        if not prefix:
            mask = torch.ones_like(ids["batch"])
            mask[1, 5:] = 0
            plan, logits = answer(llm, ids["batch"], see(eye, mlp, torch.cat([images[:1], empty])), mask)
            valid = torch.tensor(plan["mask"])
            assert (logits[0] - out["one.logits"][0]).abs().max() < 1e-4
            assert (logits[1, :5] - answer(llm, ids["batch"][1:, :5], features)[1][0]).abs().max() < 1e-4
            out |= {"batch.mask": mask, "batch.spliced_mask": valid.long(), "batch.logits": logits * valid[..., None],
                    "batch.position_ids": torch.tensor(plan["positions"])}  # fmt: skip
    assert (ends[""] - ends["plain."]).abs().max() > 0.5
    return out, facts


def history_class():
    """A class under mmengine's module name: its checkpoints hold objects of it, which a reader must step over."""
    for name in ("mmengine", "mmengine.logging", "mmengine.logging.history_buffer"):
        sys.modules.setdefault(name, types.ModuleType(name))
    module = sys.modules["mmengine.logging.history_buffer"]
    cls = type("HistoryBuffer", (), {"__module__": module.__name__})
    module.HistoryBuffer = cls
    return cls


def write_pth(path, state):
    history = history_class()()
    history.__dict__ |= {"_log_history": np.array([3.25, 2.5]), "_count_history": np.array([1, 1]),
                         "max_length": 1000000}  # fmt: skip
    torch.save({
        "meta": {"epoch": 0, "iter": 10, "cfg": "max_length = 1472\n", "seed": 1164929430,
                 "experiment_name": "tiny_20240403_120000", "time": "20240403_120010", "mmengine_version": "0.10.3"},
        "state_dict": OrderedDict(state),
        "message_hub": {"log_scalars": OrderedDict({"train/loss": history}),
                        "runtime_info": OrderedDict({"iter": 9, "max_iters": 10, "last_ckpt": None}),
                        "resumed_keys": OrderedDict({"train/loss": True, "iter": True})},
        "param_schedulers": [],
    }, path)  # fmt: skip


def make_xtuner():
    drop = ("architectures", "auto_map", "rope_scaling", "bias", "model_type")
    plain = LlamaConfig(**{k: v for k, v in XTUNER_LLM.items() if k not in drop})
    shapes = shapes_of(AutoModelForCausalLM.from_config(plain))

    def build(attempt):
        folder = fresh("llava_xtuner")
        for part in ("llm", "clip", "llava/projector", "llava/llm_adapter", "llava/visual_encoder_adapter"):
            (folder / part).mkdir(parents=True)
        internlm2 = llama_to_internlm2(XTUNER_LLM, roll(shapes, dice("llava_xtuner", attempt), F16))
        write_model(folder / "llm", XTUNER_LLM, internlm2, F16)
        internlm2 = {k: v.float() for k, v in internlm2.items()}
        write_tower(folder / "clip", SIGHT, tower_weights("llava_xtuner", SIGHT, F32, attempt), PREPROCESSOR_INT)
        shape = projector_config(16, 32, 2, "gelu")
        mlp = projector(shape, projector_weights("llava_xtuner", shape, attempt))
        write_json(folder / "llava/projector/config.json", shape)
        write_tensors(folder / "llava/projector/model.safetensors", mlp.state_dict())

        names = InternLM2Names(XTUNER_LLM, internlm2)
        llm = get_peft_model(names, LoraConfig(
            task_type="CAUSAL_LM", r=6, lora_alpha=12, lora_dropout=0.05, bias="none",
            target_modules=["wqkv", "wo", "w1", "w2", "w3", "output"])).eval()  # fmt: skip
        fill_lora(llm, "llava_xtuner/llm", F16, 0.15, attempt)
        eye = get_peft_model(clip_under_old_name(folder / "clip"), LoraConfig(
            r=4, lora_alpha=2, lora_dropout=0.05, bias="none",
            target_modules=["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"])).eval()  # fmt: skip
        fill_lora(eye, "llava_xtuner/eye", F32, 0.4, attempt)

        state = {f"llm.{k}": v.clone() for k, v in llm.state_dict().items() if "lora_" in k}
        state |= {f"visual_encoder.{k}": v.clone() for k, v in eye.state_dict().items() if "lora_" in k}
        state |= {f"projector.{k}": v.clone() for k, v in mlp.state_dict().items()}
        write_pth(folder / "iter_10.pth", state)
        save_adapter(eye, folder / "llava/visual_encoder_adapter", "openai/clip-vit-large-patch14-336")
        save_adapter(llm.half(), folder / "llava/llm_adapter", "internlm/internlm2-chat-1_8b")

        merged = {k: v.float() for k, v in merge_from_files(folder, internlm2).items()}
        write_trained_pth(folder)
        facts_out = xtuner_measure(folder, internlm2, merged, clip_under_old_name(folder / "clip"), eye, mlp, attempt)
        by_peft = llm.float().merge_and_unload().state_dict()
        assert all((merged[k] - by_peft[k]).abs().max() < 1e-6 for k in merged)
        return facts_out

    expected, facts = until_decided(build)
    folder = GOLDEN / "llava_xtuner"
    write_tensors(folder / "expected.safetensors", expected)
    write_json(folder / "expected.json", facts)
    for part in ("llm_adapter", "visual_encoder_adapter"):
        keys = list(read_tensors_as_they_are(folder / "llava" / part / "adapter_model.safetensors"))
        print(f"  llava_xtuner {part}:", len(keys), keys[0])
    print("  llava_xtuner: gaps", {k: round(v, 4) for k, v in facts["min_greedy_gap"].items()})


def merge_from_files(folder, internlm2):
    """W + alpha/r * B A in float32, from the adapter as it was written."""
    out = merge(internlm2, folder / "llava/llm_adapter", 2.0)
    assert sum(not torch.equal(out[k], internlm2[k]) for k in out) == 2 * 5 + 1
    return out


def merge(base, adapter, scale):
    lora = read_tensors(adapter / "adapter_model.safetensors")
    out = dict(base)
    for key in [k for k in lora if ".lora_A." in k]:
        name = key.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
        out[name] = out[name] + scale * lora[key.replace("lora_A", "lora_B")] @ lora[key]
    return out


def write_trained_pth(folder):
    """What training without adapters leaves: all of the language model and of the tower. The numbers are those of the
    adapters multiplied in, so that its answers are those of `iter_10.pth`."""
    llm, clip = (read_tensors(folder / part / "model.safetensors") for part in ("llm", "clip"))
    parts = {"llm.": merge(llm, folder / "llava/llm_adapter", 2.0),
             "visual_encoder.": merge(clip, folder / "llava/visual_encoder_adapter", 0.5),
             "projector.": read_tensors(folder / "llava/projector/model.safetensors")}  # fmt: skip
    write_pth(folder / "iter_20.pth", {prefix + k: v for prefix, part in parts.items() for k, v in part.items()})


def make():
    make_hf()
    make_peft()
    make_xtuner()
