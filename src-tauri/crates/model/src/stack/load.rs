//! In what order do a model's parts reach the device?

use std::sync::Arc;

use burn::tensor::{DType, Device};

use super::{StackError, StackFiles, find::EyeFiles};
use crate::{
    adapter::Adapter,
    linear::Linear,
    llava::{Llava, VisionEye},
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
            let decoder = load(&self.llm.checkpoint, device, dtype, progress, |loader| {
                self.llm.config.init(loader.spelt(self.llm.keys))
            })?;
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
    let tower = load(&eye.tower.checkpoint, device, dtype, progress, |loader| {
        ignore(loader, TEXT_SIDE_OF_CLIP);
        eye.tower.config.init(loader.spelt(eye.tower.keys))
    })?;
    let projector = load(&eye.projector.checkpoint, device, dtype, progress, |loader| {
        ignore(loader, BESIDE_A_PROJECTOR);
        eye.projector.config.init(loader.spelt(eye.projector.keys))
    })?;
    Ok(VisionEye { tower, projector })
}

/// The other half of a full CLIP model.
const TEXT_SIDE_OF_CLIP: &[&str] = &["text_model.", "text_projection.", "visual_projection.", "logit_scale"];

/// What an XTuner `.pth` or LLaVA's `non_lora_trainables.bin` holds beside the projector.
const BESIDE_A_PROJECTOR: &[&str] = &["llm.", "visual_encoder.", "model.vision_tower."];

fn ignore(loader: &mut Loader<'_>, prefixes: &[&str]) {
    loader.spelt(KeyMap::CANONICAL);
    for prefix in prefixes {
        loader.ignore_below(prefix);
    }
}
