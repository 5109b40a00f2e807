//! What does a run do, and who decided that? Preset × recipe × overrides → one [`RunPlan`].
//!
//! Pure values: no tensors, no devices, and no file but the small TOML ones it is asked to read.

mod activations;
mod choices;
mod command;
mod error;
mod fields;
mod files;
mod memory;
mod moments;
mod overrides;
mod parameters;
mod parts;
mod plan_file;
mod preset;
mod recipe;
mod resolved;
mod run_plan;
mod settings;
mod shapes;
#[cfg(test)]
mod tests;
mod value;

pub use choices::{DecayWord, Precision, Quantisation, Source, Square, Stage, TuneMode};
pub use error::PlanError;
pub use fields::{ALIASES, FIELDS, Field};
pub use memory::{Coefficients, Forecast, MemoryForecast, PartMemory, Platform, forecast};
pub use moments::Moment;
pub use overrides::Overrides;
pub use parameters::{Linear, PartParameters, TrainableParameters, unknown_target};
pub use parts::{
    CheckpointPlan, DataPlan, EarlyStopping, EvaluationPlan, Length, LoraPlan, ModelPlan, OptimiserPlan,
    PlanParts, ProjectorStart, Rates, SchedulePlan, Targets, TrainPlan, Tune, TunePlan, Validation,
};
pub use preset::{Parts, Preset};
pub use recipe::Recipe;
pub use resolved::Row;
pub use run_plan::{Difference, RunPlan, resolve};
pub use settings::Settings;
pub use shapes::{LlmShapes, Packing, TowerShapes};
pub use value::{Kind, Value};
