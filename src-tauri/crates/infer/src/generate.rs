//! One answer: read the prompt, then write token after token until something ends it.
//!
//! Knows scores, ids and text; where the prompt's embeddings came from is the session's business.

use std::time::{Duration, Instant};

use burn::tensor::{DType, Tensor};
use eyewright_data::{
    conversation::ConversationError,
    tokenizer::{StreamDecoder, Tokenizer},
};
use eyewright_model::{
    llava::SpliceError,
    llm::{Decoder, KvCache},
};
use serde::Serialize;

use crate::{
    CancelToken, SamplingConfig,
    stop::{StopWatch, Watched},
};

/// What bounds an answer, besides the model's own end.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationConfig {
    /// How tokens are chosen.
    pub sampling: SamplingConfig,
    /// At most this many tokens.
    pub max_new_tokens: usize,
    /// Texts that end the answer and are not part of it, besides the template's.
    pub stop: Vec<String>,
    /// Go on at the model's end tokens, for measurements.
    pub ignore_end: bool,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            sampling: SamplingConfig::default(),
            max_new_tokens: 2048,
            stop: Vec::new(),
            ignore_end: false,
        }
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended it, or a stop text came.
    Stop,
    /// `max_new_tokens` were written.
    Length,
    /// The model's context is full.
    Context,
    /// It was cancelled.
    Cancelled,
}

/// A question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// A setting out of range.
    #[error("{setting} must be {expected}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// The prompt leaves no room for an answer.
    #[error(
        "the conversation takes {needed} tokens, the model reads at most {limit}; \
         start a new conversation, or send fewer pictures"
    )]
    ContextFull {
        /// Tokens of the prompt.
        needed: usize,
        /// Tokens the model was made for.
        limit: usize,
    },
    /// A picture for a model that only reads.
    #[error(
        "this model has no eyes: it is a language model alone. \
         Add a vision tower and a projector (`--visual-encoder`, `--llava`)"
    )]
    NoEye,
    /// The conversation's form.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// Ids or pictures that do not fit the model.
    #[error(transparent)]
    Splice(#[from] SpliceError),
    /// The device gave no numbers, or none that mean anything.
    #[error("the device failed while computing: {reason}")]
    Device {
        /// What was found.
        reason: String,
    },
}

/// What one run of [`generate`] made.
pub(crate) struct Generated {
    pub(crate) ids: Vec<u32>,
    pub(crate) text: String,
    pub(crate) finish: FinishReason,
    pub(crate) first_token: Duration,
    pub(crate) decode: Duration,
}

/// What ends an answer.
pub(crate) struct Ends {
    pub(crate) ids: Vec<u32>,
    pub(crate) watch: StopWatch,
}

/// Adds `prompt` to `cache` and writes an answer after it.
///
/// # Shapes
/// - prompt: `[1, seq, hidden]`, the part of the conversation that is not in the cache yet
pub(crate) fn generate(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    cache: &mut KvCache,
    prompt: Tensor<3>,
    request: Request<'_>,
) -> Result<Generated, ChatError> {
    let Request { config, seen, mut ends, cancel, on_text } = request;
    let limit = decoder.config().context();
    let start = Instant::now();
    let mut sampler = config.sampling.init();
    let mut stream: StreamDecoder<'_> = tokenizer.stream(true);
    let mut seen = seen;
    let mut made = Generated {
        ids: Vec::new(),
        text: String::new(),
        finish: FinishReason::Length,
        first_token: Duration::ZERO,
        decode: Duration::ZERO,
    };
    let mut show = |text: String, made: &mut Generated| {
        if !text.is_empty() {
            on_text(&text);
            made.text.push_str(&text);
        }
    };
    let mut input = prompt;
    let mut stopped = false;
    while made.ids.len() < config.max_new_tokens {
        if cancel.is_cancelled() {
            made.finish = FinishReason::Cancelled;
            break;
        }
        if cache.len() + input.dims()[1] > limit {
            made.finish = FinishReason::Context;
            break;
        }
        let token = sampler.draw(next_scores(decoder, input, cache)?, &seen);
        if made.ids.is_empty() {
            made.first_token = start.elapsed();
        }
        made.ids.push(token);
        seen.push(token);
        if ends.ids.contains(&token) && !config.ignore_end {
            made.finish = FinishReason::Stop;
            break;
        }
        match ends.watch.push(&stream.push(token)) {
            Watched::Going(text) => show(text, &mut made),
            Watched::Stopped(text) => {
                show(text, &mut made);
                made.finish = FinishReason::Stop;
                stopped = true;
                break;
            }
        }
        input = decoder.embed(&[token]).unsqueeze::<3>();
    }
    if !stopped {
        let mut rest = match ends.watch.push(&stream.flush()) {
            Watched::Going(text) | Watched::Stopped(text) => text,
        };
        rest.push_str(&ends.watch.finish());
        show(rest, &mut made);
    }
    made.decode = start.elapsed().saturating_sub(made.first_token);
    Ok(made)
}

/// How [`generate`] is to go about it.
pub(crate) struct Request<'a> {
    pub(crate) config: &'a GenerationConfig,
    /// The prompt's token ids, for the repetition penalty.
    pub(crate) seen: Vec<u32>,
    pub(crate) ends: Ends,
    pub(crate) cancel: &'a CancelToken,
    pub(crate) on_text: &'a mut dyn FnMut(&str),
}

/// Scores of the token after `input`, as f32 on the host.
fn next_scores(decoder: &Decoder, input: Tensor<3>, cache: &mut KvCache) -> Result<Vec<f32>, ChatError> {
    let hidden = decoder.extend(input, cache);
    let last = hidden.dims()[1] - 1;
    let scores = to_host(decoder.logits(hidden.narrow(1, last, 1)))?;
    if scores.iter().any(|score| score.is_nan()) {
        return Err(ChatError::Device {
            reason:
                "the model's scores are not numbers; the weights are damaged, or f16 is too narrow for them \
                     (try `--dtype f32` or `bf16`)"
                    .into(),
        });
    }
    Ok(scores)
}

/// Values of a tensor as f32 in row-major order.
pub(crate) fn to_host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ChatError> {
    let device = |reason: String| ChatError::Device { reason };
    let data = tensor.try_into_data_dtype(DType::F32).map_err(|e| device(format!("{e:?}")))?;
    data.try_to_vec::<f32>().map_err(|e| device(format!("{e:?}")))
}
