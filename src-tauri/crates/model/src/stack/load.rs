//! In what order do a model's parts reach the device?

use std::sync::Arc;

use burn::tensor::{DType, Device};

use super::{PartFiles, StackError, StackFiles, find::EyeFiles};
use crate::{
    adapter::Adapter,
    clip::{TowerConfig, VisionTower},
    linear::Linear,
    llava::{Llava, VisionEye},
    llm::{Decoder, DecoderConfig},
    projector::{Projector, ProjectorConfig},
    quant::Precision,
    weights::{KeyMap, Loader, load},
};

impl StackFiles {
    /// Reads all parts, one tensor at a time, into `dtype` on `device`. `progress` is told bytes as they are read.
    ///
    /// # Errors
    /// If a checkpoint does not fit its configuration, an adapter has no place, or a file is damaged.
    pub fn load(
        &self,
        device: &Device,
        dtype: DType,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Llava, StackError> {
        let shared = self.eye.as_ref().is_some_and(|eye| {
            Arc::ptr_eq(&eye.tower.checkpoint, &self.llm.checkpoint)
                && Arc::ptr_eq(&eye.projector.checkpoint, &self.llm.checkpoint)
        });
        let mut model = if shared {
            load(&self.llm.checkpoint, device, dtype, progress, |loader| Llava {
                decoder: self.llm.config.init(loader.spelt(self.llm.keys)),
                eye: self.eye.as_ref().map(|eye| VisionEye {
                    tower: eye.tower.config.init(loader.spelt(eye.tower.keys)),
                    projector: eye.projector.config.init(loader.spelt(eye.projector.keys)),
                }),
            })?
        } else {
            let decoder = load_decoder(&self.llm, Precision::Dense, device, dtype, progress)?;
            let eye = self.eye.as_ref().map(|eye| load_eye(eye, device, dtype, progress)).transpose()?;
            Llava { decoder, eye }
        };
        self.attach_adapters(&mut model, device, dtype)?;
        Ok(model)
    }

    fn attach_adapters(&self, model: &mut Llava, device: &Device, dtype: DType) -> Result<(), StackError> {
        if let Some(adapter) = &self.llm_adapter {
            let decoder = &mut model.decoder;
            adapter.attach(dtype, device, &mut |visit| decoder.each_linear(visit), |_| false)?;
        }
        if let (Some(adapter), Some(eye)) = (&self.tower_adapter, &mut model.eye) {
            attach_to_tower(adapter, eye, device, dtype)?;
        }
        Ok(())
    }
}

/// Adapters on blocks behind the chosen layer exist in XTuner's files and change nothing.
fn attach_to_tower(
    adapter: &Adapter,
    eye: &mut VisionEye,
    device: &Device,
    dtype: DType,
) -> Result<(), StackError> {
    let config = eye.tower.config().clone();
    let used = config.used_blocks().unwrap_or(config.clip.layers);
    let behind = |layer: &str| {
        let index =
            layer.strip_prefix("vision_model.encoder.layers.").and_then(|rest| rest.split('.').next());
        index
            .and_then(|index| index.parse::<usize>().ok())
            .is_some_and(|i| i >= used && i < config.clip.layers)
    };
    adapter.attach(
        dtype,
        device,
        &mut |visit: &mut dyn FnMut(&mut Linear)| eye.tower.each_linear(visit),
        behind,
    )?;
    Ok(())
}

fn load_eye(
    eye: &EyeFiles,
    device: &Device,
    dtype: DType,
    progress: &mut dyn FnMut(u64),
) -> Result<VisionEye, StackError> {
    let tower = load_tower(&eye.tower, device, dtype, progress)?;
    let projector = load_projector(&eye.projector, device, dtype, progress)?;
    Ok(VisionEye { tower, projector })
}

pub(super) fn load_decoder(
    files: &PartFiles<DecoderConfig>,
    precision: Precision,
    device: &Device,
    dtype: DType,
    progress: &mut dyn FnMut(u64),
) -> Result<Decoder, StackError> {
    Ok(load(&files.checkpoint, device, dtype, progress, |loader| {
        ignore(loader, BESIDE_A_DECODER);
        files.config.init(loader.spelt(files.keys).stored_in(precision))
    })?)
}

pub(super) fn load_tower(
    files: &PartFiles<TowerConfig>,
    device: &Device,
    dtype: DType,
    progress: &mut dyn FnMut(u64),
) -> Result<VisionTower, StackError> {
    Ok(load(&files.checkpoint, device, dtype, progress, |loader| {
        ignore(loader, BESIDE_A_TOWER);
        files.config.init(loader.spelt(files.keys))
    })?)
}

pub(super) fn load_projector(
    files: &PartFiles<ProjectorConfig>,
    device: &Device,
    dtype: DType,
    progress: &mut dyn FnMut(u64),
) -> Result<Projector, StackError> {
    Ok(load(&files.checkpoint, device, dtype, progress, |loader| {
        ignore(loader, BESIDE_A_PROJECTOR);
        files.config.init(loader.spelt(files.keys))
    })?)
}

/// What a checkpoint of our own, or a llava-hf model, holds beside the language model.
const BESIDE_A_DECODER: &[&str] = &[
    "projector.",
    "visual_encoder.",
    "vision_tower.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
    "model.mm_projector.",
];

/// The other half of a full CLIP model, and what a checkpoint of our own or a llava-hf model holds beside it.
const BESIDE_A_TOWER: &[&str] = &[
    "text_model.",
    "text_projection.",
    "visual_projection.",
    "logit_scale",
    "llm.",
    "projector.",
    "language_model.",
    "multi_modal_projector.",
    "model.language_model.",
    "model.multi_modal_projector.",
    "lm_head.",
];

/// What an XTuner `.pth`, LLaVA's `non_lora_trainables.bin` or a llava-hf model holds beside the projector.
const BESIDE_A_PROJECTOR: &[&str] = &[
    "model.layers.",
    "model.embed_tokens.",
    "model.norm.",
    "llm.",
    "visual_encoder.",
    "language_model.",
    "vision_tower.",
    "model.language_model.",
    "model.vision_tower.",
    "lm_head.",
];

fn ignore(loader: &mut Loader<'_>, prefixes: &[&str]) {
    loader.spelt(KeyMap::CANONICAL);
    for prefix in prefixes {
        loader.ignore_below(prefix);
    }
}
