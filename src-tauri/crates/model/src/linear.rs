//! A linear map of a network: its weight, its bias, and an adapter (LoRA) beside it.

use burn::tensor::{DType, Device, Tensor};
use eyewright_ops::{linear, random_key};

use crate::{
    lora::{Lora, LoraConfig, TuneError, uniform},
    quant::{Nf4Weight, Precision},
    trainable::{Trainable, Visit},
    weights::Loader,
};

/// `y = x·Wᵀ + b`, plus an adapter's `scale · (x·Aᵀ)·Bᵀ` where one is attached.
#[derive(Clone, Debug)]
pub struct Linear {
    name: String,
    weight: Weight,
    bias: Option<Trainable<1>>,
    adapter: Option<Lora>,
}

#[derive(Clone, Debug)]
enum Weight {
    Dense(Trainable<2>),
    /// Dequantised for each multiplication. A graph keeps the dequantised numbers until its backward pass, so
    /// training computes block by block, one graph each.
    Nf4(Nf4Weight),
}

/// The two thin matrices of a LoRA adapter (Hu et al. 2021), never multiplied out.
#[derive(Clone, Debug)]
pub struct LinearAdapter {
    /// `[rank, in]`
    pub a: Tensor<2>,
    /// `[out, rank]`
    pub b: Tensor<2>,
    /// `alpha / rank`, or `alpha / sqrt(rank)` for rank-stabilised adapters.
    pub scale: f64,
}

impl Linear {
    /// Takes `{name}.weight` of shape `[out, in]` and, with `bias`, `{name}.bias` of shape `[out]`. The weight
    /// is stored as the loader's precision says.
    pub fn load(loader: &mut Loader<'_>, name: &str, shape: [usize; 2], bias: bool) -> Self {
        let weight_name = format!("{name}.weight");
        let weight = match loader.precision() {
            Precision::Dense => Weight::Dense(loader.weight(weight_name, shape)),
            Precision::Nf4 | Precision::Nf4Double => Weight::Nf4(loader.nf4(&weight_name, shape)),
        };
        let bias = bias.then(|| loader.weight(format!("{name}.bias"), [shape[0]]));
        Self { name: name.into(), weight, bias, adapter: None }
    }

    /// A map with random numbers within `±1/sqrt(in)`, as `torch.nn.Linear` starts, to be trained.
    pub fn fresh(name: &str, [out, width]: [usize; 2], bias: bool, seed: u64, device: &Device) -> Self {
        let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
        let weight = uniform([out, width], width, random_key(seed, &weight_name), device);
        let bias = bias.then(|| {
            let values = uniform([out], width, random_key(seed, &bias_name), device);
            Trainable::trained(bias_name, values)
        });
        let weight = Weight::Dense(Trainable::trained(weight_name, weight));
        Self { name: name.into(), weight, bias, adapter: None }
    }

    /// A map that shares its weight with another layer (a tied head).
    pub fn shared(name: &str, weight: Tensor<2>) -> Self {
        Self::tied(name, Trainable::frozen(format!("{name}.weight"), weight))
    }

    /// As [`Self::shared`]; the weight keeps its own name, by which both places stay one when it is trained.
    pub(crate) fn tied(name: &str, weight: Trainable<2>) -> Self {
        Self { name: name.into(), weight: Weight::Dense(weight), bias: None, adapter: None }
    }

    /// Takes over the weight of the other place.
    pub(crate) fn tie(&mut self, weight: Trainable<2>) {
        self.weight = Weight::Dense(weight);
    }

    /// The checkpoint's name for it, without `.weight`; adapters are attached by it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[out, in]`
    pub fn shape(&self) -> [usize; 2] {
        match &self.weight {
            Weight::Dense(weight) => weight.dims(),
            Weight::Nf4(weight) => weight.dims(),
        }
    }

    /// Puts an adapter beside the weight; the old one, if any, is gone.
    pub fn attach(&mut self, adapter: LinearAdapter) {
        self.adapter = Some(Lora::loaded(&self.name, adapter.a, adapter.b, adapter.scale));
    }

    /// Back to the bare weight.
    pub fn detach(&mut self) {
        self.adapter = None;
    }

    /// Puts a new adapter beside the weight, to be trained; the old one, if any, is gone.
    pub(crate) fn adapt(&mut self, config: &LoraConfig, seed: u64, device: &Device) {
        self.adapter = Some(Lora::new(config, &self.name, self.shape(), seed, device));
    }

    /// Weight and bias are trained from now on; an adapter stays as it is.
    ///
    /// # Errors
    /// If the weight is in 4 bits.
    pub(crate) fn free(&mut self) -> Result<(), TuneError> {
        match &mut self.weight {
            Weight::Dense(weight) => weight.free(),
            Weight::Nf4(_) => return Err(TuneError::Quantised { layer: self.name.clone() }),
        }
        self.bias.iter_mut().for_each(Trainable::free);
        Ok(())
    }

    /// Visits what is trained of this map.
    pub fn each_trainable(&mut self, visit: Visit<'_>) {
        if let Weight::Dense(weight) = &mut self.weight {
            weight.visit(visit);
        }
        if let Some(bias) = &mut self.bias {
            bias.visit(visit);
        }
        if let Some(adapter) = &mut self.adapter {
            adapter.each_trainable(visit);
        }
    }

    /// From now on the adapter leaves out inputs by masks that are a function of `pass` and the layer's name;
    /// with `None` it leaves out nothing, as in use.
    pub fn drop_out(&mut self, pass: Option<u64>) {
        if let Some(adapter) = &mut self.adapter {
            adapter.drop_out(pass);
        }
    }

    /// # Shapes
    /// - x: `[.., in]`; output: `[.., out]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = x.dtype();
        let bias = self.bias.as_ref().map(|bias| bias.cast(dtype));
        match &self.adapter {
            None => linear(x, self.matrix(dtype), bias),
            Some(adapter) => linear(x.clone(), self.matrix(dtype), bias) + adapter.forward(x),
        }
    }

    fn matrix(&self, dtype: DType) -> Tensor<2> {
        match &self.weight {
            Weight::Dense(weight) => weight.cast(dtype),
            Weight::Nf4(weight) => weight.dequantise(dtype),
        }
    }
}
