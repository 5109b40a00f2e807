"""CLIP towers and projectors: folders as published, and what transformers computes from them.

Versions and seed: see models.py. transformers 5 dropped the `vision_model.` prefix from CLIPVisionModel; published
files have it, so it is put back here.
"""

import torch
from torch import nn
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModel
from transformers.activations import ACT2FN

from models_folders import dice, fresh, load_exact, roll, shapes_of, versions, write_json, write_tensors

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

TOWER = {
    "attention_dropout": 0.0, "dropout": 0.0, "hidden_act": "quick_gelu", "hidden_size": 40, "image_size": 28,
    "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 96, "layer_norm_eps": 1e-5,
    "model_type": "clip_vision_model", "num_attention_heads": 5, "num_channels": 3, "num_hidden_layers": 4,
    "patch_size": 7, "projection_dim": 24,
}  # fmt: skip
SMALL_TOWER = TOWER | {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40, "num_hidden_layers": 3}
TEXT = {
    "attention_dropout": 0.0, "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu",
    "hidden_size": 16, "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 24,
    "layer_norm_eps": 1e-5, "max_position_embeddings": 11, "model_type": "clip_text_model", "num_attention_heads": 2,
    "num_hidden_layers": 1, "pad_token_id": 1, "projection_dim": 24, "vocab_size": 49,
}  # fmt: skip

PREPROCESSOR_INT = {
    "crop_size": 28, "do_center_crop": True, "do_normalize": True, "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": MEAN, "image_std": STD, "resample": 3, "size": 28,
}  # fmt: skip
PREPROCESSOR_DICT = {
    "crop_size": {"height": 28, "width": 28}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
    "do_rescale": True, "do_resize": True, "image_mean": MEAN, "image_processor_type": "CLIPImageProcessor",
    "image_std": STD, "resample": 3, "rescale_factor": 1 / 255, "size": {"shortest_edge": 28},
}  # fmt: skip


def pixels(name, count, attempt=0):
    """Pictures as the network sees them, after normalising: [count, 3, 28, 28] with smooth parts and noise."""
    die = dice(name + "/pixels", attempt)
    coarse = torch.randn(count, 3, 4, 4, generator=die)
    smooth = nn.functional.interpolate(coarse, size=(28, 28), mode="bilinear")
    return smooth + 0.3 * torch.randn(count, 3, 28, 28, generator=die)


def tower_weights(name, config, dtype, attempt=0):
    """Weights of a tower under the published names, `vision_model.` in front."""
    shapes = shapes_of(CLIPVisionModel(CLIPVisionConfig(**config)))
    assert "embeddings.class_embedding" in shapes, "transformers changed the names of CLIPVisionModel again"
    return roll({f"vision_model.{k}": v for k, v in shapes.items()}, dice(name + "/tower", attempt), dtype)


def measure(folder, name):
    model, _ = load_exact(CLIPVisionModel, folder)
    pixel_values = pixels(name, 2)
    states = model(pixel_values, output_hidden_states=True).hidden_states
    out = {"pixel_values": pixel_values, "selected": states[-2][:, 1:]}
    out |= {f"hidden.{i}": h for i, h in enumerate(states)}
    write_tensors(folder / "expected.safetensors", out)
    write_json(folder / "expected.json", {"versions": versions(), "hidden_std": [float(h.std()) for h in states]})
    print(f"  {name}: hidden std", " ".join(f"{h.std():.2f}" for h in states))


def make_full_clip():
    """The whole CLIP with its text half, in pytorch_model.bin, with the index buffers that old files carry."""
    folder = fresh("clip")
    config = {
        "architectures": ["CLIPModel"], "initializer_factor": 1.0, "logit_scale_init_value": 2.6592,
        "model_type": "clip", "projection_dim": 24, "text_config": TEXT, "torch_dtype": "float32",
        "transformers_version": None, "vision_config": TOWER,
    }  # fmt: skip
    write_json(folder / "config.json", config)
    write_json(folder / "preprocessor_config.json", PREPROCESSOR_INT)
    tensors = roll(shapes_of(CLIPModel(CLIPConfig(text_config=TEXT, vision_config=TOWER, projection_dim=24))),
                   dice("clip"), torch.float32)  # fmt: skip
    assert "vision_model.embeddings.class_embedding" in tensors
    tensors["text_model.embeddings.position_ids"] = torch.arange(11)[None]
    tensors["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    torch.save(dict(sorted(tensors.items())), folder / "pytorch_model.bin")
    measure(folder, "clip")


def write_tower(folder, config, tensors, preprocessor=PREPROCESSOR_DICT):
    dtype = {torch.float32: "float32", torch.float16: "float16"}[next(iter(tensors.values())).dtype]
    write_json(folder / "config.json", {"architectures": ["CLIPVisionModel"], **config, "torch_dtype": dtype,
                                        "transformers_version": "4.39.3"})  # fmt: skip
    write_json(folder / "preprocessor_config.json", preprocessor)
    write_tensors(folder / "model.safetensors", tensors)


def make_towers():
    for name, config, dtype in (
        ("clip_vision", TOWER, torch.float16),
        ("clip_vision_gelu", SMALL_TOWER | {"hidden_act": "gelu", "layer_norm_eps": 1e-6}, torch.float32),
    ):
        folder = fresh(name)
        write_tower(folder, config, tower_weights(name, config, dtype))
        measure(folder, name)


def projector_config(visual, llm, depth, act, bias=True):
    return {
        "architectures": ["ProjectorModel"],
        "auto_map": {"AutoConfig": "configuration_projector.ProjectorConfig",
                     "AutoModel": "modeling_projector.ProjectorModel"},
        "bias": bias, "depth": depth, "hidden_act": act, "llm_hidden_size": llm, "model_type": "projector",
        "torch_dtype": "float32", "transformers_version": "4.39.3", "visual_hidden_size": visual,
    }  # fmt: skip


def projector(config, tensors=None):
    """Linear(visual, llm), then (activation, Linear(llm, llm)) for every further depth; keys model.0, model.2, …"""
    visual, llm, bias = config["visual_hidden_size"], config["llm_hidden_size"], config["bias"]
    layers = [nn.Linear(visual, llm, bias=bias)]
    for _ in range(config["depth"] - 1):
        layers += [ACT2FN[config["hidden_act"]], nn.Linear(llm, llm, bias=bias)]
    model = nn.Module()
    model.model = nn.Sequential(*layers)
    model.forward = model.model.forward
    if tensors:
        model.load_state_dict(tensors)
    return model


def projector_weights(name, config, attempt=0):
    shapes = {k: v.shape for k, v in projector(config).state_dict().items()}
    return roll(shapes, dice(name + "/projector", attempt), torch.float32)


PROJECTORS = [(1, "gelu", True), (2, "gelu", True), (3, "gelu", True), (2, "relu", True), (2, "silu", True),
              (2, "gelu_pytorch_tanh", True), (2, "quick_gelu", False)]  # fmt: skip


def make_projectors():
    for depth, act, bias in PROJECTORS:
        name = f"depth{depth}_{act}" + ("" if bias else "_no_bias")
        folder = fresh("projector", name)
        config = projector_config(24, 32, depth, act, bias)
        tensors = projector_weights(name, config)
        write_json(folder / "config.json", config)
        write_tensors(folder / "model.safetensors", tensors)
        x = torch.randn(2, 5, 24, generator=dice(name + "/input"))
        y = projector(config, tensors).forward(x)
        write_tensors(folder / "expected.safetensors", {"input": x, "output": y})
    print("  projectors:", len(PROJECTORS))


def make():
    make_full_clip()
    make_towers()
    make_projectors()
