"""Trains tiny tokenizers and writes what transformers makes of a corpus of awkward strings.

Run:      python tests/reference/tokenizers.py
Versions: transformers 5.23.0, tokenizers 0.23.3, sentencepiece 0.2.3, protobuf 7.36.2
Seed:     0 (the corpus); the trainers are deterministic with one thread
Output:   tests/golden/tokenizers/corpus.json and one folder per tokenizer: the files a model folder would hold and
          golden.json with, for each string of the corpus, ids and decoded texts

Which implementation is the reference (field `reference` of golden.json):
- internlm2_like   transformers' generic SentencePiece-to-fast conversion, decoder as in InternLM2's own converter
- llama_*          transformers' LlamaConverter over the slow vocabulary, merges by piece score
- unigram          transformers' SpmConverter
- qwen2_like, llama3_like   the tokenizer.json itself, run by the Python package
`differs_from_sentencepiece` lists the strings (by index) without added tokens for which the sentencepiece library
itself gives other ids: with legacy=False a leading space is not doubled, and the normaliser of `unigram` works on
grapheme clusters. For internlm2_like and llama_legacy only `<unk>` and the names of reused slots remain, which the
library cannot know about. Run with -v to see them.
"""

import json
import random
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]  # not this file

import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AddedToken as HfAddedToken
from transformers.convert_slow_tokenizer import LlamaConverter, SpmConverter
from transformers.tokenization_utils_sentencepiece import SentencePieceExtractor
from transformers.tokenization_utils_tokenizers import TokenizersBackend

OUT = Path(__file__).resolve().parents[1] / "golden" / "tokenizers"

TRAINING = """The picture shows a red bicycle leaning against a brick wall. What is the person in the photo doing?
She is reading a book under the tree while two dogs are playing in the park. The sky is blue, and there are 12 birds.
Describe the image in detail. Answer with the option's letter from the given choices directly. Yes, no, maybe!
A small cat sits on the table next to a cup of coffee; the time on the clock is 10:45. How many people are there?
def main(args):\n    for i in range(10):\n        print(i, "hello world")\n    return {"answer": 42}
这张照片里有什么？请描述一下这张照片。图中有一个人骑着自行车，旁边是一堵红色的墙。天空是蓝色的，有十二只鸟。
她在树下看书，两只狗在公园里玩耍。桌子上有一只小猫，旁边放着一杯咖啡。时钟上的时间是十点四十五分。请直接回答选项字母。
The man wears glasses and a black jacket. The man is standing near the train station. The woman is cooking dinner.
""" * 12

HAND_WRITTEN = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "a", "A", "0", "▁", "▁▁", "▁a", " a", "a ", "  a  ", "a  b",
    "a   b", "a    b     c", " leading", "trailing ", "\ttab\tin\tthe middle", "line\nbreak", "line\r\nbreak\r",
    "multiple\n\n\nbreaks", " \n \n ", "The picture shows a red bicycle.", "What is the person in the photo doing?",
    "这张照片里有什么？", "请描述一下这张照片。", "图中有一个人骑着自行车", "混合 mixed 文本 text", "全角ＡＢＣ１２３！？",
    "①②③ ㎏ ㍿ ﷺ", "ﬁ ﬂ ﬀ ligatures", "½ ¼ x² H₂O", "e\u0301 é ñ n\u0303", "Z\u0351\u036b\u0343a\u0316lgo\u0301",
    "क्षत्रिय हिन्दी", "ภาษาไทย", "한국어 텍스트", "ㅎㅏㄴ", "日本語のテキスト ｶﾀｶﾅ", "مرحبا بالعالم", "שָׁלוֹם עולם",
    "\u202bRTL\u202c mark\u200f", "Привет, мир!", "Ελληνικά", "Tiếng Việt", "ÀÉÎÕÜ àéîõü ß ẞ", "İstanbul ı I i",
    "😀", "😀😁😂", "👍🏽", "👨‍👩‍👧‍👦", "👩🏿‍🚀 in space", "🏳️‍🌈", "🇨🇳🇺🇸", "❤️ ❤", "1️⃣", "😀a😀", "a😀 b", "text\ufe0e\ufe0f",
    "\x00", "a\x00b", "\x01\x02\x03", "\x07\x08\x0b\x0c\x1b", "\x7f", "\x80\x85\x9f", "\xa0nbsp\xa0", "\u2028\u2029",
    "\u200b", "\u200bzero\u200bwidth", "\ufeffbom", "\u3000ideographic\u3000space", "\u00ad soft", "\ufffd", "\uffff",
    "\U0010ffff", "\U00020000\U0002a6d6", "\u0300", "\u0300\u0301\u0302", "aaaa", "aaaaa", "aaaaaaaaaaaaaaaa", "abab",
    "ababa", "-----", "=====", "......", "!!!???", "000000", "1234567890", "3.14159", "1,000,000", "10:45", "2024-04-03",
    "<s>", "</s>", "<unk>", "<pad>", "<s>a", "a<s>", "a</s>b", " <s> ", "<s> a </s>", "<s><s>", "< s >", "<S>", "<0x41>",
    "<0x0A>", "<0xE4><0xBD><0xA0>", "<image>", "<image>\n", "a<image>b", "<|im_start|>", "<|im_end|>", "<|im_start|>user\n",
    "<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n", "a<|im_end|>b", "a <|im_end|> b", "<|im_end", "|im_end|>",
    "<|im_end|><|im_end|>\n", "<|endoftext|>", "x<|endoftext|>y", "[UNUSED_TOKEN_141]", "[UNUSED_TOKEN_145] x", "<mark>",
    "a<mark>b <mark> c", "<|begin_of_text|>hi<|eot_id|>", "USER: hi ASSISTANT:", "[INST] hi [/INST]", "{} {input} {{x}}",
    "def main(args):\n    for i in range(10):\n        print(i)\n", "    indented", "\t\tindented", "if a:\n\treturn b  # c\n",
    "it's I'm you're we'll they'd he'S 'tis", "don't", "O'Neill", "semi;colon:comma,", "(a)[b]{c}<d>", "a/b\\c|d", "$5 €5 £5 ¥5",
    "user@example.com https://example.com/a?b=c&d=e#f", "C:\\dir\\file.txt", "\"quoted\" 'single' `code`", "“curly” ‘quotes’",
    "…—–-‐", "·•●", "√∑∫∂", "←→↑↓", "a\u0000\u0000b", "x" * 300, "the " * 200, "照" * 120, "😀" * 40, " " * 64, "\n" * 33, "é" * 77,
    "a b" * 50, "antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaft",
]
assert "" in HAND_WRITTEN


def corpus():
    """The hand-written strings, and 80 random mixtures of their parts."""
    rng = random.Random(0)
    atoms = ["the", " picture", " man", "\n", "  ", " ", "照片", "。", "😀", "<s>", "</s>", "<|im_end|>", "<image>", "é", "e\u0301",
             "\t", "\x00", "a", "aa", "▁", "<mark>", "12", "ﬁ", "\u200d", "🏽", "क", "\u0301", ".", "'s", "ＡＢ", "<", "|>", "\u3000"]
    mixed = ["".join(rng.choice(atoms) for _ in range(rng.randint(2, 14))) for _ in range(80)]
    return HAND_WRITTEN + mixed


def train(folder, **settings):
    """A SentencePiece model in `folder`, trained on TRAINING."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "train.txt"
    text.write_text(TRAINING, encoding="utf-8")
    spm.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), num_threads=1, minloglevel=2,
        max_sentence_length=20000, character_coverage=0.995, hard_vocab_limit=False, **settings)
    text.unlink()
    (folder / "tokenizer.vocab").unlink()
    forget_path(folder / "tokenizer.model")


def forget_path(file):
    """Removes the training paths, so that the file does not depend on where it was made."""
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto.FromString(file.read_bytes())
    model.trainer_spec.ClearField("input")
    model.trainer_spec.ClearField("model_prefix")
    file.write_bytes(model.SerializeToString(deterministic=True))


def write_json(file, value):
    file.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n")


def token(content, special=True, **flags):
    return dict(content=content, lstrip=False, normalized=False, rstrip=False, single_word=False, special=special) | flags


def write_golden(folder, strings, tokenizer, reference):
    """`tokenizer` is a tokenizers.Tokenizer. Stores ids and texts; compares with sentencepiece if there is a model."""
    rows, differs = [], []
    processor = None
    if (folder / "tokenizer.model").exists():
        processor = spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    added = set(tokenizer.get_added_tokens_decoder())
    for index, text in enumerate(strings):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if processor is not None and processor.encode(text) != ids and not added & (set(ids) - {0}):
            differs.append(index)
            if "-v" in sys.argv:
                print(folder.name, repr(text[:60]), processor.encode(text)[:20], ids[:20])
        rows.append({
            "ids": ids,
            "text": tokenizer.decode(ids, skip_special_tokens=False),
            "text_without_special": tokenizer.decode(ids, skip_special_tokens=True),
        })
    golden = {"reference": reference, "strings": len(strings)}
    if processor is not None:
        golden["differs_from_sentencepiece"] = differs
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    head = json.dumps(golden)[1:-1]
    (folder / "golden.json").write_text(f'{{{head}, "rows": [\n{lines}\n]}}\n')
    print(folder.name, "vocabulary", tokenizer.get_vocab_size(), "differs from sentencepiece:", differs)


def internlm2_like(strings):
    folder = OUT / "internlm2_like"
    unused = [f"[UNUSED_TOKEN_{n}]" for n in range(141, 147)]
    train(folder, model_type="bpe", vocab_size=560, byte_fallback=True, add_dummy_prefix=False,
          remove_extra_whitespaces=False, normalization_rule_name="identity", allow_whitespace_only_pieces=True,
          split_digits=True, user_defined_symbols=["<mark>"] + unused)
    processor = spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    chat = ["<|plugin|>", "<|interpreter|>", "<|action_end|>", "<|action_start|>", "<|im_end|>", "<|im_start|>"]
    added = {str(i): token(t) for i, t in enumerate(["<unk>", "<s>", "</s>"])}
    added |= {str(processor.piece_to_id(u)): token(c) for u, c in zip(unused, chat)}
    write_json(folder / "tokenizer_config.json", {
        "added_tokens_decoder": added, "additional_special_tokens": chat[::-1], "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "pad_token": "</s>", "add_bos_token": True, "add_eos_token": False,
        "decode_with_prefix_space": False, "clean_up_tokenization_spaces": False, "tokenizer_class": "InternLM2Tokenizer",
        "model_max_length": 1000000000000000019884624838656,
        "chat_template": "{% for m in messages %}{{'<|im_start|>' + m['role']}}{% endfor %}"})
    write_json(folder / "generation_config.json", {"eos_token_id": [2, processor.piece_to_id("[UNUSED_TOKEN_145]")]})
    # The generic conversion: given the class name, transformers would ask for the model's own code.
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["added_tokens_decoder"] = {
        int(i): HfAddedToken(**{k: v for k, v in t.items()}) for i, t in config["added_tokens_decoder"].items()}
    for name in ("tokenizer_class", "chat_template"):
        del config[name]
    kwargs = TokenizersBackend.convert_to_native_format(vocab_file=str(folder / "tokenizer.model"), **config)
    # The names of slots that chat tokens took over are gone, not tokens of their own.
    kwargs["additional_special_tokens"] = [t for t in kwargs["additional_special_tokens"] if str(t) not in unused]
    fast = TokenizersBackend(**kwargs)._tokenizer
    assert fast.get_vocab_size() == processor.get_piece_size()
    fast.post_processor = None
    fast.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)])
    write_golden(folder, strings, fast, "transformers TokenizersBackend, converted from tokenizer.model")


class ScoreExtractor:
    """The extractor that LlamaConverter was written for: vocabulary and merges by score."""

    def __init__(self, file):
        self.inner = SentencePieceExtractor(file)

    def extract(self, _scores):
        vocab, _, merges = self.inner.extract()
        return vocab, merges


class Llama(LlamaConverter):
    SpmExtractor = ScoreExtractor


def llama_like(strings):
    for legacy in (True, False):
        folder = OUT / ("llama_legacy" if legacy else "llama_not_legacy")
        train(folder, model_type="bpe", vocab_size=520, byte_fallback=True, add_dummy_prefix=True,
              remove_extra_whitespaces=False, normalization_rule_name="identity", allow_whitespace_only_pieces=True,
              split_digits=True)
        file = str(folder / "tokenizer.model")
        processor = spm.SentencePieceProcessor(model_file=file)
        size = processor.get_piece_size()
        if legacy:
            # The oldest layout: no added_tokens_decoder, an added_tokens.json, named tokens as objects.
            write_json(folder / "tokenizer_config.json", {
                "bos_token": {"__type": "AddedToken"} | token("<s>"), "eos_token": {"__type": "AddedToken"} | token("</s>"),
                "unk_token": {"__type": "AddedToken"} | token("<unk>"), "pad_token": None, "legacy": True,
                "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False})
            write_json(folder / "special_tokens_map.json", {
                "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
                "additional_special_tokens": ["<image>"]})
            write_json(folder / "added_tokens.json", {"<pad>": size, "<image>": size + 1})
        else:
            added = {str(i): token(t) for i, t in enumerate(["<unk>", "<s>", "</s>"])}
            added |= {str(size): token("<pad>"), str(size + 1): token("<image>")}
            write_json(folder / "tokenizer_config.json", {
                "added_tokens_decoder": added, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                "pad_token": "<pad>", "legacy": False, "tokenizer_class": "LlamaTokenizer", "add_bos_token": True})
        slow = SimpleNamespace(vocab_file=file, legacy=legacy, add_prefix_space=True,
                               convert_ids_to_tokens=processor.id_to_piece)
        fast = Llama(slow).converted()
        fast.add_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>", "<pad>", "<image>")])
        write_golden(folder, strings, fast, "transformers LlamaConverter, legacy=" + str(legacy))


def unigram(strings):
    folder = OUT / "unigram"
    train(folder, model_type="unigram", vocab_size=400, normalization_rule_name="nmt_nfkc", user_defined_symbols=["<mark>"])
    write_json(folder / "tokenizer_config.json", {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": False})
    slow = SimpleNamespace(vocab_file=str(folder / "tokenizer.model"), legacy=True, add_prefix_space=True)
    fast = SpmConverter(slow).converted()
    fast.add_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    write_golden(folder, strings, fast, "transformers SpmConverter")


QWEN2_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3_WORDS = QWEN2_WORDS.replace(r"|\p{N}| ?", r"|\p{N}{1,3}| ?")


def byte_level(strings):
    for name, words, specials in (
        ("qwen2_like", QWEN2_WORDS, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
        ("llama3_like", LLAMA3_WORDS, ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
    ):
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        qwen = name == "qwen2_like"
        fast = Tokenizer(models.BPE(ignore_merges=not qwen))
        if qwen:
            fast.normalizer = normalizers.NFC()
        fast.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(words), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        fast.decoder = decoders.ByteLevel()
        fast.train_from_iterator(TRAINING.splitlines(keepends=True), trainers.BpeTrainer(
            vocab_size=480, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
        fast.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in specials])
        if not qwen:
            fast.post_processor = processors.Sequence([
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A $B",
                                              special_tokens=[("<|begin_of_text|>", fast.token_to_id("<|begin_of_text|>"))])])
        (folder / "tokenizer.json").write_text(fast.to_str(pretty=False) + "\n")
        added = {str(fast.token_to_id(t)): token(t) for t in specials}
        write_json(folder / "tokenizer_config.json", {
            "added_tokens_decoder": added, "bos_token": None if qwen else specials[0], "eos_token": specials[-1],
            "pad_token": "<|endoftext|>" if qwen else None, "clean_up_tokenization_spaces": not qwen}
            | ({"add_bos_token": False} if qwen else {}))
        write_golden(folder, strings, fast, "tokenizers (Python) over tokenizer.json")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    strings = corpus()
    write_json(OUT / "corpus.json", strings)
    internlm2_like(strings)
    llama_like(strings)
    unigram(strings)
    byte_level(strings)


if __name__ == "__main__":
    main()
