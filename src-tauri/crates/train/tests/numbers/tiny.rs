//! The tiny LLaVA of the goldens, its batches, and its trained weights.

use std::{collections::BTreeMap, path::PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData};
use eyewright_model::{
    LoraConfig, LoraTargets, Tune,
    clip::{ClipConfig, TowerConfig},
    config::ConfigFile,
    llava::{Llava, Segment, VisionEye},
    llm::DecoderConfig,
    projector::ProjectorConfig,
    quant::Precision,
    weights::{Checkpoint, StoredDtype, load},
};
use eyewright_ops::Activation;
use eyewright_train::step::{MicroBatch, Pictures, Row, Trainer, TrainerConfig, each_trainable};
use serde_json::Value;

pub(crate) fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden/training").join(file)
}

/// The floats of a golden tensor, and its shape.
pub(crate) fn floats(checkpoint: &Checkpoint, name: &str) -> (Vec<f32>, Vec<usize>) {
    let tensor = checkpoint.read(name).unwrap();
    let values = match tensor.dtype {
        StoredDtype::F32 => {
            tensor.bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        }
        StoredDtype::BF16 => {
            let widened = |bytes: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
            tensor.bytes.as_chunks().0.iter().map(widened).collect()
        }
        other => panic!("{name} is {other}"),
    };
    (values, tensor.shape)
}

pub(crate) fn setup() -> Value {
    serde_json::from_slice(&std::fs::read(golden("runs.json")).unwrap()).unwrap()
}

/// What differs between the models of the runs.
#[derive(Clone, Copy)]
pub(crate) struct Build {
    pub(crate) precision: Precision,
    pub(crate) tied: bool,
    pub(crate) dtype: DType,
}

impl Default for Build {
    fn default() -> Self {
        Self { precision: Precision::Dense, tied: false, dtype: DType::F32 }
    }
}

pub(crate) fn model(build: Build) -> Llava {
    let (setup, device) = (setup(), Device::flex());
    let config = |part: &str| ConfigFile::from_json(&golden("runs.json"), setup[part].clone()).unwrap();
    let file = |name: &str| Checkpoint::open(&golden(name)).unwrap();
    let mut llm = DecoderConfig::from_config(&config("llm")).unwrap();
    llm.tied_head = build.tied;
    let tower = TowerConfig::llava(ClipConfig::from_config(&config("tower")).unwrap());
    let projector = ProjectorConfig {
        vision_width: tower.clip.hidden,
        text_width: llm.hidden,
        depth: 2,
        activation: Activation::Gelu,
        bias: true,
    };
    let (dtype, progress) = (build.dtype, &mut |_| {});
    let decoder = load(&file("start_llm.safetensors"), &device, dtype, progress, |loader| {
        llm.init(loader.stored_in(build.precision))
    });
    let tower = load(&file("start_tower.safetensors"), &device, dtype, progress, |loader| tower.init(loader));
    let projector =
        load(&file("start_projector.safetensors"), &device, dtype, progress, |loader| projector.init(loader));
    let eye = VisionEye { tower: tower.unwrap(), projector: projector.unwrap() };
    Llava { decoder: decoder.unwrap(), eye: Some(eye) }
}

/// How the parts are trained in a run.
pub(crate) fn tuned(mode: &str, dropout: f64) -> Llava {
    let build = match mode {
        "qlora" => Build { precision: Precision::Nf4Double, ..Build::default() },
        "full_tied" => Build { tied: true, ..Build::default() },
        _ => Build::default(),
    };
    let mut model = model(build);
    tune(&mut model, mode, dropout);
    model
}

pub(crate) fn tune(model: &mut Llava, mode: &str, dropout: f64) {
    let lora = |rank, alpha| {
        let targets = LoraTargets::All;
        Tune::Lora(LoraConfig {
            rank,
            alpha,
            dropout,
            targets,
            head: mode == "lora_head",
            rank_stabilised: false,
        })
    };
    let (llm, tower) = match mode {
        "projector" => (Tune::Frozen, Tune::Frozen),
        "lora" | "qlora" | "lora_head" => (lora(8, 16.0), lora(4, 8.0)),
        _ => (Tune::Full, Tune::Full),
    };
    model.decoder.tune(&llm, 1).unwrap();
    let eye = model.eye.as_mut().unwrap();
    eye.tower.tune(&tower, 2, &Device::flex()).unwrap();
    eye.projector.free().unwrap();
    let start = Checkpoint::open(&golden("start_lora.safetensors")).unwrap();
    each_trainable(model, &mut |part, weight| {
        let name = part.full_name(weight.name());
        if start.get(&name).is_some() {
            let (values, shape) = floats(&start, &name);
            assert_eq!(weight.shape(), shape, "{name}");
            weight.assign(vector(values));
        }
    });
}

pub(crate) fn vector(values: Vec<f32>) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), &Device::flex())
}

pub(crate) fn trainer(mode: &str, config: TrainerConfig) -> Trainer {
    Trainer::new(tuned(mode, 0.0), config)
}

/// The ten micro-batches; pictures are numbered anew in each.
pub(crate) fn batches() -> Vec<MicroBatch> {
    let checkpoint = Checkpoint::open(&golden("start_pixels.safetensors")).unwrap();
    let (pixels, shape) = floats(&checkpoint, "pixels");
    let picture = pixels.len() / shape[0];
    setup()["batches"].as_array().unwrap().iter().map(|rows| batch(rows, &pixels, picture)).collect()
}

fn batch(rows: &Value, pixels: &[f32], picture: usize) -> MicroBatch {
    let mut used = Vec::new();
    let ids =
        |value: &Value| value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    let rows = rows.as_array().unwrap().iter().map(|row| {
        let segments = row["segments"].as_array().unwrap().iter().map(|segment| match segment.as_i64() {
            Some(number) => {
                let at = (-1 - number) as usize * picture;
                used.push(pixels[at..at + picture].to_vec());
                Segment::Image(used.len() - 1)
            }
            None => Segment::Text(ids(segment)),
        });
        let segments = segments.collect();
        let labels = row["labels"].as_array().unwrap();
        Row { segments, labels: labels.iter().map(|label| label.as_u64().map(|id| id as u32)).collect() }
    });
    let rows = rows.collect();
    MicroBatch { rows, pictures: if used.is_empty() { Pictures::None } else { Pictures::Pixels(used) } }
}

/// All trained weights by name.
pub(crate) fn weights(trainer: &mut Trainer) -> BTreeMap<String, Vec<f32>> {
    let values = |values: Tensor<1>| values.into_data().iter::<f32>().collect();
    trainer.weights().into_iter().map(|weight| (weight.name, values(weight.values))).collect()
}

/// A bias of the keys adds the same to every score of a query, and softmax takes it out again: its gradient is 0.
/// What rounding leaves of it, AdamW's division makes as large as any other step, so its value means nothing.
pub(crate) fn has_gradient(name: &str) -> bool {
    !name.ends_with("k_proj.bias")
}

/// L2 distance over L2 norm.
pub(crate) fn distance(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |x: f64| x * x;
    let apart: f64 = found.iter().zip(expected).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let norm: f64 = expected.iter().map(|b| square(f64::from(*b))).sum();
    (apart / norm.max(1e-30)).sqrt()
}
