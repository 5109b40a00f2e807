//! Do our numbers equal the reference implementation's, for every family and every checkpoint format?
//!
//! The goldens were written by transformers and peft, see `tests/golden/PROVENANCE.md`.

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor};
use eyewright_model::{
    llava::{Llava, Segment},
    llm::KvCache,
    stack::{StackFiles, StackPaths},
    weights::Checkpoint,
};

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/models").join(path)
}

fn open(paths: &StackPaths) -> Llava {
    StackFiles::find(paths).unwrap().load(&Device::flex(), DType::F32, &mut |_| {}).unwrap()
}

fn alone(folder: &Path) -> Llava {
    open(&StackPaths { model: folder.to_owned(), ..StackPaths::default() })
}

fn floats(file: &Checkpoint, name: &str) -> Vec<f32> {
    file.read(name).unwrap().bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn ids(file: &Checkpoint, name: &str) -> Vec<i64> {
    file.read(name).unwrap().bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

/// Largest difference relative to the largest expected value.
fn error(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    got.iter().zip(expected).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / scale
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn rows(file: &Checkpoint, name: &str) -> Vec<Vec<Segment>> {
    let width = file.get(name).unwrap().shape[1];
    let all = ids(file, name);
    all.chunks(width).map(|row| vec![Segment::Text(row.iter().map(|id| *id as u32).collect())]).collect()
}

const FAMILIES: &[&str] = &[
    "internlm2",
    "llama",
    "vicuna",
    "llama3",
    "llama_linear",
    "llama_dynamic",
    "mistral",
    "mistral_window",
    "qwen2",
    "phi3",
    "internlm",
];

#[test]
fn every_family_gives_the_reference_logits() {
    for family in FAMILIES {
        let folder = golden(family);
        let expected = Checkpoint::open(&folder.join("expected.safetensors")).unwrap();
        let (logits, _) = alone(&folder).logits(&rows(&expected, "input_ids"), None).unwrap();
        let error = error(&host(logits), &floats(&expected, "logits"));
        assert!(error <= 1e-4, "{family}: relative error {error:e}");
    }
}

#[test]
fn every_family_writes_the_reference_tokens_from_its_cache() {
    for family in FAMILIES.iter().filter(|family| **family != "llama_dynamic") {
        let folder = golden(family);
        let expected = Checkpoint::open(&folder.join("expected.safetensors")).unwrap();
        let decoder = alone(&folder).decoder;
        let width = expected.get("input_ids").unwrap().shape[1];
        let mut input: Vec<u32> = ids(&expected, "input_ids")[..width].iter().map(|id| *id as u32).collect();
        let mut cache = KvCache::new(decoder.config().layers);
        let mut written = Vec::new();
        for _ in 0..64 {
            let hidden = decoder.extend(decoder.embed(&input).unsqueeze::<3>(), &mut cache);
            let scores = host(decoder.logits(hidden.narrow(1, input.len() - 1, 1)));
            let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            written.push(best as i64);
            input = vec![best as u32];
        }
        assert_eq!(written, ids(&expected, "greedy"), "{family}");
    }
}

#[test]
fn every_format_gives_the_same_logits() {
    let expected = Checkpoint::open(&golden("llama/expected.safetensors")).unwrap();
    for format in ["safetensors_sharded", "bin", "bin_sharded", "pth"] {
        let model = alone(&golden("formats").join(format));
        let (logits, _) = model.logits(&rows(&expected, "input_ids"), None).unwrap();
        let error = error(&host(logits), &floats(&expected, "logits"));
        assert!(error <= 1e-4, "{format}: relative error {error:e}");
    }
}
