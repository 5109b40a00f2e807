//! The flags of a plan: one per row of the field table, so that `--help`, `--set`, files and the wizard agree.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use eyewright_app::training::{FIELDS, Field, Kind, Overrides, PlanRequest, Preset, Recipe};

/// What `--preset`, `--recipe`, `--config`, `--set` and all flags of a plan say.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanArguments {
    pub(crate) request: PlanRequest,
}

/// The flags of the workflow this program continues.
const ALIASES: &[(&str, &str)] = &[("tower", "visual-encoder"), ("images", "image-folder")];

fn flags() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| !field.flag.is_empty())
}

impl Args for PlanArguments {
    fn augment_args(command: Command) -> Command {
        let presets = format!(
            "What the network is: {}, or a `.toml` file; without it, the folders of --llm and --tower say so",
            Preset::names(None).join(", ")
        );
        let recipes = format!("What to do: {}, or a `.toml` file", Recipe::names(None).join(", "));
        let mut command =
            command
                .arg(Arg::new("preset").long("preset").value_name("NAME").help(presets))
                .arg(Arg::new("recipe").long("recipe").value_name("NAME").help(recipes))
                .arg(
                    Arg::new("config")
                        .long("config")
                        .value_name("FILE")
                        .value_parser(clap::value_parser!(PathBuf))
                        .help("A TOML file of values, such as a run's plan.toml; flags win over it"),
                )
                .arg(Arg::new("set").long("set").value_name("KEY=VALUE").action(ArgAction::Append).help(
                    "Any value of the plan by its key, see `eyewright plan`; may be given several times",
                ))
                .arg(
                    Arg::new("lr")
                        .long("lr")
                        .value_name("F")
                        .help_heading("Values of the plan")
                        .help("Highest learning rate of projector, language model and tower alike."),
                );
        for field in flags() {
            let mut arg = Arg::new(field.flag)
                .long(field.flag)
                .help(field.advice)
                .help_heading("Values of the plan")
                .value_name(value_name(field.kind));
            if let Some((_, alias)) = ALIASES.iter().find(|(flag, _)| *flag == field.flag) {
                arg = arg.visible_alias(*alias);
            }
            if field.kind == Kind::Flag {
                arg = arg.num_args(0..=1).default_missing_value("true").require_equals(true);
            }
            if matches!(field.kind, Kind::Integer(..) | Kind::Number(..)) {
                arg = arg.allow_negative_numbers(true);
            }
            command = command.arg(arg);
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "BOOL",
        Kind::Integer(..) => "N",
        Kind::Number(..) => "F",
        Kind::Text => "TEXT",
        Kind::Path => "PATH",
        Kind::Choice(_) => "WORD",
        Kind::List => "LIST",
    }
}

impl FromArgMatches for PlanArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found = Self::default();
        found.update_from_arg_matches(matches)?;
        Ok(found)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let mut overrides = Overrides::default();
        let refused = |error: eyewright_app::training::PlanError| {
            clap::Error::raw(clap::error::ErrorKind::InvalidValue, format!("{error}\n"))
        };
        if let Some(rate) = text("lr") {
            overrides.set("lr", &rate).map_err(refused)?;
        }
        for field in flags() {
            if let Some(value) = text(field.flag) {
                overrides.set_flag(field.flag, Some(&value)).map_err(refused)?;
            }
        }
        // `--set` comes last: it is the more deliberate of the two.
        for pair in matches.get_many::<String>("set").into_iter().flatten() {
            overrides.set_pair(pair).map_err(refused)?;
        }
        self.request = PlanRequest {
            preset: text("preset"),
            recipe: text("recipe"),
            config: matches.get_one::<PathBuf>("config").cloned(),
            overrides,
            ..PlanRequest::default()
        };
        Ok(())
    }
}
