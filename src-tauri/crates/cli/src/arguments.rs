//! What can be typed after `eyewright`?

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use eyewright_app::{StackPaths, export::Alphas};

use crate::{bench::BenchCommand, chat::ChatArguments};

/// Give a language model eyes: chat about pictures.
#[derive(Debug, Parser)]
#[command(name = "eyewright", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the interface for a browser, or an API for other programs.
    Serve(crate::serve::ServeArguments),
    /// The process that computes; started by the others.
    #[command(hide = true)]
    Worker,
    /// Ask a model about pictures.
    Chat(Box<ChatArguments>),
    /// Make data sets, and score models on them.
    Dataset {
        #[command(subcommand)]
        command: crate::dataset::DatasetCommand,
    },
    /// Fetch models and look at their folders.
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Train: a projector from captions, or a model that follows instructions about pictures.
    Train(Box<crate::train::TrainArguments>),
    /// Ask two models the same questions about the same pictures.
    Compare(Box<crate::compare::CompareArguments>),
    /// Measure how fast it is here.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Show everything a run would do, with the memory it would take.
    Plan(Box<crate::plan::ShowPlanArguments>),
    /// List, show or copy recipes and presets.
    Recipes {
        #[command(subcommand)]
        command: crate::recipes::RecipesCommand,
    },
    /// Write a run's model in another form and prove that it is the same model.
    Export(Box<crate::export::ExportArguments>),
    /// Write any model in another form: llava-hf, XTuner, .pth, LLaVA, GGUF.
    Convert(Box<crate::export::ConvertArguments>),
    /// List the devices of this machine and what is missing.
    Doctor,
    /// Print completions for a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Say what a model is, how large, and whether its parts fit together.
    Inspect(InspectArguments),
    /// Write a part that a run trained in full to a Hugging Face folder of its own.
    Write(crate::models::WriteArguments),
    /// Fetch a model from the Hugging Face hub, or a mirror of it, into the library.
    Download(crate::download::DownloadArguments),
    /// Make a model with random numbers, to be trained from nothing.
    New(crate::fresh::NewArguments),
}

/// Where a model's parts are.
#[derive(Debug, Args)]
pub(crate) struct PathArguments {
    /// Folder of a language model, or of a complete llava-hf model.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Folder of a CLIP vision tower.
    #[arg(long, value_name = "DIR")]
    visual_encoder: Option<PathBuf>,
    /// Folder with projector/, llm_adapter/, visual_encoder_adapter/ as XTuner exports it, or a .pth file.
    #[arg(long, value_name = "PATH")]
    llava: Option<PathBuf>,
    /// Hidden state of the tower that is read [default: the model's, -2].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    visual_select_layer: Option<i64>,
}

impl PathArguments {
    pub(crate) fn paths(&self) -> StackPaths {
        StackPaths {
            model: self.model.clone(),
            visual_encoder: self.visual_encoder.clone(),
            llava: self.llava.clone(),
            visual_select_layer: self.visual_select_layer,
        }
    }
}

/// How strong the adapters of a `.pth` are. Other files say it themselves.
#[derive(Debug, Args)]
pub(crate) struct AlphaArguments {
    /// A .pth does not say the strength of its adapters: the language model's [default: 256 with rank 512, as in
    /// XTuner's configurations].
    #[arg(long, value_name = "F")]
    llm_alpha: Option<f64>,
    /// The tower's [default: 16 with rank 64].
    #[arg(long, value_name = "F")]
    tower_alpha: Option<f64>,
}

impl AlphaArguments {
    pub(crate) fn alphas(&self) -> Alphas {
        Alphas { llm: self.llm_alpha, tower: self.tower_alpha }
    }
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    pub(crate) paths: PathArguments,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
