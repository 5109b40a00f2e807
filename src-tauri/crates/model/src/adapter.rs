//! Which LoRA adapter belongs beside which linear map?
//!
//! Reads adapters as PEFT writes them (`adapter_config.json` beside `adapter_model.safetensors` or `.bin`),
//! and the ones inside an XTuner `.pth`. They are kept beside the weights, never merged here.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::{DType, Device};

use crate::{
    config::{ConfigError, ConfigFile},
    linear::{Linear, LinearAdapter},
    weights::{Checkpoint, TensorBytes, WeightsError, tensor_from},
};

/// Rank and strength of an adapter, as `LoraConfig` of PEFT.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    alpha: f64,
    /// Per-layer exceptions: a layer's name, or its ending, to its alpha.
    alpha_pattern: BTreeMap<String, f64>,
    rank_stabilised: bool,
    /// Its alpha is a guess that goes with this rank.
    assumed_with: Option<usize>,
}

/// An adapter that does not fit.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// Its configuration is missing or asks for something else than LoRA.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Tensors that belong to no linear map of this model, or lack their other half.
    #[error(
        "the adapter `{}` does not fit this model: {} of its tensors have no place, such as {}; \
         it was trained for another model",
        adapter.display(), names.len(), names.iter().take(4).cloned().collect::<Vec<_>>().join(", ")
    )]
    NoPlace {
        /// Folder or file.
        adapter: PathBuf,
        /// Names in the file.
        names: Vec<String>,
    },
    /// The two halves do not fit the layer they name.
    #[error(
        "adapter `{}`, layer `{layer}`: A is {a:?} and B is {b:?}, but the layer maps {width} to {out}; \
         it was trained for a model of another size",
        adapter.display()
    )]
    Shape {
        /// Folder or file.
        adapter: PathBuf,
        /// The layer's name.
        layer: String,
        /// Shape of A in the file.
        a: Vec<usize>,
        /// Shape of B in the file.
        b: Vec<usize>,
        /// The layer's input width.
        width: usize,
        /// The layer's output width.
        out: usize,
    },
    /// The file has no adapter tensors.
    #[error("`{}` holds no LoRA tensors (names with `lora_A` and `lora_B`)", adapter.display())]
    Empty {
        /// Folder or file.
        adapter: PathBuf,
    },
}

impl AdapterConfig {
    /// A plain adapter with one alpha for all layers.
    pub fn plain(alpha: f64) -> Self {
        Self { alpha, alpha_pattern: BTreeMap::new(), rank_stabilised: false, assumed_with: None }
    }

    /// The alpha that usually goes with a rank, for files that say neither.
    pub fn assumed((rank, alpha): (usize, f64)) -> Self {
        Self { assumed_with: Some(rank), ..Self::plain(alpha) }
    }

    /// Reads `adapter_config.json`.
    ///
    /// # Errors
    /// If it is no LoRA, or uses a variant whose arithmetic differs (DoRA, trained biases, transposed layers).
    pub fn from_config(json: &ConfigFile) -> Result<Self, ConfigError> {
        if !json.text("peft_type")?.unwrap_or("LORA").eq_ignore_ascii_case("lora") {
            return Err(json.wrong("peft_type", "LORA"));
        }
        for (field, why) in [
            ("use_dora", "false (DoRA is not supported)"),
            ("fan_in_fan_out", "false"),
            ("lora_bias", "false"),
        ] {
            if json.flag(field, false)? {
                return Err(json.wrong(field, why));
            }
        }
        if json.text("bias")?.unwrap_or("none") != "none" {
            return Err(json.wrong("bias", "\"none\" (trained biases are not supported)"));
        }
        let mut alpha_pattern = BTreeMap::new();
        if let Some(pattern) = json.get("alpha_pattern").and_then(|value| value.as_object()) {
            for (layer, value) in pattern {
                let alpha =
                    value.as_f64().ok_or_else(|| json.wrong("alpha_pattern", "numbers by layer name"))?;
                alpha_pattern.insert(layer.clone(), alpha);
            }
        }
        Ok(Self {
            alpha: json.positive("lora_alpha", Some(8.0))?,
            alpha_pattern,
            rank_stabilised: json.flag("use_rslora", false)?,
            assumed_with: None,
        })
    }

    fn scale(&self, layer: &str, rank: usize) -> f64 {
        let rank = rank as f64;
        self.alpha_of(layer) / if self.rank_stabilised { rank.sqrt() } else { rank }
    }

    /// The alpha of one layer.
    pub fn alpha_of(&self, layer: &str) -> f64 {
        let ends_so = |key: &&String| layer == key.as_str() || layer.ends_with(&format!(".{key}"));
        self.alpha_pattern.iter().find(|(key, _)| ends_so(key)).map_or(self.alpha, |(_, alpha)| *alpha)
    }

    /// The rank that the alpha belongs to, where the alpha is a guess.
    pub fn assumed_rank(&self) -> Option<usize> {
        self.assumed_with
    }

    /// Whether adapters are scaled by `alpha / sqrt(rank)`.
    pub fn is_rank_stabilised(&self) -> bool {
        self.rank_stabilised
    }
}

/// The two matrices of one adapter as they lie in a file.
#[derive(Clone, Debug)]
pub struct AdapterPair {
    /// `[rank, in]`
    pub a: TensorBytes,
    /// `[out, rank]`
    pub b: TensorBytes,
    /// `alpha / rank`, or `alpha / sqrt(rank)` for rank-stabilised adapters.
    pub scale: f64,
}

/// The adapters of one part of a model, by the canonical name of the linear map they belong to.
#[derive(Debug)]
pub struct Adapter {
    path: PathBuf,
    config: AdapterConfig,
    checkpoint: Checkpoint,
    /// Layer name to the names of A and B in the file.
    pairs: BTreeMap<String, [Option<String>; 2]>,
    /// Tensors below the prefix that are no LoRA matrices.
    strangers: Vec<String>,
}

impl Adapter {
    /// Opens a PEFT folder.
    ///
    /// # Errors
    /// If its configuration or weights cannot be used.
    pub fn open(folder: &Path) -> Result<Self, AdapterError> {
        let config = AdapterConfig::from_config(&ConfigFile::read(&folder.join("adapter_config.json"))?)?;
        let checkpoint = Checkpoint::open(folder)?;
        Self::within(checkpoint, "", config)
    }

    /// The adapter among the tensors of `checkpoint` whose names start with `prefix` (`llm.` or
    /// `visual_encoder.` in an XTuner `.pth`).
    ///
    /// # Errors
    /// If there is none.
    pub fn within(checkpoint: Checkpoint, prefix: &str, config: AdapterConfig) -> Result<Self, AdapterError> {
        let mut pairs: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
        let mut strangers = Vec::new();
        for name in checkpoint.names() {
            let Some(rest) = name.strip_prefix(prefix) else { continue };
            match layer_of(rest) {
                Some((layer, half)) => pairs.entry(layer).or_default()[half] = Some(name.to_owned()),
                None => strangers.push(name.to_owned()),
            }
        }
        let path = checkpoint.path().to_owned();
        if pairs.is_empty() {
            return Err(AdapterError::Empty { adapter: path });
        }
        Ok(Self { path, config, checkpoint, pairs, strangers })
    }

    /// Rank and strength.
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// The same adapter with another strength, for files that do not say theirs.
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.config.alpha = alpha;
        self.config.assumed_with = None;
        self
    }

    /// A rank that a guessed alpha does not belong to.
    pub fn unusual_rank(&self) -> Option<usize> {
        let usual = self.config.assumed_with?;
        let rank = |[a, _]: &[Option<String>; 2]| self.checkpoint.get(a.as_ref()?)?.shape.first().copied();
        self.pairs.values().filter_map(rank).find(|rank| *rank != usual)
    }

    /// The layers that have a matrix here.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.pairs.keys().map(String::as_str)
    }

    /// One layer's pair as it lies in the file, with what its product is multiplied by; `None` if the layer has
    /// none.
    ///
    /// # Errors
    /// A half is missing, does not fit a map of `shape` (`[out, in]`), or cannot be read.
    pub fn pair(&self, layer: &str, shape: [usize; 2]) -> Result<Option<AdapterPair>, AdapterError> {
        match self.pairs.get(layer) {
            None => Ok(None),
            Some([Some(a), Some(b)]) => {
                let (a, b, scale) = self.read_pair(layer, a, b, shape)?;
                Ok(Some(AdapterPair { a, b, scale }))
            }
            Some(pair) => {
                let names = pair.iter().flatten().cloned().collect();
                Err(AdapterError::NoPlace { adapter: self.path.clone(), names })
            }
        }
    }

    /// Compares names and shapes with the maps of a part, given as name to `[out, in]`; nothing is read.
    ///
    /// # Errors
    /// If a tensor has no place, lacks its other half, or has the wrong shape.
    pub fn check(&self, maps: &BTreeMap<String, [usize; 2]>) -> Result<(), AdapterError> {
        let mut homeless = self.strangers.clone();
        let shape =
            |name: &String| self.checkpoint.get(name).map(|info| info.shape.clone()).unwrap_or_default();
        for (layer, pair) in &self.pairs {
            let ([Some(a), Some(b)], Some(&[out, width])) = (pair, maps.get(layer)) else {
                homeless.extend(pair.iter().flatten().cloned());
                continue;
            };
            let (a, b) = (shape(a), shape(b));
            let rank = a.first().copied().unwrap_or(0);
            if rank == 0 || a != [rank, width] || b != [out, rank] {
                let (adapter, layer) = (self.path.clone(), layer.clone());
                return Err(AdapterError::Shape { adapter, layer, a, b, width, out });
            }
        }
        if homeless.is_empty() {
            return Ok(());
        }
        Err(AdapterError::NoPlace { adapter: self.path.clone(), names: homeless })
    }

    /// Puts every pair beside the linear map it names, in `dtype` on `device`.
    ///
    /// `each_linear` visits the network's maps; `unused` says which further layers exist in the real model
    /// but not in this one (a tower's blocks behind the chosen layer).
    ///
    /// # Errors
    /// If a tensor has no place, lacks its other half, or has the wrong shape. Nothing is attached then.
    pub fn attach(
        &self,
        dtype: DType,
        device: &Device,
        each_linear: &mut dyn FnMut(&mut dyn FnMut(&mut Linear)),
        unused: impl Fn(&str) -> bool,
    ) -> Result<usize, AdapterError> {
        let mut shapes = BTreeMap::new();
        each_linear(&mut |linear| {
            shapes.insert(linear.name().to_owned(), linear.shape());
        });
        let mut ready = BTreeMap::new();
        let mut homeless = self.strangers.clone();
        for (layer, pair) in &self.pairs {
            match (pair, shapes.get(layer)) {
                ([Some(a), Some(b)], Some(shape)) => {
                    ready.insert(layer.clone(), self.read(layer, a, b, *shape, dtype, device)?);
                }
                _ if unused(layer) => {}
                _ => homeless.extend(pair.iter().flatten().cloned()),
            }
        }
        if !homeless.is_empty() {
            return Err(AdapterError::NoPlace { adapter: self.path.clone(), names: homeless });
        }
        let attached = ready.len();
        each_linear(&mut |linear| {
            if let Some(adapter) = ready.remove(linear.name()) {
                linear.attach(adapter);
            }
        });
        Ok(attached)
    }

    fn read(
        &self,
        layer: &str,
        a: &str,
        b: &str,
        [out, width]: [usize; 2],
        dtype: DType,
        device: &Device,
    ) -> Result<LinearAdapter, AdapterError> {
        let (a, b, scale) = self.read_pair(layer, a, b, [out, width])?;
        let rank = a.shape.first().copied().unwrap_or(0);
        Ok(LinearAdapter {
            a: tensor_from(a, [rank, width], dtype, device),
            b: tensor_from(b, [out, rank], dtype, device),
            scale,
        })
    }

    fn read_pair(
        &self,
        layer: &str,
        a: &str,
        b: &str,
        [out, width]: [usize; 2],
    ) -> Result<(TensorBytes, TensorBytes, f64), AdapterError> {
        let (a, b) = (self.checkpoint.read(a)?, self.checkpoint.read(b)?);
        let rank = a.shape.first().copied().unwrap_or(0);
        if rank == 0 || a.shape != [rank, width] || b.shape != [out, rank] {
            let (a, b) = (a.shape, b.shape);
            return Err(AdapterError::Shape {
                adapter: self.path.clone(),
                layer: layer.into(),
                a,
                b,
                width,
                out,
            });
        }
        Ok((a, b, self.config.scale(layer, rank)))
    }
}

/// `base_model.model.{layer}.lora_A[.default].weight` to the layer and which half it is.
fn layer_of(name: &str) -> Option<(String, usize)> {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name);
    for (half, mark) in [".lora_A.", ".lora_B."].iter().enumerate() {
        if let Some((layer, rest)) = name.split_once(mark) {
            return matches!(rest, "weight" | "default.weight").then(|| (layer.to_owned(), half));
        }
    }
    None
}
