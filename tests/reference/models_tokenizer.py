"""The one tiny tokenizer all chat models share: SentencePiece BPE with byte fallback, and its tokenizer.json.

Versions and seed: see models.py. Trained on the sentences below, which were written for this purpose.
"""

import io
import json

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors

from models_folders import GOLDEN, TEXT_TOKENS, fresh, write_json

TRAINED = TEXT_TOKENS - 8
CHAT_TOKENS = ["<|plugin|>", "<|interpreter|>", "<|action_end|>", "<|action_start|>", "<|im_end|>", "<|im_start|>"]
"""They take over the last six slots, [UNUSED_TOKEN_141] to [UNUSED_TOKEN_146], as in InternLM2."""

SENTENCES = """
a small red boat waits near the old stone harbour
the picture shows a cat that sleeps on the warm roof
what is shown in this image and where was it taken
describe the image in detail and name the colours
there are three apples in the basket and one on the table
the user asks a question and the assistant gives an answer
the child is holding a paper kite in the strong wind
how many people are standing in front of the station
it seems to be raining and the street lights are on
the assistant sees nothing else in the photo
图中有一只猫 图中有三个苹果 请描述这张图片
""".strip().splitlines()

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

PROBES = [
    "user\n",
    "the cat sleeps on the roof",
    " the image",
    "  two  spaces ",
    "What is it? 12 + 30 = 42.",
    "图中有一只猫。",
    "naïve 🙂 tail",
    "<|im_start|>user\nthe image<|im_end|>\n<|im_start|>assistant\n",
    "",
]


def train():
    sink = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4), model_writer=sink, model_type="bpe", vocab_size=TRAINED,
        byte_fallback=True, character_coverage=0.995, add_dummy_prefix=False, remove_extra_whitespaces=False,
        normalization_rule_name="identity", split_digits=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        num_threads=1, minloglevel=2,
    )  # fmt: skip
    proto = pb.ModelProto.FromString(sink.getvalue())
    assert len(proto.pieces) == TRAINED, len(proto.pieces)
    for number in range(139, 147):
        proto.pieces.add(piece=f"[UNUSED_TOKEN_{number}]", score=0.0, type=pb.ModelProto.SentencePiece.USER_DEFINED)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    return proto


def special(content):
    return dict(content=content, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)


def convert(proto, extra=()):
    """The tokenizer.json that an official converter builds: merges are read off the pieces' scores."""
    pieces = [p.piece for p in proto.pieces]
    named = dict(zip(range(TEXT_TOKENS - 6, TEXT_TOKENS), CHAT_TOKENS))
    vocab = {named.get(i, piece): i for i, piece in enumerate(pieces)}
    merges = []
    for i, p in enumerate(proto.pieces):
        if p.type != pb.ModelProto.SentencePiece.NORMAL:
            continue
        splits = [(p.piece[:k], p.piece[k:]) for k in range(1, len(p.piece))]
        splits = [(a, b) for a, b in splits if a in vocab and b in vocab]
        merges += [(p.score, a, b) for a, b in sorted(splits, key=lambda s: (vocab[s[0]], vocab[s[1]]))]
    merges.sort(key=lambda m: -m[0])
    tokenizer = Tokenizer(
        models.BPE(vocab, [(a, b) for _, a, b in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    for content in ["<unk>", "<s>", "</s>", *CHAT_TOKENS, *extra]:
        tokenizer.add_special_tokens([AddedToken(content, normalized=False, special=True)])
    return tokenizer


def added(extra=()):
    ids = {0: "<unk>", 1: "<s>", 2: "</s>"} | dict(zip(range(TEXT_TOKENS - 6, TEXT_TOKENS), CHAT_TOKENS))
    ids |= {TEXT_TOKENS + i: content for i, content in enumerate(extra)}
    return {str(i): special(content) for i, content in ids.items()}


_proto = None


def proto():
    global _proto
    _proto = _proto or train()
    return _proto


def write_sentencepiece(folder):
    """tokenizer.model + tokenizer_config.json + special_tokens_map.json as an InternLM2 folder has them."""
    (folder / "tokenizer.model").write_bytes(proto().SerializeToString(deterministic=True))
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": added(),
        "additional_special_tokens": CHAT_TOKENS[::-1],
        "auto_map": {"AutoTokenizer": ["tokenization_internlm2.InternLM2Tokenizer",
                                       "tokenization_internlm2_fast.InternLM2TokenizerFast"]},
        "bos_token": "<s>", "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False,
        "decode_with_prefix_space": False, "eos_token": "</s>", "model_max_length": 1000000000000000019884624838656,
        "pad_token": "</s>", "sp_model_kwargs": None, "tokenizer_class": "InternLM2Tokenizer", "unk_token": "<unk>",
    })  # fmt: skip
    write_json(folder / "special_tokens_map.json", {
        "additional_special_tokens": CHAT_TOKENS[::-1],
        "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>",
    })  # fmt: skip


def write_fast(folder, extra=(), pad="</s>", kind="LlamaTokenizerFast"):
    """tokenizer.json + tokenizer_config.json + special_tokens_map.json."""
    (folder / "tokenizer.json").write_text(convert(proto(), extra).to_str(pretty=False) + "\n")
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": added(extra),
        "bos_token": "<s>", "clean_up_tokenization_spaces": False, "eos_token": "</s>", "legacy": False,
        "model_max_length": 2048, "pad_token": pad, "padding_side": "right", "tokenizer_class": kind,
        "unk_token": "<unk>",
    })  # fmt: skip
    write_json(folder / "special_tokens_map.json", {
        "bos_token": special("<s>"), "eos_token": special("</s>"), "pad_token": special(pad),
        "unk_token": special("<unk>"),
    })  # fmt: skip


def make():
    """The tokenizer on its own, with what it makes of a few strings."""
    folder = fresh("tokenizer")
    write_sentencepiece(folder)
    fast = convert(proto())
    (folder / "tokenizer.json").write_text(fast.to_str(pretty=False) + "\n")
    slow = spm.SentencePieceProcessor(model_proto=proto().SerializeToString())
    rows = []
    for text in PROBES:
        ids = fast.encode(text, add_special_tokens=False).ids
        if "<|" not in text:
            assert slow.encode(text) == ids, (text, slow.encode(text), ids)
        assert fast.decode(ids, skip_special_tokens=False) == text, (text, fast.decode(ids))
        rows.append({"text": text, "ids": ids, "with_bos": fast.encode(text).ids})
    write_json(folder / "expected.json", rows)
    check = json.loads((GOLDEN / "tokenizer" / "tokenizer.json").read_text())
    assert len(check["model"]["vocab"]) == TEXT_TOKENS and len(check["model"]["merges"]) > 30
    print("  tokenizer:", len(check["model"]["merges"]), "merges")
