//! How does a plan become a model that is ready to be trained?

use std::path::PathBuf;

use burn::tensor::DType;
use eyewright_data::{image::ImageProcessor, tokenizer::Tokenizer};
use eyewright_model::{
    LoraConfig, LoraTargets, Tune,
    llava::Llava,
    quant::Precision as Storage,
    stack::{StartFiles, StartPaths, TrainedModel, TrainedPart},
};
use eyewright_ops::OpenDevice;
use eyewright_train::{
    optimiser::AdamWConfig,
    plan::{self, Precision, ProjectorStart, Quantisation, RunPlan, Square, Targets},
    run::{Phase, RunEvent},
    step::TrainerConfig,
};

use super::{preflight::check_targets, resolve::existing};
use crate::{AppError, Dtype, open::processor_for};

/// The parts of a plan's model, found and checked; no tensor has been read.
pub(super) struct Base {
    pub(super) llm: PathBuf,
    pub(super) tower: Option<PathBuf>,
    pub(super) files: StartFiles,
    pub(super) tokenizer: Tokenizer,
    pub(super) processor: Option<ImageProcessor>,
}

impl Base {
    pub(super) fn find(plan: &RunPlan) -> Result<Self, AppError> {
        let folder = |name: &str| -> Result<PathBuf, AppError> {
            let folder = existing(name)?;
            // Kept in checkpoints, which may be opened from anywhere.
            Ok(folder.canonicalize().unwrap_or(folder))
        };
        let llm = folder(&plan.model.llm)?;
        let tower = (!plan.model.tower.is_empty()).then(|| folder(&plan.model.tower)).transpose()?;
        let files = StartFiles::find(&start_paths(plan, llm.clone(), tower.clone()))?;
        check_targets(plan, &files).map_err(|(_, error)| error)?;
        let processor = match &files.eye {
            Some(eye) => Some(processor_for(&eye.preprocessor, eye.tower.config.clip.image_side)?),
            None => None,
        };
        Ok(Self {
            tokenizer: Tokenizer::open(&llm)?,
            tower: tower.filter(|tower| *tower != llm),
            llm,
            files,
            processor,
        })
    }

    /// Positions of one picture in the language model.
    pub(super) fn picture_tokens(&self) -> usize {
        self.files.eye.as_ref().map_or(0, |eye| eye.tower.config.tokens())
    }

    /// Reads the weights and prepares what is trained.
    pub(super) fn load(
        &self,
        plan: &RunPlan,
        device: &OpenDevice,
        dtype: DType,
        on_event: &mut dyn FnMut(RunEvent),
    ) -> Result<Llava, AppError> {
        let total = self.files.bytes();
        on_event(RunEvent::PhaseStarted { phase: Phase::Load, total: Some(total) });
        let mut done = 0;
        let storage = match plan.model.quantisation {
            Quantisation::None => Storage::Dense,
            Quantisation::Nf4 => Storage::Nf4,
            Quantisation::Nf4Double => Storage::Nf4Double,
        };
        let mut model = self.files.load(&device.device, dtype, storage, plan.seed, &mut |bytes| {
            done += bytes;
            on_event(RunEvent::PhaseProgress { phase: Phase::Load, done, total });
        })?;
        tune(&mut model, plan, device)?;
        // What reading and quantising held for a moment goes back to the card before the steps begin.
        device.device.memory_cleanup();
        Ok(model)
    }

    /// What a checkpoint says about the model it belongs to.
    pub(super) fn described(&self, plan: &RunPlan) -> TrainedModel {
        let part = |tune: &plan::Tune| match tune {
            plan::Tune::Frozen => TrainedPart::Frozen,
            plan::Tune::Full => TrainedPart::Full,
            plan::Tune::Lora(lora) => TrainedPart::Lora { rank: lora.rank, alpha: lora.alpha },
        };
        TrainedModel {
            format: TrainedModel::FORMAT,
            llm: self.llm.clone(),
            tower: self.tower.clone(),
            select_layer: plan.model.select_layer,
            template: plan.data.template.clone(),
            system: plan.data.system.clone(),
            square: match plan.data.square {
                Square::Pad => "pad".to_owned(),
                Square::Crop => "crop".to_owned(),
            },
            projector_part: part(&plan.tune.projector),
            llm_part: part(&plan.tune.llm),
            tower_part: part(&plan.tune.tower),
        }
    }
}

/// A plan's parts, with the folders that its model and tower were found in.
pub(super) fn start_paths(plan: &RunPlan, llm: PathBuf, tower: Option<PathBuf>) -> StartPaths {
    StartPaths {
        llm,
        tower,
        projector: match &plan.model.projector {
            ProjectorStart::Fresh => None,
            ProjectorStart::Pretrained(path) => Some(path.clone()),
        },
        projector_depth: plan.model.projector_depth,
        select_layer: plan.model.select_layer,
    }
}

/// Prepares what a plan trains of a model.
pub(super) fn tune(model: &mut Llava, plan: &RunPlan, device: &OpenDevice) -> Result<(), AppError> {
    model.decoder.tune(&to_tune(&plan.tune.llm), plan.seed)?;
    if let Some(eye) = &mut model.eye {
        eye.tower.tune(&to_tune(&plan.tune.tower), plan.seed, &device.device)?;
        if plan.tune.projector.is_trained() {
            eye.projector.free()?;
        }
    }
    Ok(())
}

fn to_tune(tune: &plan::Tune) -> Tune {
    match tune {
        plan::Tune::Frozen => Tune::Frozen,
        plan::Tune::Full => Tune::Full,
        plan::Tune::Lora(lora) => Tune::Lora(LoraConfig {
            rank: lora.rank,
            alpha: lora.alpha,
            dropout: lora.dropout,
            targets: match &lora.targets {
                Targets::All => LoraTargets::All,
                Targets::Named(names) => LoraTargets::Named(names.clone()),
            },
            head: lora.head,
            rank_stabilised: false,
        }),
    }
}

/// The type of numbers a plan asks for, on a device.
pub(super) fn dtype_of(plan: &RunPlan, device: &OpenDevice) -> Result<DType, AppError> {
    let dtype = match plan.model.precision {
        Precision::Auto => Dtype::Auto,
        Precision::Bf16 => Dtype::Bf16,
        Precision::F16 => Dtype::F16,
        Precision::F32 => Dtype::F32,
    };
    dtype.on(device)
}

/// The word of a plan's precision for a type of numbers.
pub(super) fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::BF16 => "bf16",
        DType::F16 => "f16",
        _ => "f32",
    }
}

/// How a plan's steps are computed.
pub(super) fn trainer_config(plan: &RunPlan) -> TrainerConfig {
    TrainerConfig {
        seed: plan.seed,
        checkpointing: plan.train.activation_checkpointing,
        max_norm: Some(plan.optimiser.max_grad_norm).filter(|norm| norm.is_finite()),
        adamw: AdamWConfig {
            beta1: plan.optimiser.beta1,
            beta2: plan.optimiser.beta2,
            eps: plan.optimiser.eps,
            weight_decay: plan.optimiser.weight_decay,
        },
        ..TrainerConfig::default()
    }
}
