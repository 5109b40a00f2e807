//! Where are models, and where do runs go, when only a name is given?

use std::path::{Path, PathBuf};

use crate::library::{above_program, library_models, names_in};

/// The folder that a plan's `model.llm` or `model.tower` means: a path as it is, or a name below one of the places
/// where models are kept: `models/`, `models/weights/`, the same beside the program, the library's `models/`, and the
/// cache of Hugging Face's own programs.
pub fn find_model_folder(name: &str) -> Option<PathBuf> {
    let given = Path::new(name);
    if name.is_empty() || given.exists() {
        return (!name.is_empty()).then(|| given.to_owned());
    }
    if given.is_absolute() || name.split(['/', '\\']).any(|part| part == "..") {
        return None;
    }
    let last = given.file_name().map(PathBuf::from).unwrap_or_default();
    let below =
        |home: &Path| [home.join(given), home.join("weights").join(given), home.join("weights").join(&last)];
    let found = homes().iter().flat_map(|home| below(home)).find(|folder| folder.is_dir());
    found.or_else(|| downloaded(name)).or_else(|| in_hub_cache(name))
}

/// What `eyewright models download` or the interface has fetched.
fn downloaded(name: &str) -> Option<PathBuf> {
    let models = library_models();
    let folders = names_in(&models).into_iter().map(|folder| models.join(folder));
    folders.into_iter().find(|folder| eyewright_hub::downloaded_from(folder).is_some_and(|from| from == name))
}

fn homes() -> Vec<PathBuf> {
    let mut homes = vec![PathBuf::from("models")];
    homes.push(library_models());
    homes.extend(above_program().iter().map(|folder| folder.join("models")));
    homes
}

/// `~/.cache/huggingface/hub/models--org--name/snapshots/<revision>`.
fn in_hub_cache(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HF_HOME").map(PathBuf::from).or_else(|| {
        let user = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"))?;
        Some(PathBuf::from(user).join(".cache/huggingface"))
    })?;
    let repository = home.join("hub").join(format!("models--{}", name.replace('/', "--")));
    let main = std::fs::read_to_string(repository.join("refs/main")).ok();
    let snapshots = repository.join("snapshots");
    let named = main.map(|revision| snapshots.join(revision.trim())).filter(|folder| folder.is_dir());
    named.or_else(|| {
        std::fs::read_dir(snapshots).ok()?.filter_map(Result::ok).map(|entry| entry.path()).next()
    })
}

/// A folder below `runs/` that does not exist yet, named after the recipe.
pub fn default_run_folder(recipe: &str) -> PathBuf {
    let recipe = Path::new(recipe).file_stem().and_then(|stem| stem.to_str()).unwrap_or("run");
    let numbered = (1..).map(|number| PathBuf::from("runs").join(format!("{recipe}-{number:03}")));
    numbered.into_iter().find(|folder| !folder.exists()).unwrap_or_else(|| PathBuf::from("runs").join(recipe))
}
