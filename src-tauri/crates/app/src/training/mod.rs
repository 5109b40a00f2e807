//! Training behind every door: make a plan, run it, look at what came out.
//!
//! ```text
//! PlanRequest ── resolve_plan ──▶ ResolvedPlan ── train ──▶ RunEvent … RunSummary
//! ```

mod answers;
mod bench;
mod folders;
mod memory;
mod model;
mod preflight;
mod resolve;
mod rows;
mod run;
mod write_part;

pub use bench::{BenchParts, BenchReport, BenchRequest, bench_train};
pub use eyewright_model::weights::StoredDtype;
pub use eyewright_train::plan::{
    FIELDS, Field, Kind, MemoryForecast, Overrides, PartMemory, PartParameters, PlanError, Platform, Preset,
    Recipe, RunPlan, Source, TrainableParameters, Value,
};
pub use eyewright_train::run::{
    LearningRates, Metrics, Outcome, Phase, RunControl, RunEvent, RunSummary, Sample, Start, WarningKind,
};
pub use folders::{default_run_folder, find_model_folder};
pub(crate) use memory::{PeakMemory, note_others};
pub(crate) use preflight::Preflight;
pub use resolve::{PlanRequest, ResolvedPlan, plan_of_run, resolve_plan};
pub use run::{TrainRequest, train};
pub use write_part::{TrainedPart, write_part};
