//! Checkpoints that are cut, bent, exchanged or incomplete, opened together with a good configuration.

use super::damage::{
    Base::{Bin, InternLm2, LlavaHf, Parts, Sharded},
    Harm::{Cut, Delete, Drop, Exchange, Flip, Grow, Set, Text, Write},
    check,
};

const MODEL: &str = "model.safetensors";
const TORCH: &str = "pytorch_model.bin";
const INDEX: &str = "model.safetensors.index.json";
const SHARD: &str = "model-00002-of-00003.safetensors";

#[test]
fn safetensors() {
    check(&[
        (InternLm2, MODEL, Text(""), "header length"),
        (InternLm2, MODEL, Cut(1), "header"),
        (InternLm2, MODEL, Cut(500), "cut short"),
        (InternLm2, MODEL, Cut(999), "cut short"),
        (InternLm2, MODEL, Grow(1 << 36), "bytes follow the last tensor"),
        (InternLm2, MODEL, Write(0, &[0xff; 8]), "header"),
        (InternLm2, MODEL, Write(0, &[0, 0, 0, 0, 4, 0, 0, 0]), "header"),
        (InternLm2, MODEL, Write(8, b"{{{{"), "header"),
        (InternLm2, MODEL, Text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "git-lfs"),
        (InternLm2, MODEL, Text("<!DOCTYPE html><html><body>404</body></html>"), "header"),
        (InternLm2, MODEL, Exchange("formats/bin/pytorch_model.bin"), "header"),
        (LlavaHf, MODEL, Cut(700), "cut short"),
        (LlavaHf, MODEL, Exchange("llama/model.safetensors"), "holds no vision tower"),
        (Parts, "clip/model.safetensors", Exchange("llama/model.safetensors"), "holds no CLIP vision tower"),
        (
            Parts,
            "llava/projector/model.safetensors",
            Exchange("projector/depth2_gelu/model.safetensors"),
            "of another size",
        ),
        (
            Parts,
            "llava/projector/model.safetensors",
            Exchange("projector/depth1_gelu/model.safetensors"),
            "missing",
        ),
        (
            Parts,
            "llava/llm_adapter/adapter_model.safetensors",
            Exchange("llama_peft/plain/adapter_model.safetensors"),
            "have no place",
        ),
        (Parts, "llava/llm_adapter/adapter_model.safetensors", Cut(800), "cut short"),
        (
            Parts,
            "llava/visual_encoder_adapter/adapter_model.safetensors",
            Exchange("clip/expected.safetensors"),
            "no LoRA tensors",
        ),
        (Parts, "llava/projector/model.safetensors", Delete, "llava/projector"),
    ]);
}

#[test]
fn torch_files() {
    check(&[
        (Bin, TORCH, Text(""), "pytorch_model.bin"),
        (Bin, TORCH, Cut(100), "pytorch_model.bin"),
        (Bin, TORCH, Cut(999), "pytorch_model.bin"),
        (Bin, TORCH, Flip(300), "pytorch_model.bin"),
        (Bin, TORCH, Flip(600), "pytorch_model.bin"),
        (Bin, TORCH, Flip(800), "pytorch_model.bin"),
        (Bin, TORCH, Grow(1 << 33), "pytorch_model.bin"),
        (Bin, TORCH, Text("import os\nos.system('true')\n"), "pytorch_model.bin"),
        (Bin, TORCH, Exchange("formats/legacy/legacy.pth"), "1.6"),
        (
            Bin,
            TORCH,
            Exchange("formats/bin_sharded/pytorch_model-00001-of-00002.bin"),
            "holds no language model",
        ),
    ]);
}

#[test]
fn shards() {
    check(&[
        (Sharded, SHARD, Delete, "missing shards"),
        (Sharded, SHARD, Cut(900), "cut short"),
        (
            Sharded,
            SHARD,
            Exchange("formats/safetensors_sharded/model-00001-of-00003.safetensors"),
            "several shards",
        ),
        (Sharded, INDEX, Text("{}"), "weight_map"),
        (Sharded, INDEX, Cut(500), "not a valid index"),
        (Sharded, INDEX, Set("/weight_map/lm_head.weight", "\"../secret.safetensors\""), "plain name"),
        (Sharded, INDEX, Set("/weight_map/lm_head.weight", "\"/etc/passwd\""), "plain name"),
        (Sharded, INDEX, Set("/weight_map/lm_head.weight", "\"gone.safetensors\""), "missing shards"),
        (Sharded, INDEX, Drop("/weight_map/lm_head.weight"), "not in the index"),
        (
            Sharded,
            INDEX,
            Set("/weight_map/extra.weight", "\"model-00001-of-00003.safetensors\""),
            "tensors missing",
        ),
    ]);
}
