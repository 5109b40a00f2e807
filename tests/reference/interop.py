"""Opens what Eyewright exports with the libraries it was exported for, and compares answers.

Run by `cargo xtask interop`, which makes the environment. Needs the program built; writes nothing into the tree.
The stacks are the tiny ones of tests/golden, with random weights: an answer is nonsense, but it is the same nonsense
everywhere or a layout is wrong.

    python tests/reference/interop.py PROGRAM PYTHON_WITH_XTUNER
"""

import argparse
import ctypes
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# A script beside this one is called like the library `tokenizers`.
sys.path.pop(0)

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests/golden/models"
QUESTION = "What is in this picture?"
TOKENS = 12
ROWS, GOOD = [], []


def program(binary, *arguments):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def note(stack, form, loader, tokens, error, limit, remark=""):
    good = tokens is not False and error <= limit
    word = {True: "equal", False: "DIFFERENT", None: "not judged"}[tokens]
    ROWS.append((stack, form, loader, word, f"{error:.1e}", f"{limit:.0e}", remark))
    GOOD.append(good)
    print("ok  " if good else "FAIL", *ROWS[-1], flush=True)
    return good


def picture(folder, side=28):
    """A square of the tower's own size, so that no resampling stands between the loaders."""
    y, x = np.mgrid[0:side, 0:side]
    rgb = np.stack([x * 255 // side, y * 255 // side, ((x // 5 + y // 7) % 2) * 200 + 30], -1).astype(np.uint8)
    path = folder / "picture.png"
    Image.fromarray(rgb).save(path)
    return path


def wide_picture(folder):
    """Not a square: padding has to be done alike."""
    y, x = np.mgrid[0:40, 0:64]
    rgb = np.stack([x * 4 % 256, y * 6 % 256, ((x // 7 + y // 5) % 2) * 200 + 30], -1).astype(np.uint8)
    path = folder / "wide.png"
    Image.fromarray(rgb).save(path)
    return path


def ours(binary, folder, image, *model, question=QUESTION):
    """Prompt ids, scores and greedy answer of Eyewright."""
    file = folder / "logits.safetensors"
    text = program(
        binary, "chat", *model, *(["--image", image] if image else []), "--prompt", question, "--device", "cpu", "--dtype", "f32",
        "--temperature", "0", "--max-new-tokens", TOKENS, "--json", "--logits", file,
    )  # fmt: skip
    tensors = load_file(file)
    return tensors["input_ids"][0] if tensors["input_ids"].dim() > 1 else tensors["input_ids"], \
        tensors["logits"].reshape(-1, tensors["logits"].shape[-1]), json.loads(text)["token_ids"]


def relative(got, expected):
    width = min(got.shape[-1], expected.shape[-1])
    got, expected = got[..., :width].float(), expected[..., :width].float()
    return ((got - expected).abs().max() / expected.abs().max()).item()


def transformers_llava(name, export, image, reference):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(export)
    model = AutoModelForImageTextToText.from_pretrained(export, dtype=torch.float32, attn_implementation="eager").eval()
    turns = [{"role": "user", "content": [{"type": "image", "image": Image.open(image)}, {"type": "text", "text": QUESTION}]}]
    inputs = processor.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = model(**inputs).logits[0]
        written = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)[0, inputs["input_ids"].shape[1]:]
    ids, scores, answer = reference
    image_id = model.config.image_token_id if hasattr(model.config, "image_token_id") else model.config.image_token_index
    theirs = inputs["input_ids"][0].clone()
    theirs[theirs == image_id] = -200
    if theirs.tolist() != ids.tolist():
        return False, float("inf"), f"prompts differ: {theirs.tolist()[:40]} and {ids.tolist()[:40]}"
    return written.tolist() == answer, relative(logits, scores), ""


def llava_hf(binary, home, name, model, image, limit=1e-4):
    export = home / f"{name}-llava-hf-{image.stem}"
    program(binary, "convert", *model[1], "--to", "llava-hf", "--dtype", "f32", "--out", export)
    reference = ours(binary, home, image, *model[0])
    equal, error, remark = transformers_llava(name, export, image, reference)
    note(name, f"llava-hf ({image.stem})", "transformers", equal, error, limit, remark)
    again = ours(binary, home, image, export)
    note(name, f"llava-hf ({image.stem})", "eyewright", again[2] == reference[2], relative(again[1], reference[1]), limit)
    return export


def projector(binary, home, name, model):
    """XTuner's projector folder, opened by its own model definition."""
    from transformers import AutoModel

    export = home / f"{name}-xtuner"
    program(binary, "convert", *model[1], "--to", "xtuner", "--out", export)
    loaded = AutoModel.from_pretrained(export / "projector", trust_remote_code=True, dtype=torch.float32)
    stored = load_file(export / "projector/model.safetensors")
    same = all(torch.equal(loaded.state_dict()[key], value) for key, value in stored.items())
    note(name, "xtuner projector", "transformers", same and len(stored) == len(loaded.state_dict()), 0.0, 0.0)


def xtuner_chat(python, binary, home, name, model, image):
    """`xtuner chat` with the exported folder, as its users type it; interop_xtuner.py keeps it on the processor."""
    template = {"llama": "vicuna", "qwen2": "qwen_chat"}[name]
    llm = home / f"{name}-older"
    if not llm.is_dir():  # `tokenizers` of XTuner's time wants merges in one string
        shutil.copytree(model[0][0], llm)
        tokenizer = json.loads((llm / "tokenizer.json").read_text())
        tokenizer["model"]["merges"] = [" ".join(pair) for pair in tokenizer["model"]["merges"]]
        (llm / "tokenizer.json").write_text(json.dumps(tokenizer))
    done = subprocess.run(
        [python, Path(__file__).with_name("interop_xtuner.py"), llm, "--visual-encoder", model[0][2], "--llava",
         home / f"{name}-xtuner", "--image", image, "--prompt-template", template, "--torch-dtype", "fp32",
         "--temperature", "0", "--max-new-tokens", str(TOKENS)],
        input=f"{QUESTION}\n\nEXIT\n\n", capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"xtuner chat\n{done.stdout}\n{done.stderr}")
    written = json.loads(done.stdout.splitlines()[-1])[0]
    answer = ours(binary, home, image, *model[0], "--prompt-template", template)[2]
    note(name, f"xtuner ({image.stem})", "XTuner 0.1.23", written == answer, 0.0, 0.0, f"{len(written)} tokens")


def older(adapter, home):
    """transformers 5 calls a bare tower's blocks without `vision_model.`; XTuner's files are older."""
    folder = Path(tempfile.mkdtemp(dir=home))
    (folder / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    tensors = load_file(adapter / "adapter_model.safetensors")
    save_file({key.replace(".vision_model.", "."): value for key, value in tensors.items()},
              folder / "adapter_model.safetensors", metadata={"format": "pt"})  # fmt: skip
    return folder


def tower_adapter(export, name, clip, home):
    from peft import PeftModel
    from transformers import CLIPVisionModel

    if not (export / "visual_encoder_adapter").is_dir():
        return
    base = CLIPVisionModel.from_pretrained(clip, dtype=torch.float32, attn_implementation="eager").eval()
    pixels = torch.linspace(-1, 1, 3 * 28 * 28).reshape(1, 3, 28, 28)
    with torch.no_grad():
        bare = base(pixels).last_hidden_state
        golden = PeftModel.from_pretrained(base, older(MODELS / "llava_xtuner/llava/visual_encoder_adapter", home)).eval()
        expected = golden(pixels).last_hidden_state
    base = CLIPVisionModel.from_pretrained(clip, dtype=torch.float32, attn_implementation="eager").eval()
    model = PeftModel.from_pretrained(base, older(export / "visual_encoder_adapter", home)).eval()
    with torch.no_grad():
        found = model(pixels).last_hidden_state
    moved = relative(bare, expected)
    note(name, "xtuner/peft tower adapter", "peft", moved > 1e-3, relative(found, expected), 1e-6, f"adapter moves {moved:.0e}")


def llm_adapter(binary, home, family, adapter):
    """An adapter through PEFT -> Eyewright -> PEFT."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    llava = home / f"{family}-peft-in"
    (llava / "projector").mkdir(parents=True)
    config = json.loads((MODELS / family / "config.json").read_text())
    torch.manual_seed(1)
    hidden = config["hidden_size"]
    save_file({"model.0.weight": torch.randn(hidden, 16) / 4, "model.0.bias": torch.randn(hidden) / 4,
               "model.2.weight": torch.randn(hidden, hidden) / 7, "model.2.bias": torch.randn(hidden) / 4},
              llava / "projector/model.safetensors", metadata={"format": "pt"})  # fmt: skip
    (llava / "projector/config.json").write_text(json.dumps(
        {"model_type": "projector", "visual_hidden_size": 16, "llm_hidden_size": hidden, "depth": 2,
         "hidden_act": "gelu", "bias": True}))  # fmt: skip
    base = lambda: AutoModelForCausalLM.from_pretrained(MODELS / family, dtype=torch.float32, attn_implementation="eager")
    if adapter is None:
        from peft import LoraConfig, get_peft_model

        made = get_peft_model(base(), LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"]))
        for key, value in made.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(value, std=0.1)
        made.save_pretrained(llava / "llm_adapter")
    else:
        (llava / "llm_adapter").symlink_to(adapter)
    clip = MODELS / "llava_xtuner/clip"
    parts = ([MODELS / family, "--visual-encoder", clip, "--llava", llava],
             [llava, "--base", MODELS / family, "--visual-encoder", clip])  # fmt: skip
    export = home / f"{family}-peft-out"
    program(binary, "convert", *parts[1], "--to", "peft", "--out", export)
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        expected = PeftModel.from_pretrained(base(), llava / "llm_adapter").eval()(ids).logits
        found = PeftModel.from_pretrained(base(), export / "llm_adapter").eval()(ids).logits
        bare = base().eval()(ids).logits
    note(family, "peft llm adapter", "peft", relative(bare, expected) > 1e-3, relative(found, expected), 1e-6)
    return parts


def whole_adapter(binary, home, name, model, image):
    """One PEFT adapter with the projector in it, on the llava-hf form of the bare base."""
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor

    llm, tower = model[0][0], model[0][2]
    llava = Path(model[0][4])
    if not (llava / "llm_adapter").is_dir():
        return
    bare = home / f"{name}-bare"
    (bare / "in").mkdir(parents=True)
    (bare / "in/projector").symlink_to(llava / "projector")
    program(binary, "convert", bare / "in", "--base", llm, "--visual-encoder", tower, "--to", "llava-hf", "--dtype", "f32",
            "--out", bare / "base")  # fmt: skip
    export = home / f"{name}-whole-adapter"
    program(binary, "convert", *model[1], "--to", "peft", "--with-projector", "--out", export)
    processor = AutoProcessor.from_pretrained(bare / "base")
    base = AutoModelForImageTextToText.from_pretrained(bare / "base", dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():  # the adapter has to bring the projector
        for value in base.model.multi_modal_projector.parameters():
            value.zero_()
    loaded = PeftModel.from_pretrained(base, export).eval()
    turns = [{"role": "user", "content": [{"type": "image", "image": Image.open(image)}, {"type": "text", "text": QUESTION}]}]
    inputs = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")
    with torch.no_grad():
        logits = loaded(**inputs).logits[0]
        written = loaded.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)[0, inputs["input_ids"].shape[1]:]
    reference = ours(binary, home, image, *model[0])
    note(name, "peft, whole model with projector", "peft", written.tolist() == reference[2], relative(logits, reference[1]), 1e-4)


def gguf_package(binary, home, name, model):
    """Names, shapes and packed numbers, as the gguf package of llama.cpp reads and packs them."""
    import gguf

    plain = home / f"{name}-gguf-f32"
    if not plain.is_dir():
        program(binary, "convert", *model[1], "--to", "gguf", "--dtype", "f32", "--out", plain)
    exact = {t.name: t for t in gguf.GGUFReader(next(plain.glob(f"{name}*.gguf"))).tensors}
    for kind in ["f16", "bf16", "q8_0", "q4_0", "q4_k_m"]:
        export = home / f"{name}-gguf-{kind}"
        program(binary, "convert", *model[1], "--to", "gguf", "--dtype", kind, "--out", export)
        same = True
        for tensor in gguf.GGUFReader(next(export.glob(f"{name}*.gguf"))).tensors:
            numbers = exact[tensor.name].data
            packed = packed_by_them(np.array(numbers, dtype=np.float32), tensor.tensor_type)
            same &= np.array_equal(packed.view(np.uint8).reshape(-1), np.array(tensor.data).view(np.uint8).reshape(-1))
        note(name, f"gguf {kind}, packed numbers", "gguf package, ggml", same, 0.0, 0.0)


def packed_by_them(numbers, kind):
    """Blocks as the gguf package packs them, and those it cannot pack as llama.cpp's library does."""
    import gguf
    import xllamacpp

    if kind not in (gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K):
        return gguf.quants.quantize(numbers, kind)
    ggml = ctypes.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))))
    pack = ggml.ggml_quantize_chunk
    pack.restype, pointer, count = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int64
    pack.argtypes = [ctypes.c_int, pointer, pointer, count, count, count, pointer]
    numbers = np.ascontiguousarray(numbers)
    out = np.zeros(gguf.quants.quant_shape_to_byte_shape(numbers.shape, kind), dtype=np.uint8)
    pack(kind, numbers.ctypes.data, out.ctypes.data, 0, *numbers.shape, None)
    return out


def class_token_behind(export, image):
    """Scores and answer of a model whose tower puts the class token behind the patches and still drops the first row.

    That is what `tools/mtmd/models/llava.cpp` has done since llama.cpp's pull request 13321; issue 25814 names it. The
    positions stay 0, 1, 2 ..., so every patch has its neighbour's; the first patch is lost; the class token is the last
    picture token.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(export)
    model = AutoModelForImageTextToText.from_pretrained(export, dtype=torch.float32, attn_implementation="eager").eval()
    rows = next(part for name, part in model.named_modules() if name.endswith("embeddings") and hasattr(part, "class_embedding"))

    def forward(pixel_values, **_):
        patches = rows.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        behind = torch.cat([patches, rows.class_embedding.expand(len(patches), 1, -1)], 1)
        return behind + rows.position_embedding.weight

    rows.forward = forward
    turns = [{"role": "user", "content": [{"type": "image", "image": Image.open(image)}, {"type": "text", "text": QUESTION}]}]
    inputs = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")
    with torch.no_grad():
        written = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)[0, inputs["input_ids"].shape[1]:]
        return model(**inputs).logits[0], written.tolist()


def older_llama_cpp(binary, home, name, model, image):
    """The picture through llama.cpp as it was before pull request 13321, unchanged, with our unchanged files.

    `llama-cpp-python` 0.3.8 carries it: its picture code, its CLIP, its language model. Keys and values are kept in 32
    bits, so that tokens can be held to those of the reference; where weights are in bf16 or q8_0, it rounds activations
    alike, and of random numbers only scores are judged then.
    """
    import llama_cpp
    from llama_cpp import llava_cpp

    ids, scores, answer = ours(binary, home, image, *model[0])
    ids = ids.tolist()
    at, length = ids.index(-200), ids.count(-200)
    for kind, limit in [("f32", 5e-3), ("f16", 1e-2), ("bf16", 1e-1), ("q8_0", 1e-1)]:
        llm, eye = gguf_files(binary, home, name, model, kind)
        context = llama_cpp.Llama(str(llm), n_ctx=512, n_threads=1, verbose=False, type_k=0, type_v=0)
        clip = llava_cpp.clip_model_load(str(eye).encode(), 0)
        seen = llava_cpp.llava_image_embed_make_with_filename(clip, 1, str(image).encode())
        context.eval(ids[:at])
        past = ctypes.c_int(at)
        read = llava_cpp.llava_eval_image_embed(context.ctx, seen, context.n_batch, ctypes.byref(past))
        context.n_tokens = past.value
        context.eval(ids[at + length :])
        rows, written = [], []
        for _ in answer:
            row = llama_cpp.llama_get_logits_ith(context.ctx, -1)
            rows.append(torch.tensor(np.ctypeslib.as_array(row, shape=(context.n_vocab(),))))
            written.append(int(rows[-1].argmax()))
            context.eval(written[-1:])
        llava_cpp.llava_image_embed_free(seen)
        llava_cpp.clip_free(clip)
        same = sum(a == b for a, b in zip(written, answer))
        unlike = None if kind in ["bf16", "q8_0"] else False
        equal = read and past.value == at + length and (written == answer or unlike)
        note(name, f"gguf {kind}, picture", "llama.cpp before 13321", equal, relative(rows[0], scores[-1]), limit,
             f"{same} of {len(answer)} tokens")  # fmt: skip


def gguf_files(binary, home, name, model, kind):
    """The language model's file and the picture side's."""
    export = home / f"{name}-gguf-{kind}"
    if not export.is_dir():
        program(binary, "convert", *model[1], "--to", "gguf", "--dtype", kind, "--out", export)
    return sorted(export.glob("*.gguf"), key=lambda file: file.name.startswith("mmproj"))


def llama_cpp(binary, home, name, model, image):
    """The same questions through llama.cpp: its tokenizer, its chat template, its picture code, its arithmetic."""
    import base64

    import xllamacpp

    # llama.cpp puts no newline behind a picture, LLaVA's prompts have one.
    url = "data:image/png;base64," + base64.b64encode(image.read_bytes()).decode()
    seen = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "\n" + QUESTION}]
    ids, scores, answer = ours(binary, home, image, *model[0])
    behind = class_token_behind(home / f"{name}-llava-hf-{image.stem}", image)
    text = ours(binary, home, None, *model[0])
    # llama.cpp approximates GELU, packs keys and values in 16 bits, and packs activations where weights are packed.
    for kind, limit in [("f32", 5e-3), ("f16", 1e-2), ("bf16", 5e-2), ("q8_0", 1e-1)]:
        llm, eye = gguf_files(binary, home, name, model, kind)
        parameters = xllamacpp.CommonParams()
        parameters.model.path, parameters.mmproj.path = str(llm), str(eye)
        parameters.n_ctx, parameters.n_parallel, parameters.use_jinja, parameters.verbosity = 512, 1, True, -1
        parameters.cpuparams.n_threads = 1
        server = xllamacpp.Server(parameters)

        def asked(content):
            said = server.handle_chat_completions({
                "messages": [{"role": "user", "content": content}], "max_tokens": TOKENS, "temperature": 0,
                "logprobs": True, "top_logprobs": scores.shape[-1], "cache_prompt": False, "verbose": True, "return_tokens": True,
            })  # fmt: skip
            said = json.loads(said) if isinstance(said, (str, bytes)) else said
            rows = said["choices"][0]["logprobs"]["content"]
            first = {row["id"]: row["logprob"] for row in rows[0]["top_logprobs"]}
            # The rows leave out tokens that are a part of a character.
            return first, said["__verbose"]["tokens"], said["usage"]["prompt_tokens"]

        def judged(said, length, scores, answer):
            first, written, prompt = said
            expected = torch.log_softmax(scores[-1].double(), -1)
            shared = [id for id in first if id < len(expected) and first[id] > -1e3]
            error = max(abs(first[id] - expected[id].item()) for id in shared) / expected.abs().max().item()
            same = sum(a == b for a, b in zip(written, answer))
            # The reference has not the 8-bit weights, and scores of random weights lie close: there only scores are judged.
            equal = prompt == length and (written == answer[: len(written)] or (None if kind == "q8_0" else False))
            return equal, error, f"{same} of {len(written)} tokens"

        equal, error, count = judged(asked(QUESTION), len(text[0]), *text[1:])
        note(name, f"gguf {kind}, text", "llama.cpp", equal, error, limit, count)
        said = asked(seen)
        equal, error, count = judged(said, len(ids), scores, answer)
        if equal is not False and error <= limit:
            note(name, f"gguf {kind}, picture", "llama.cpp", equal, error, limit, count)
        else:
            # Is the difference that fault and nothing else?
            remark = f"in CLIP's order: {count}, scores differ by {error:.1e}"
            equal, error, count = judged(said, len(ids), *behind)
            note(name, f"gguf {kind}, picture", "llama.cpp, class token behind", equal, error, limit, f"{count}; {remark}")
        del server


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("xtuner", help="a Python with XTuner 0.1.23")
    options = parser.parse_args()
    binary = str(Path(options.program).resolve())
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        xtuner, demo = MODELS / "llava_xtuner", ROOT / "models/demo"
        parts = [xtuner / "llm", "--visual-encoder", xtuner / "clip", "--llava", xtuner / "llava"]
        stacks = {"internlm2": (parts, [xtuner / "llava", "--base", xtuner / "llm", "--visual-encoder", xtuner / "clip"])}
        for family in ["llama", "qwen2"]:
            adapter = MODELS / "llama_peft/plain" if family == "llama" else None
            stacks[family] = llm_adapter(binary, home, family, adapter)
        # Wide enough for GGUF's blocks of 256.
        parts = [demo / "llm", "--visual-encoder", demo / "tower", "--llava", demo / "pretrained"]
        stacks["demo"] = (parts, [demo / "pretrained", "--base", demo / "llm", "--visual-encoder", demo / "tower"])
        for name, model in stacks.items():
            square, wide = picture(home, 112 if name == "demo" else 28), wide_picture(home)
            for image in [square, wide]:
                llava_hf(binary, home, name, model, image)
            projector(binary, home, name, model)
            if name in ["llama", "qwen2"]:  # InternLM2's own code comes with its weights
                for image in [square, wide]:
                    xtuner_chat(options.xtuner, binary, home, name, model, image)
            if name == "internlm2":
                tower_adapter(home / f"{name}-xtuner", name, xtuner / "clip", home)
            for form in ["xtuner", "llava", "eyewright"]:
                out = home / f"{name}-{form}-again"
                program(binary, "convert", *model[1], "--to", form, "--dtype", "f32", "--out", out)
                opened = [model[0][0], "--visual-encoder", model[0][2], "--llava", out] if form == "xtuner" else [out]
                again, reference = ours(binary, home, wide, *opened), ours(binary, home, wide, *model[0])
                note(name, form, "eyewright", again[2] == reference[2], relative(again[1], reference[1]), 1e-4)
            whole_adapter(binary, home, name, model, square)
            gguf_package(binary, home, name, model)
            llama_cpp(binary, home, name, model, square)
            older_llama_cpp(binary, home, name, model, square)
    print("\n| stack | form | loaded by | tokens | scores differ by | limit | |\n|---|---|---|---|---|---|---|")
    for row in ROWS:
        print("| " + " | ".join(row) + " |")
    bad = GOOD.count(False)
    scores = sum(good and row[3] == "not judged" for row, good in zip(ROWS, GOOD))
    print(f"\n{len(ROWS) - bad - scores} passed, {scores} judged by scores alone, {bad} failed")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
