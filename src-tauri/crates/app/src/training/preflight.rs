//! What would keep a run from starting, as far as small files tell?

use eyewright_data::{dataset::ImageFolder, template::ChatTemplate, tokenizer::Tokenizer};
use eyewright_model::stack::{StartFiles, StartPaths};
use eyewright_train::plan::{LlmShapes, ProjectorStart, RunPlan, TowerShapes, unknown_target};

use super::find_model_folder;
use crate::{AppError, open::processor_for};

/// Something that a run would stumble over, and the key of the plan that has to do with it.
pub(crate) struct Obstacle {
    pub(crate) key: &'static str,
    pub(crate) error: AppError,
}

/// Configurations and headers are read, no tensor and no row. What is not here or not chosen is not spoken of.
pub(crate) fn obstacles(plan: &RunPlan) -> Vec<Obstacle> {
    let mut found = Vec::new();
    let mut note = |key, error: AppError| found.push(Obstacle { key, error });
    if let Err(error) = ChatTemplate::named(&plan.data.template) {
        note("data.template", error.into());
    }
    if let Err((key, error)) = look_at_parts(plan) {
        note(key, error);
    }
    // Without the file, its folder is no news.
    if !plan.model.tower.is_empty()
        && plan.data.json.is_file()
        && let Err(error) = ImageFolder::open(&plan.data.image_folder)
    {
        note("data.image_folder", error.into());
    }
    found
}

/// One part after the other: a fault is told beside the part that brought it.
fn look_at_parts(plan: &RunPlan) -> Result<(), (&'static str, AppError)> {
    let here = |name: &String| (!name.is_empty()).then(|| find_model_folder(name)).flatten();
    let Some(llm) = here(&plan.model.llm) else { return Ok(()) };
    let mut paths = StartPaths {
        llm,
        projector_depth: plan.model.projector_depth,
        select_layer: plan.model.select_layer,
        ..StartPaths::default()
    };
    let find = |paths: &StartPaths, key| StartFiles::find(paths).map_err(|error| (key, error.into()));
    let mut files = find(&paths, "model.llm")?;
    Tokenizer::open(&paths.llm).map_err(|error| ("model.llm", error.into()))?;
    if let Some(tower) = here(&plan.model.tower) {
        paths.tower = Some(tower);
        files = find(&paths, "model.tower")?;
    }
    if let Some(eye) = &files.eye {
        processor_for(&eye.preprocessor, eye.tower.config.clip.image_side)
            .map_err(|error| ("model.tower", error))?;
    }
    if let ProjectorStart::Pretrained(projector) = &plan.model.projector
        && projector.exists()
    {
        paths.projector = Some(projector.clone());
        files = find(&paths, "model.pretrained")?;
    }
    check_targets(plan, &files)
}

/// Adapters are wanted only beside layers that there are.
pub(super) fn check_targets(plan: &RunPlan, files: &StartFiles) -> Result<(), (&'static str, AppError)> {
    let llm = LlmShapes::from(&files.llm.config);
    let tower = files.eye.as_ref().map(|eye| TowerShapes::from(&eye.tower.config.clip));
    match unknown_target(plan, &llm, tower.as_ref()) {
        Some((key, error)) => Err((key, error.into())),
        None => Ok(()),
    }
}
