//! How fast does a model answer here: loading, seeing, reading the prompt, writing?
//!
//! Measures what a user waits for, through the same session the chat uses. Answers are greedy and go on at the
//! model's end tokens, so that every run does the same work.

use std::time::Instant;

use eyewright_data::image::Picture;
use eyewright_infer::{CancelToken, ChatSession, GenerationConfig, SamplingConfig};
use serde::Serialize;

use crate::{AppError, MemoryUse, ModelRequest, open_model};

/// What is measured.
#[derive(Clone, Debug)]
pub struct ChatBench {
    /// The model.
    pub model: ModelRequest,
    /// Shown with the question.
    pub pictures: Vec<Picture>,
    /// The question.
    pub question: String,
    /// Tokens written per run.
    pub new_tokens: usize,
    /// Questions asked before anything is measured: kernels are compiled and tuned then.
    pub warm_up: usize,
    /// Questions measured.
    pub runs: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct ChatBenchReport {
    /// The device's name in `--device`.
    pub device: String,
    /// Its own name.
    pub device_name: String,
    /// Dtype of weights and activations.
    pub dtype: String,
    /// From the command to a model that can answer.
    pub load_ms: f64,
    /// Bytes read from the checkpoints.
    pub load_bytes: u64,
    /// Memory once the model is loaded, before the first question.
    pub memory_after_load: MemoryUse,
    /// The first question of all, kernels compiled on the way.
    pub first_question_ms: f64,
    /// Questions before the measured ones.
    pub warm_up: usize,
    /// Questions measured.
    pub runs: usize,
    /// Pictures per question.
    pub pictures: usize,
    /// Tokens of the prompt, pictures included.
    pub prompt_tokens: usize,
    /// Tokens written per question.
    pub new_tokens: usize,
    /// Preparing and encoding the pictures.
    pub encode_ms: Spread,
    /// From the encoded pictures to the first token: reading the prompt.
    pub prefill_ms: Spread,
    /// What a user waits for: both together.
    pub first_token_ms: Spread,
    /// Prompt tokens read per second.
    pub prefill_tokens_per_second: Spread,
    /// Tokens written per second after the first.
    pub decode_tokens_per_second: Spread,
    /// Memory after the last question.
    pub memory: MemoryUse,
}

/// One figure over all measured runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (last, middle) = (values.len().saturating_sub(1), values.len() / 2);
        let median =
            if values.len().is_multiple_of(2) { f64::midpoint(at(last / 2), at(middle)) } else { at(middle) };
        Self { median, min: at(0), max: at(last) }
    }
}

/// Loads the model and asks the question again and again, each time in a new conversation. `progress` is told
/// bytes read and bytes in all.
///
/// # Errors
/// If the model cannot be opened, or a question not answered.
pub fn bench_chat(
    bench: &ChatBench,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ChatBenchReport, AppError> {
    let start = Instant::now();
    let mut load_bytes = 0;
    let open = open_model(&bench.model, &mut |done, total| {
        load_bytes = done;
        progress(done, total);
    })?;
    let _ = open.device.device.sync(); // a device that failed says so at the first question
    let load_ms = ms(start);
    let memory_after_load = MemoryUse::now(&open.device);
    let config = GenerationConfig {
        sampling: SamplingConfig::greedy(),
        max_new_tokens: bench.new_tokens,
        stop: Vec::new(),
        ignore_end: true,
    };
    let mut session = ChatSession::new(&open.model);
    let mut ask = || {
        session.reset();
        session.ask(&bench.question, &bench.pictures, &config, &CancelToken::default(), &mut |_| {})
    };
    let start = Instant::now();
    for _ in 0..bench.warm_up.min(1) {
        ask()?;
    }
    let first_question_ms = ms(start);
    for _ in 1..bench.warm_up {
        ask()?;
    }
    let answers = (0..bench.runs.max(1)).map(|_| ask()).collect::<Result<Vec<_>, _>>()?;
    let spread =
        |figure: &dyn Fn(&eyewright_infer::Answer) -> f64| Spread::of(answers.iter().map(figure).collect());
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    let prompt_tokens = answers.first().map_or(0, |answer| answer.prompt_tokens);
    Ok(ChatBenchReport {
        device: open.device.choice.to_string(),
        device_name: open.device.name.clone(),
        dtype: format!("{:?}", open.model.dtype).to_lowercase(),
        load_ms,
        load_bytes,
        memory_after_load,
        first_question_ms,
        warm_up: bench.warm_up,
        runs: answers.len(),
        pictures: bench.pictures.len(),
        prompt_tokens,
        new_tokens: answers.first().map_or(0, |answer| answer.ids.len()),
        encode_ms: spread(&|answer| seconds(answer.timings.encode) * 1e3),
        prefill_ms: spread(&|answer| seconds(answer.timings.first_token) * 1e3),
        first_token_ms: spread(&|answer| seconds(answer.timings.encode + answer.timings.first_token) * 1e3),
        prefill_tokens_per_second: spread(&|answer| {
            prompt_tokens as f64 / seconds(answer.timings.first_token).max(1e-9)
        }),
        decode_tokens_per_second: spread(&|answer| answer.tokens_per_second()),
        memory: MemoryUse::now(&open.device),
    })
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_the_mean_of_two() {
        let rows: [(&[f64], f64, f64, f64); 3] = [
            (&[3.0], 3.0, 3.0, 3.0),
            (&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0),
            (&[4.0, 1.0, 2.0, 9.0], 3.0, 1.0, 9.0),
        ];
        for (values, median, min, max) in rows {
            assert_eq!(Spread::of(values.to_vec()), Spread { median, min, max });
        }
    }
}
