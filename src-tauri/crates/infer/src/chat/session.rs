//! A conversation: questions, answers, pictures, and what the model still remembers of them.
//!
//! Every picture is encoded once. Keys and values of the conversation so far are kept; a new question is read
//! from where the new prompt first differs from the old one.

use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use eyewright_data::{
    conversation::{Role, Turn, render_prompt},
    image::Picture,
};
use eyewright_model::{
    llava::{Segment, splice},
    llm::KvCache,
};

use super::{ChatModel, model::segments};
use crate::{
    CancelToken, FinishReason, GenerationConfig,
    generate::{ChatError, Request, generate},
};

/// A finished answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was written.
    pub text: String,
    /// Its tokens, the ending one included.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub finish: FinishReason,
    /// Tokens of the whole prompt, pictures included.
    pub prompt_tokens: usize,
    /// Tokens of the prompt that had been read before.
    pub cached_tokens: usize,
    /// How long each part took.
    pub timings: Timings,
}

/// Wall-clock times of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// Encoding the new pictures.
    pub encode: Duration,
    /// From the encoded prompt to the first token.
    pub first_token: Duration,
    /// The tokens after the first.
    pub decode: Duration,
}

impl Answer {
    /// Tokens written per second after the first; 0 for a single token.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds = self.timings.decode.as_secs_f64();
        if seconds > 0.0 { self.ids.len().saturating_sub(1) as f64 / seconds } else { 0.0 }
    }
}

/// One conversation with a model.
#[derive(Debug)]
pub struct ChatSession<'m> {
    model: &'m ChatModel,
    system: Option<String>,
    turns: Vec<Turn>,
    /// `[pictures, tokens, hidden]` of all pictures so far.
    features: Option<Tensor<3>>,
    cache: KvCache,
    /// What the cache holds.
    read: Vec<Segment>,
}

impl<'m> ChatSession<'m> {
    /// An empty conversation.
    pub fn new(model: &'m ChatModel) -> Self {
        let cache = KvCache::new(model.llava.decoder.config().layers);
        Self { model, system: None, turns: Vec::new(), features: None, cache, read: Vec::new() }
    }

    /// Instructions in front of the first question; they apply to the whole conversation.
    pub fn set_system(&mut self, system: Option<String>) {
        self.system = system.filter(|text| !text.is_empty());
    }

    /// Forgets questions, answers and pictures; the system text stays.
    pub fn reset(&mut self) {
        let system = self.system.take();
        *self = Self::new(self.model);
        self.system = system;
    }

    /// Questions and answers so far.
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Makes this the conversation: what was said so far, and the pictures it has beyond the first `kept` of those
    /// already encoded here, oldest first. What was read of an equal beginning is not read again.
    ///
    /// # Errors
    /// If a picture comes to a model without eyes, or the device fails; the conversation is then as before.
    pub fn recall(&mut self, turns: Vec<Turn>, pictures: &[Picture], kept: usize) -> Result<(), ChatError> {
        let new = self.model.encode(pictures)?;
        let known = self.features.as_ref().map_or(0, |features| features.dims()[0]);
        let old =
            self.features.take().filter(|_| kept > 0).map(|features| features.narrow(0, 0, kept.min(known)));
        if kept < known {
            self.forget(); // its places of pictures may stand for other ones now
        }
        self.features = joined(old, new);
        self.turns = turns;
        Ok(())
    }

    /// Asks `question` about `pictures` and all earlier ones; `on_text` is given the answer as it is written.
    ///
    /// After an error the conversation is as before the question.
    ///
    /// # Errors
    /// If a setting is out of range, the context is full, or the device fails.
    pub fn ask(
        &mut self,
        question: &str,
        pictures: &[Picture],
        config: &GenerationConfig,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, ChatError> {
        if let Some((setting, expected)) = config.sampling.fault() {
            return Err(ChatError::Setting { setting, expected });
        }
        let start = Instant::now();
        let features = self.with_new(pictures)?;
        if !pictures.is_empty() {
            self.model.finish()?; // what the pictures cost is not to be counted as reading the prompt
        }
        let encode = start.elapsed();
        self.turns.push(Turn::user_with_images(pictures.len(), question));
        match self.answer(features.as_ref(), config, cancel, on_text) {
            Ok(mut answer) => {
                answer.timings.encode = encode;
                self.features = features;
                self.turns.push(Turn::assistant(answer.text.clone()));
                Ok(answer)
            }
            Err(error) => {
                self.turns.pop();
                self.forget();
                Err(error)
            }
        }
    }

    fn with_new(&self, pictures: &[Picture]) -> Result<Option<Tensor<3>>, ChatError> {
        Ok(joined(self.features.clone(), self.model.encode(pictures)?))
    }

    fn answer(
        &mut self,
        features: Option<&Tensor<3>>,
        config: &GenerationConfig,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, ChatError> {
        debug_assert_eq!(self.turns.last().map(|turn| turn.role), Some(Role::User));
        let model = self.model;
        let decoder = &model.llava.decoder;
        let prompt =
            render_prompt(&model.template, &model.tokenizer, self.system.as_deref(), &self.turns, model.bos)?;
        let prompt = segments(&prompt);
        let (needed, limit) = (self.tokens(&prompt), decoder.config().context());
        if needed >= limit {
            return Err(ChatError::ContextFull { needed, limit });
        }
        let (known, rest) = self.split_known(&prompt);
        self.cache.truncate(known);
        let embedded = splice(decoder, &[rest], features)?.embeddings;
        let request = Request {
            config,
            seen: prompt.iter().flat_map(text_ids).copied().collect(),
            ends: model.ends(&config.stop),
            cancel,
            on_text,
        };
        let made = generate(decoder, &model.tokenizer, &mut self.cache, embedded, request)?;
        self.remember(prompt, &made.ids);
        Ok(Answer {
            text: made.text,
            ids: made.ids,
            finish: made.finish,
            prompt_tokens: needed,
            cached_tokens: known,
            timings: Timings { encode: Duration::ZERO, first_token: made.first_token, decode: made.decode },
        })
    }

    fn tokens(&self, segments: &[Segment]) -> usize {
        segments.iter().map(|segment| self.length(segment)).sum()
    }

    fn length(&self, segment: &Segment) -> usize {
        match segment {
            Segment::Text(ids) => ids.len(),
            Segment::Image(_) => self.model.picture_tokens(),
        }
    }

    /// Tokens at the start of `prompt` that the cache holds, and what remains to be read: at least one token,
    /// since the scores after the last one are needed.
    fn split_known(&self, prompt: &[Segment]) -> (usize, Vec<Segment>) {
        let mut known = 0;
        let mut rest = Vec::new();
        let mut same = true;
        for (index, segment) in prompt.iter().enumerate() {
            let is_last = index + 1 == prompt.len();
            let old = if same { self.read.get(index) } else { None };
            match (segment, old) {
                (Segment::Image(_), Some(old)) if segment == old && !is_last => known += self.length(segment),
                (Segment::Text(new), Some(Segment::Text(old))) => {
                    let mut common = new.iter().zip(old).take_while(|(a, b)| a == b).count();
                    if is_last {
                        common = common.min(new.len().saturating_sub(1));
                    }
                    known += common;
                    same = common == new.len() && common == old.len();
                    if common < new.len() {
                        rest.push(Segment::Text(new[common..].to_vec()));
                    }
                }
                _ => {
                    same = false;
                    rest.push(segment.clone());
                }
            }
        }
        (known, rest)
    }

    /// The cache now holds the prompt and all tokens written but the last, which was never read.
    fn remember(&mut self, mut prompt: Vec<Segment>, written: &[u32]) {
        let read = &written[..written.len().saturating_sub(1)];
        match prompt.last_mut() {
            Some(Segment::Text(ids)) => ids.extend(read),
            _ => prompt.push(Segment::Text(read.to_vec())),
        }
        self.read = prompt;
        if self.tokens(&self.read) != self.cache.len() {
            self.forget(); // cancelled or cut short before the last token was read
        }
    }

    fn forget(&mut self) {
        self.cache = KvCache::new(self.model.llava.decoder.config().layers);
        self.read.clear();
    }
}

/// Earlier pictures, then new ones: `[pictures, tokens, hidden]`.
fn joined(old: Option<Tensor<3>>, new: Option<Tensor<3>>) -> Option<Tensor<3>> {
    match (old, new) {
        (Some(old), Some(new)) => Some(Tensor::cat(vec![old, new], 0)),
        (old, new) => old.or(new),
    }
}

fn text_ids(segment: &Segment) -> &[u32] {
    match segment {
        Segment::Text(ids) => ids,
        Segment::Image(_) => &[],
    }
}
