//! What can be typed after `eyewright`?

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use eyewright_app::{
    DeviceChoice, Dtype, GenerationConfig, ModelRequest, SamplingConfig, SquareMode, StackPaths,
};

/// Give a language model eyes: chat about pictures.
#[derive(Debug, Parser)]
#[command(name = "eyewright", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a model about pictures.
    Chat(Box<ChatArguments>),
    /// Look at model folders.
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
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

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    pub(crate) paths: PathArguments,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatArguments {
    #[command(flatten)]
    paths: PathArguments,
    /// Chat template [default: guessed from the model].
    #[arg(long, value_name = "NAME")]
    prompt_template: Option<String>,
    /// A picture for the first question; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    /// Ask this, print the answer and leave.
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Instructions in front of the conversation.
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Longest answer in tokens.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    max_new_tokens: usize,
    /// 0 always takes the best token.
    #[arg(long, value_name = "F", default_value_t = 0.1)]
    temperature: f32,
    /// Draw among this many best tokens; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 40)]
    top_k: usize,
    /// Draw among the best tokens that together have this probability.
    #[arg(long, value_name = "F", default_value_t = 0.75)]
    top_p: f32,
    /// Drop tokens below this share of the best one's probability.
    #[arg(long, value_name = "F", default_value_t = 0.0)]
    min_p: f32,
    /// Above 1 avoids tokens that were seen before.
    #[arg(long, value_name = "F", default_value_t = 1.0)]
    repetition_penalty: f32,
    /// Start of the random sequence.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A text that ends the answer; may be given several times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// auto, cpu, cuda, cuda:N, vulkan, metal or wgpu.
    #[arg(long, value_name = "D", default_value = "auto", value_parser = |s: &str| s.parse::<DeviceChoice>())]
    device: DeviceChoice,
    /// auto, f32, f16 or bf16.
    #[arg(long, value_name = "T", default_value = "auto", value_parser = |s: &str| s.parse::<Dtype>())]
    dtype: Dtype,
    /// Make pictures square by padding or by cutting [default: as the model was made for].
    #[arg(long, value_name = "HOW", value_parser = ["pad", "crop"])]
    square: Option<String>,
    /// Leave out BOS from the second question on, as `xtuner chat` does.
    #[arg(long)]
    xtuner_compatible: bool,
    /// Print one JSON object instead of text; needs --prompt.
    #[arg(long, requires = "prompt")]
    pub(crate) json: bool,
    /// Write the prompt's token ids and scores to a safetensors file; needs --prompt.
    #[arg(long, value_name = "FILE", requires = "prompt")]
    pub(crate) logits: Option<PathBuf>,
}

impl ChatArguments {
    pub(crate) fn model(&self) -> ModelRequest {
        ModelRequest {
            paths: self.paths.paths(),
            device: self.device,
            dtype: self.dtype,
            template: self.prompt_template.clone(),
            square: self.square.as_deref().map(|how| match how {
                "crop" => SquareMode::CentreCrop,
                _ => SquareMode::Pad,
            }),
            xtuner_compatible: self.xtuner_compatible,
        }
    }

    pub(crate) fn generation(&self) -> GenerationConfig {
        GenerationConfig {
            sampling: SamplingConfig {
                temperature: self.temperature,
                top_k: self.top_k,
                top_p: self.top_p,
                min_p: self.min_p,
                repetition_penalty: self.repetition_penalty,
                seed: self.seed,
            },
            max_new_tokens: self.max_new_tokens,
            stop: self.stop.clone(),
            ignore_end: false,
        }
    }
}
