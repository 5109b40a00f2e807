//! The values of a plan with their types, as the loop reads them.

use std::path::PathBuf;

use crate::schedule::{Decay, RunLength};

use super::choices::{DecayWord, Precision, Quantisation, Square, Stage, TuneMode};
use super::error::PlanError;
use super::resolved::Values;

/// All values of a plan. There is nothing optional left in it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanParts {
    /// Which of the two stages this is.
    pub stage: Stage,
    /// Fixes every random choice of the run.
    pub seed: u64,
    /// Rows and pictures.
    pub data: DataPlan,
    /// The network and its storage.
    pub model: ModelPlan,
    /// What is trained.
    pub tune: TunePlan,
    /// Highest learning rates.
    pub rates: Rates,
    /// What the rates do over the run.
    pub schedule: SchedulePlan,
    /// AdamW.
    pub optimiser: OptimiserPlan,
    /// Batches and length.
    pub train: TrainPlan,
    /// What stays on disk.
    pub checkpoint: CheckpointPlan,
    /// Test answers.
    pub evaluation: EvaluationPlan,
    /// Whether the run may end early.
    pub early_stopping: EarlyStopping,
}

/// Rows and pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct DataPlan {
    /// Conversations.
    pub json: PathBuf,
    /// Where picture names start from.
    pub image_folder: PathBuf,
    /// Name of the chat template.
    pub template: String,
    /// System text; empty for none.
    pub system: String,
    /// Positions that a row with one picture may take.
    pub window: usize,
    /// Tokens of text a row may have.
    pub max_length: usize,
    /// How a picture becomes a square.
    pub square: Square,
    /// Rows of similar length share a batch.
    pub group_by_length: bool,
    /// What is measured and not trained on.
    pub validation: Validation,
    /// Bad rows are left out instead of stopping the run.
    pub skip_bad_rows: bool,
    /// Threads that decode pictures.
    pub workers: usize,
    /// Features of a frozen tower are kept.
    pub cache_features: bool,
}

/// Where validation rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// There are none.
    Off,
    /// A share of the data, above 0.
    Fraction(f64),
    /// A file of their own.
    File(PathBuf),
}

/// The network and its storage.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPlan {
    /// Folder or repository of the language model.
    pub llm: String,
    /// Folder or repository of the tower; empty for a language model that only reads.
    pub tower: String,
    /// Where the projector starts.
    pub projector: ProjectorStart,
    /// Linear layers of the projector.
    pub projector_depth: usize,
    /// The tower's hidden state that is read, from the end when negative.
    pub select_layer: i64,
    /// Type of the base's numbers.
    pub precision: Precision,
    /// Storage of the frozen language model.
    pub quantisation: Quantisation,
}

/// Where the projector starts.
#[derive(Debug, Clone, PartialEq)]
pub enum ProjectorStart {
    /// At random numbers.
    Fresh,
    /// At a trained one.
    Pretrained(PathBuf),
}

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct TunePlan {
    /// The projector, frozen or full.
    pub projector: Tune,
    /// The language model.
    pub llm: Tune,
    /// The tower.
    pub tower: Tune,
}

/// How one part takes part in training.
#[derive(Debug, Clone, PartialEq)]
pub enum Tune {
    /// It does not change.
    Frozen,
    /// Every number of it changes.
    Full,
    /// Adapters change.
    Lora(LoraPlan),
}

impl Tune {
    /// Whether anything of the part changes.
    pub fn is_trained(&self) -> bool {
        !matches!(self, Self::Frozen)
    }
}

/// Adapters of one part (Hu et al. 2021, as peft builds them).
#[derive(Debug, Clone, PartialEq)]
pub struct LoraPlan {
    /// Their width.
    pub rank: usize,
    /// Their output is scaled by `alpha / rank`.
    pub alpha: f64,
    /// The share of their input that is dropped in training.
    pub dropout: f64,
    /// Which linear layers of the blocks get one.
    pub targets: Targets,
    /// The output head gets one too; never so in the tower.
    pub head: bool,
}

/// Which linear layers of the blocks get an adapter.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Each.
    All,
    /// Those whose name ends in one of these.
    Named(Vec<String>),
}

impl Targets {
    /// Whether a layer, by the last part of its name, is one of them.
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|target| target == name),
        }
    }
}

/// Highest learning rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of the projector.
    pub projector: f64,
    /// Of the language model or its adapters.
    pub llm: f64,
    /// Of the tower or its adapters.
    pub tower: f64,
}

/// What the rates do over the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SchedulePlan {
    /// The share of the run that warms up.
    pub warmup_ratio: f64,
    /// What follows.
    pub decay: Decay,
}

/// AdamW, with torch's meaning of each value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimiserPlan {
    /// Memory of the mean gradient.
    pub beta1: f64,
    /// Memory of the mean square gradient.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
    /// Decoupled decay.
    pub weight_decay: f64,
    /// Longest gradient that is applied as it is; infinite for no limit.
    pub max_grad_norm: f64,
}

/// Batches and length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainPlan {
    /// Rows in a forward pass.
    pub batch: usize,
    /// Batches in a step.
    pub accumulation: usize,
    /// When the run is over.
    pub length: Length,
    /// The inside of each block is computed again in the backward pass.
    pub activation_checkpointing: bool,
}

/// When a run is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// After each row was seen so often.
    Epochs(f64),
    /// After so many optimiser steps.
    Steps(u64),
}

impl TrainPlan {
    /// The length over so many training rows.
    pub fn run_length(&self, rows: u64) -> RunLength {
        let (batch, accumulation) = (self.batch as u64, self.accumulation as u64);
        match self.length {
            Length::Epochs(epochs) => RunLength::of_epochs(rows, batch, accumulation, epochs),
            Length::Steps(steps) => RunLength::of_steps(rows, batch, accumulation, steps),
        }
    }
}

/// What stays on disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckpointPlan {
    /// Steps between checkpoints.
    pub every: u64,
    /// Minutes between checkpoints; infinite (`u64::MAX`) when time does not matter.
    pub every_minutes: u64,
    /// Newest ones that stay; `usize::MAX` for all.
    pub keep_last: usize,
    /// The one with the lowest validation loss stays too.
    pub keep_best: bool,
}

/// Test answers.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationPlan {
    /// Steps between them; `u64::MAX` for the start and the end only.
    pub every: u64,
    /// Pictures: none, one for all, or one for each question.
    pub images: Vec<String>,
    /// Questions.
    pub prompts: Vec<String>,
    /// Longest answer in tokens.
    pub max_new_tokens: usize,
}

/// Whether a run may end before its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EarlyStopping {
    /// It goes to the end.
    Off,
    /// It ends at its best checkpoint after so many validations without progress.
    After {
        /// Validations without progress.
        patience: u64,
        /// The least fall of the loss that is progress.
        min_delta: f64,
    },
}

impl PlanParts {
    pub(super) fn from_values(values: &Values) -> Result<Self, PlanError> {
        Ok(Self {
            stage: values.choice("stage", Stage::from_word)?,
            seed: values.count("seed")?,
            data: data(values)?,
            model: model(values)?,
            tune: TunePlan {
                projector: if_seeing(values, tune(values, "tune.projector.mode", None)?)?,
                llm: tune(values, "tune.llm.mode", Some((LLM_LORA, values.flag("tune.llm.head")?)))?,
                tower: if_seeing(values, tune(values, "tune.tower.mode", Some((TOWER_LORA, false)))?)?,
            },
            rates: Rates {
                projector: values.number("lr.projector")?,
                llm: values.number("lr.llm")?,
                tower: values.number("lr.tower")?,
            },
            schedule: SchedulePlan {
                warmup_ratio: values.number("schedule.warmup_ratio")?,
                decay: match values.choice("schedule.decay", DecayWord::from_word)? {
                    DecayWord::Constant => Decay::Constant,
                    DecayWord::Linear => Decay::Linear,
                    DecayWord::Cosine => Decay::Cosine,
                },
            },
            optimiser: OptimiserPlan {
                beta1: values.number("optimiser.beta1")?,
                beta2: values.number("optimiser.beta2")?,
                eps: values.number("optimiser.eps")?,
                weight_decay: values.number("optimiser.weight_decay")?,
                max_grad_norm: match values.number("optimiser.max_grad_norm")? {
                    0.0 => f64::INFINITY,
                    norm => norm,
                },
            },
            train: TrainPlan {
                batch: values.size("train.batch")?,
                accumulation: values.size("train.accumulation")?,
                length: match values.count("train.max_steps")? {
                    0 => Length::Epochs(values.number("train.epochs")?),
                    steps => Length::Steps(steps),
                },
                activation_checkpointing: values.flag("train.activation_checkpointing")?,
            },
            checkpoint: CheckpointPlan {
                every: values.count("checkpoint.every")?,
                every_minutes: values.count_or_endless("checkpoint.every_minutes")?,
                keep_last: match values.size("checkpoint.keep_last")? {
                    0 => usize::MAX,
                    count => count,
                },
                keep_best: values.flag("checkpoint.keep_best")?,
            },
            evaluation: EvaluationPlan {
                every: values.count_or_endless("evaluation.every")?,
                images: values.list("evaluation.images")?,
                prompts: values.list("evaluation.prompts")?,
                max_new_tokens: values.size("evaluation.max_new_tokens")?,
            },
            early_stopping: match values.count("early_stopping.patience")? {
                0 => EarlyStopping::Off,
                patience => {
                    EarlyStopping::After { patience, min_delta: values.number("early_stopping.min_delta")? }
                }
            },
        })
    }
}

fn data(values: &Values) -> Result<DataPlan, PlanError> {
    let (file, fraction) = (values.text("data.validation_file")?, values.number("data.validation_fraction")?);
    Ok(DataPlan {
        json: values.text("data.json")?.into(),
        image_folder: values.text("data.image_folder")?.into(),
        template: values.text("data.template")?,
        system: values.text("data.system")?,
        window: values.size("data.window")?,
        max_length: values.size("data.max_length")?,
        square: values.choice("data.square", Square::from_word)?,
        group_by_length: values.flag("data.group_by_length")?,
        validation: match (file.is_empty(), fraction > 0.0) {
            (true, false) => Validation::Off,
            (true, true) => Validation::Fraction(fraction),
            (false, _) => Validation::File(file.into()),
        },
        skip_bad_rows: values.flag("data.skip_bad_rows")?,
        workers: values.size("data.workers")?,
        cache_features: values.flag("data.cache_features")?,
    })
}

fn model(values: &Values) -> Result<ModelPlan, PlanError> {
    let pretrained = values.text("model.pretrained")?;
    Ok(ModelPlan {
        llm: values.text("model.llm")?,
        tower: values.text("model.tower")?,
        projector: match pretrained.is_empty() {
            true => ProjectorStart::Fresh,
            false => ProjectorStart::Pretrained(pretrained.into()),
        },
        projector_depth: values.size("model.projector_depth")?,
        select_layer: values.integer("model.select_layer")?,
        precision: values.choice("model.precision", Precision::from_word)?,
        quantisation: values.choice("model.quantisation", Quantisation::from_word)?,
    })
}

/// A part that is not there is not trained.
fn if_seeing(values: &Values, tune: Tune) -> Result<Tune, PlanError> {
    Ok(if values.text("model.tower")?.is_empty() { Tune::Frozen } else { tune })
}

/// Keys of rank, alpha, dropout and targets.
type LoraKeys = [&'static str; 4];
const LLM_LORA: LoraKeys = ["tune.llm.rank", "tune.llm.alpha", "tune.llm.dropout", "tune.llm.targets"];
const TOWER_LORA: LoraKeys =
    ["tune.tower.rank", "tune.tower.alpha", "tune.tower.dropout", "tune.tower.targets"];

fn tune(values: &Values, mode: &'static str, lora: Option<(LoraKeys, bool)>) -> Result<Tune, PlanError> {
    Ok(match (values.choice(mode, TuneMode::from_word)?, lora) {
        (TuneMode::Frozen, _) => Tune::Frozen,
        (TuneMode::Full, _) => Tune::Full,
        (TuneMode::Lora, None) => return Err(values.unexpected(mode, "frozen or full")),
        (TuneMode::Lora, Some(([rank, alpha, dropout, targets], head))) => Tune::Lora(LoraPlan {
            rank: values.size(rank)?,
            alpha: values.number(alpha)?,
            dropout: values.number(dropout)?,
            targets: match values.list(targets)? {
                names if names.len() == 1 && names.first().is_some_and(|name| name == "all") => Targets::All,
                names => Targets::Named(names),
            },
            head,
        }),
    })
}
