//! `eyewright recipes`: which recipes and presets there are, what is in them, and a copy to change.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use eyewright_app::training::{Preset, Recipe};

use crate::print;

#[derive(Debug, Subcommand)]
pub(crate) enum RecipesCommand {
    /// List recipes and presets.
    List,
    /// Print a recipe or preset, with advice on every value.
    Show {
        /// Its name.
        name: String,
    },
    /// Copy a recipe or preset to a file of your own, for `--recipe FILE` or `--preset FILE`.
    Copy {
        /// Its name.
        name: String,
        /// The file, ending in `.toml`; it must not exist.
        file: PathBuf,
    },
}

pub(crate) fn run(command: &RecipesCommand) -> anyhow::Result<()> {
    match command {
        RecipesCommand::List => list(),
        RecipesCommand::Show { name } => {
            print::show(format_args!("{}", text(name)?));
            Ok(())
        }
        RecipesCommand::Copy { name, file } => copy(name, file),
    }
}

fn list() -> anyhow::Result<()> {
    print::line(format_args!("Recipes (--recipe):"));
    for name in Recipe::names(None) {
        print::line(format_args!("  {name:22} {}", Recipe::find(&name, None)?.summary));
    }
    print::line(format_args!("\nPresets (--preset):"));
    for name in Preset::names(None) {
        print::line(format_args!("  {name:22} {}", Preset::find(&name, None)?.summary));
    }
    Ok(())
}

fn text(name: &str) -> anyhow::Result<String> {
    match (Recipe::text(name, None), Preset::text(name, None)) {
        (Ok(text), _) | (_, Ok(text)) => Ok(text),
        (Err(_), Err(_)) => bail!(
            "there is no recipe or preset `{name}`; there are {}, {}",
            Recipe::names(None).join(", "),
            Preset::names(None).join(", ")
        ),
    }
}

fn copy(name: &str, file: &PathBuf) -> anyhow::Result<()> {
    use std::io::Write;

    let text = text(name)?;
    if file.extension().is_none_or(|extension| extension != "toml") {
        bail!("`{}` should end in `.toml`: that is how a file is told from a name", file.display());
    }
    let mut created = match std::fs::File::create_new(file) {
        Ok(created) => created,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!(
            "`{}` is there already and stays as it is; name another file, or remove that one first",
            file.display()
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot create `{}`", file.display())),
    };
    created.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", file.display()))?;
    print::line(file.display());
    Ok(())
}
