//! What would keep a run from starting, as far as can be told without a tensor and without a row?

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Mutex,
};

use eyewright_data::{dataset::ImageFolder, template::ChatTemplate, tokenizer::Tokenizer};
use eyewright_model::stack::{StackError, StartFiles, StartPaths};
use eyewright_train::plan::{LlmShapes, RunPlan, TowerShapes, unknown_target};

use super::{find_model_folder, model::start_paths, run::TOKENIZER_FILES};
use crate::{AppError, library::FileStamp, open::processor_for, studio::lock};

/// Something that a run would stumble over, and the key of the plan that has to do with it.
pub(crate) struct Obstacle {
    pub(crate) key: &'static str,
    pub(crate) error: AppError,
}

/// Looks at plans, at every change of one. A tokenizer that could be read is not read again: it is the only large file.
#[derive(Default)]
pub(crate) struct Preflight {
    tokenizers: Mutex<HashSet<(PathBuf, Vec<Option<FileStamp>>)>>,
}

impl Preflight {
    /// What is not here or not chosen is not spoken of.
    pub(crate) fn obstacles(&self, plan: &RunPlan) -> Vec<Obstacle> {
        let mut found = Vec::new();
        let mut note = |key, error: AppError| found.push(Obstacle { key, error });
        if let Err(error) = ChatTemplate::named(&plan.data.template) {
            note("data.template", error.into());
        }
        if let Err((key, error)) = self.look_at_parts(plan) {
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

    fn look_at_parts(&self, plan: &RunPlan) -> Result<(), (&'static str, AppError)> {
        let here = |name: &String| (!name.is_empty()).then(|| find_model_folder(name)).flatten();
        let Some(llm) = here(&plan.model.llm) else { return Ok(()) };
        self.look_at_tokenizer(&llm).map_err(|error| ("model.llm", error))?;
        let tower = here(&plan.model.tower);
        let tower_is_away = tower.is_none() && !plan.model.tower.is_empty();
        let mut paths = start_paths(plan, llm, tower);
        paths.projector = paths.projector.filter(|path| path.exists() && !tower_is_away);
        let files = StartFiles::find(&paths).map_err(|error| (culprit(&paths), error.into()))?;
        if let Some(eye) = &files.eye {
            processor_for(&eye.preprocessor, eye.tower.config.clip.image_side)
                .map_err(|error| ("model.tower", error))?;
        }
        check_targets(plan, &files)
    }

    fn look_at_tokenizer(&self, folder: &Path) -> Result<(), AppError> {
        let files = TOKENIZER_FILES.iter().map(|name| FileStamp::of(&folder.join(name)));
        let seen = (folder.to_owned(), files.collect());
        if !lock(&self.tokenizers).contains(&seen) {
            Tokenizer::open(folder)?;
            lock(&self.tokenizers).insert(seen);
        }
        Ok(())
    }
}

/// Which part makes the search fail: one after the other is added.
fn culprit(paths: &StartPaths) -> &'static str {
    let find = |tower: Option<&PathBuf>| -> Result<StartFiles, StackError> {
        StartFiles::find(&StartPaths { tower: tower.cloned(), projector: None, ..paths.clone() })
    };
    if find(None).is_err() {
        "model.llm"
    } else if find(paths.tower.as_ref()).is_err() {
        "model.tower"
    } else {
        "model.pretrained"
    }
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
