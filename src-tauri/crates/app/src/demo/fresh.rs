//! How does a model come into the world: random numbers as transformers draws them, in Hugging Face form.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{DType, Device};
use eyewright_data::{
    scenes::Dice,
    tokenizer::{Tokenizer, learn_tokenizer},
};
use eyewright_model::{
    Tune, Visit,
    clip::{ClipConfig, FeatureSelect, TowerConfig},
    config::ConfigFile,
    llm::DecoderConfig,
    weights::{SafetensorsWriter, StoredDtype, TensorSpec, random},
};
use eyewright_ops::random_key;

use super::DemoError;
use crate::AppError;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshPart {
    /// A language model, with a vocabulary of its own.
    Llm,
    /// A CLIP vision tower.
    Tower,
}

/// A model that knows nothing yet.
#[derive(Clone, Debug)]
pub struct FreshModel {
    /// What is made.
    pub part: FreshPart,
    /// The `config.json` it follows.
    pub config: PathBuf,
    /// Other seeds, other numbers.
    pub seed: u64,
    /// For a language model: a data set whose texts the vocabulary is learned from.
    pub vocabulary_from: Option<PathBuf>,
    /// The new folder.
    pub out: PathBuf,
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshReport {
    /// Numbers in it.
    pub parameters: usize,
    /// Tokens of the vocabulary, for a language model.
    pub tokens: Option<usize>,
}

/// Makes a model with random numbers, reproducibly: each tensor is a function of the seed and its name.
///
/// # Errors
/// A configuration that is impossible, a vocabulary that does not fit it, or a folder that cannot be written.
pub fn make_fresh(request: &FreshModel) -> Result<FreshReport, AppError> {
    let json = ConfigFile::read(&request.config)?;
    fs::create_dir_all(&request.out).map_err(DemoError::io(&request.out))?;
    let (tensors, tokens) = match request.part {
        FreshPart::Llm => {
            let config = DecoderConfig::from_config(&json)?;
            let tokens = vocabulary(request, config.vocab)?;
            (decoder_tensors(&config)?, tokens)
        }
        FreshPart::Tower => (tower_tensors(ClipConfig::from_config(&json)?)?, None),
    };
    let target = request.out.join("config.json");
    fs::copy(&request.config, &target).map_err(DemoError::io(&target))?;
    if request.part == FreshPart::Tower {
        // How pictures are prepared for it stands beside its configuration.
        let (from, to) =
            (request.config.with_file_name("preprocessor_config.json"), "preprocessor_config.json");
        if from.is_file() {
            fs::copy(&from, request.out.join(to)).map_err(DemoError::io(&from))?;
        }
    }
    write(&request.out.join("model.safetensors"), &tensors, request.seed)?;
    let parameters = tensors.iter().map(Tensor::elements).sum();
    Ok(FreshReport { parameters, tokens })
}

/// Learns the vocabulary, or checks the one that is there.
fn vocabulary(request: &FreshModel, size: usize) -> Result<Option<usize>, AppError> {
    if let Some(data) = &request.vocabulary_from {
        let lines = texts(data)?;
        learn_tokenizer(&lines, size, &request.out).map_err(DemoError::from)?;
    }
    Ok(Some(Tokenizer::open(&request.out)?.vocab_size()))
}

/// Everything that is said in a LLaVA data set.
fn texts(file: &Path) -> Result<Vec<String>, DemoError> {
    let bytes = fs::read(file).map_err(DemoError::io(file))?;
    let rows: serde_json::Value = serde_json::from_slice(&bytes).map_err(|source| DemoError::Json {
        file: file.to_owned(),
        line: source.line(),
        source,
    })?;
    let messages = rows.as_array().into_iter().flatten().filter_map(|row| row["conversations"].as_array());
    let said = messages.flatten().filter_map(|message| message["value"].as_str());
    // Roles belong to every conversation too.
    Ok(said
        .map(str::to_owned)
        .chain(["user\n", "assistant\n", "system\n"].map(|role| role.repeat(8)))
        .collect())
}

/// A tensor and how its numbers are drawn.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    start: Start,
}

enum Start {
    Zeros,
    Ones,
    Normal(f64),
}

impl Tensor {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

fn shapes(each: impl FnOnce(Visit<'_>)) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    each(&mut |weight| shapes.push((weight.name().to_owned(), weight.shape())));
    shapes
}

/// transformers draws every matrix of these families from a normal distribution of width 0.02.
fn decoder_tensors(config: &DecoderConfig) -> Result<Vec<Tensor>, AppError> {
    let mut decoder = random(&Device::flex(), DType::F32, 0.02, |loader| config.init(loader));
    decoder.tune(&Tune::Full, 0)?;
    let mut shapes = shapes(|visit| decoder.each_trainable(visit));
    shapes.sort();
    shapes.dedup();
    let start = |name: &str| match name {
        name if name.ends_with(".bias") => Start::Zeros,
        name if name.contains("norm") => Start::Ones,
        _ => Start::Normal(0.02),
    };
    Ok(shapes.into_iter().map(|(name, shape)| Tensor { start: start(&name), name, shape }).collect())
}

/// As transformers' `CLIPPreTrainedModel` starts them (factor 1).
fn tower_tensors(clip: ClipConfig) -> Result<Vec<Tensor>, AppError> {
    let (hidden, layers) = (clip.hidden as f64, clip.layers as f64);
    // Read at its end, so that the block behind the layer LLaVA reads is made too.
    let config = TowerConfig { clip: clip.clone(), feature_layer: -1, select: FeatureSelect::Patches };
    let mut tower = random(&Device::flex(), DType::F32, 0.02, |loader| config.init(loader));
    tower.tune(&Tune::Full, 0, &Device::flex())?;
    let mut shapes = shapes(|visit| tower.each_trainable(visit));
    for name in ["weight", "bias"] {
        shapes.push((format!("vision_model.post_layernorm.{name}"), vec![clip.hidden]));
    }
    let inner = hidden.powf(-0.5) * (2.0 * layers).powf(-0.5);
    let start = |name: &str| match name {
        name if name.ends_with(".bias") => Start::Zeros,
        name if name.contains("norm") || name.contains("layrnorm") => Start::Ones,
        name if name.contains("class_embedding") => Start::Normal(hidden.powf(-0.5)),
        name if name.contains("fc1") => Start::Normal((2.0 * hidden).powf(-0.5)),
        name if name.contains("out_proj") => Start::Normal(hidden.powf(-0.5)),
        name if name.contains("_proj") || name.contains("fc2") => Start::Normal(inner),
        _ => Start::Normal(0.02),
    };
    Ok(shapes.into_iter().map(|(name, shape)| Tensor { start: start(&name), name, shape }).collect())
}

fn write(file: &Path, tensors: &[Tensor], seed: u64) -> Result<(), AppError> {
    let spec = |tensor: &Tensor| TensorSpec {
        name: tensor.name.clone(),
        dtype: StoredDtype::F32,
        shape: tensor.shape.clone(),
    };
    let specs: Vec<TensorSpec> = tensors.iter().map(spec).collect();
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut writer = SafetensorsWriter::create(file, &specs, &metadata)?;
    for tensor in tensors {
        let bytes: Vec<u8> = numbers(tensor, seed).into_iter().flat_map(f32::to_le_bytes).collect();
        writer.write(&tensor.name, &bytes)?;
    }
    Ok(writer.finish()?)
}

fn numbers(tensor: &Tensor, seed: u64) -> Vec<f32> {
    let deviation = match tensor.start {
        Start::Zeros => return vec![0.0; tensor.elements()],
        Start::Ones => return vec![1.0; tensor.elements()],
        Start::Normal(deviation) => deviation,
    };
    let mut dice = Dice::new(random_key(seed, &tensor.name), 0);
    let mut numbers = Vec::with_capacity(tensor.elements() + 1);
    while numbers.len() < tensor.elements() {
        // Box and Muller: two independent normal numbers from two uniform ones, the first above 0.
        let unit = |bits: u32| (f64::from(bits) + 0.5) / 4_294_967_296.0;
        let (radius, angle) =
            ((-2.0 * unit(dice.bits()).ln()).sqrt(), std::f64::consts::TAU * unit(dice.bits()));
        numbers.push((deviation * radius * angle.cos()) as f32);
        numbers.push((deviation * radius * angle.sin()) as f32);
    }
    numbers.truncate(tensor.elements());
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_asked_spread_and_depend_on_seed_and_name() {
        let tensor =
            |name: &str| Tensor { name: name.into(), shape: vec![300, 101], start: Start::Normal(0.02) };
        let first = numbers(&tensor("a"), 1);
        assert_eq!(first.len(), 30300);
        let mean = first.iter().map(|x| f64::from(*x)).sum::<f64>() / 30300.0;
        let square = first.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 30300.0;
        assert!(mean.abs() < 5e-4 && (square.sqrt() - 0.02).abs() < 3e-4, "{mean} {square}");
        assert_eq!(first, numbers(&tensor("a"), 1));
        assert_ne!(first, numbers(&tensor("a"), 2));
        assert_ne!(first, numbers(&tensor("b"), 1));
    }
}
