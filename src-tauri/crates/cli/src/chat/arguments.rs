//! What can be typed after `eyewright chat`, and what a command that opens a model shares with it.

use std::path::PathBuf;

use clap::Args;
use eyewright_app::{
    ChatTemplate, DeviceChoice, Dtype, GenerationConfig, ModelRequest, SamplingConfig, SquareMode,
};

use crate::arguments::{AlphaArguments, PathArguments};

/// A model, and how it is opened.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    #[command(flatten)]
    paths: PathArguments,
    #[command(flatten)]
    alphas: AlphaArguments,
    /// Chat template [default: guessed from the model].
    #[arg(long, value_name = "NAME")]
    prompt_template: Option<String>,
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
}

impl ModelArguments {
    pub(crate) fn request(&self) -> ModelRequest {
        ModelRequest {
            paths: self.paths.paths(),
            alphas: self.alphas.alphas(),
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

    /// What is wrong without looking at the model.
    fn check(&self) -> anyhow::Result<()> {
        if let Some(name) = &self.prompt_template {
            ChatTemplate::named(name)?;
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct ChatArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
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
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = positive)]
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
    /// Print one JSON object instead of text; needs --prompt.
    #[arg(long, requires = "prompt")]
    pub(crate) json: bool,
    /// Write the prompt's token ids and scores to a safetensors file; needs --prompt.
    #[arg(long, value_name = "FILE", requires = "prompt")]
    pub(crate) logits: Option<PathBuf>,
    /// Neither read nor keep what was typed in earlier conversations.
    #[arg(long)]
    pub(crate) no_history: bool,
}

impl ChatArguments {
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

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if let Some((setting, expected)) = self.generation().sampling.fault() {
            anyhow::bail!("--{setting} must be {expected}");
        }
        if self.prompt.as_deref().is_some_and(|text| text.trim().is_empty()) {
            anyhow::bail!("--prompt is empty; give a question, or leave it out for a conversation");
        }
        self.model.check()
    }
}

pub(crate) fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "a whole number above 0 is needed".to_owned())
}
