//! A loaded model answers questions until something else needs its memory.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use eyewright_data::{
    conversation::Turn,
    image::{DecodeLimits, Picture, open},
};
use eyewright_infer::{Answer, ChatModel, ChatSession, FinishReason, GenerationConfig};
use eyewright_model::stack::StackPaths;
use eyewright_protocol::{AnswerStats, ErrorBody, ErrorCode, Finish, LoadedModel, ModelPaths};

use super::{Order, Voice};
use crate::rooms::sampling_config;
use crate::studio::{Reply, body};
use crate::worker::messages::{AnswerTask, ModelTask, Task, TaskEvent, WireTurn};
use crate::{AppError, Dtype, ModelRequest, OpenModel, open_model};

/// Files of a model as the loader wants them.
pub(crate) fn stack_paths(paths: &ModelPaths) -> StackPaths {
    StackPaths {
        model: PathBuf::from(&paths.model),
        visual_encoder: paths.visual_encoder.as_ref().map(PathBuf::from),
        llava: paths.llava.as_ref().map(PathBuf::from),
        visual_select_layer: None,
    }
}

pub(super) fn request(task: &ModelTask) -> Reply<ModelRequest> {
    let bad = |error: String| ErrorBody::new(ErrorCode::BadRequest, error);
    let dtype = match task.dtype {
        eyewright_protocol::DtypeWord::Auto => Dtype::Auto,
        eyewright_protocol::DtypeWord::F32 => Dtype::F32,
        eyewright_protocol::DtypeWord::F16 => Dtype::F16,
        eyewright_protocol::DtypeWord::Bf16 => Dtype::Bf16,
    };
    Ok(ModelRequest {
        paths: stack_paths(&task.paths),
        device: task.device.parse().map_err(|error: eyewright_ops::DeviceError| bad(error.to_string()))?,
        dtype,
        ..ModelRequest::default()
    })
}

/// Loads the model of `order` and serves it, and orders for the same model that follow. Gives back the first order
/// that wants something else.
pub(super) fn serve(order: Order, todo: &mpsc::Receiver<Order>, voice: &Voice) -> Option<Order> {
    let wanted = match &order.task {
        Task::Load(model) => model.clone(),
        Task::Answer(answer) => answer.model.clone(),
        _ => return None,
    };
    let id = order.id;
    let mut load = |done, total| {
        voice.tell(id, TaskEvent::Progress { done, total, unit: "bytes".to_owned() });
    };
    let opened = request(&wanted)
        .and_then(|request| open_model(&request, &mut paced(&mut load)).map_err(|error| body(&error)));
    let open = match opened {
        Ok(open) => open,
        Err(error) => {
            voice.tell(id, TaskEvent::Failed(error));
            return None;
        }
    };
    let mut talk = Talk::new(&open);
    let mut next = Some(order);
    while let Some(order) = next.take().or_else(|| todo.recv().ok()) {
        match &order.task {
            Task::Load(model) if *model == wanted => {
                voice.tell(order.id, TaskEvent::Loaded(card(&wanted, &open)));
                voice.tell(order.id, TaskEvent::Done);
            }
            Task::Answer(answer) if answer.model == wanted => {
                voice.tell(order.id, TaskEvent::Loaded(card(&wanted, &open)));
                let event = match talk.answer(answer, &order, voice) {
                    Ok(answer) => finished(&answer),
                    Err(error) => TaskEvent::Failed(error),
                };
                voice.tell(order.id, event);
            }
            _ => return Some(order),
        }
    }
    None
}

/// Told at most once a percent: a model has thousands of tensors.
fn paced(tell: &mut dyn FnMut(u64, u64)) -> impl FnMut(u64, u64) {
    let mut last = u64::MAX;
    move |done, total| {
        let percent = done.saturating_mul(100) / total.max(1);
        if percent != last {
            last = percent;
            tell(done, total);
        }
    }
}

fn card(task: &ModelTask, open: &OpenModel) -> LoadedModel {
    LoadedModel {
        choice: task.choice.clone(),
        name: task.name.clone(),
        device: open.device.choice.to_string(),
        device_name: open.device.name.clone(),
        device_reason: open.device.reason.clone(),
        template: open.model.template.name().to_owned(),
        template_reason: open.template_reason.clone(),
        eyes: open.model.llava.eye.is_some(),
        context: open.model.llava.decoder.config().max_position as u64,
    }
}

fn finished(answer: &Answer) -> TaskEvent {
    let finish = match answer.finish {
        FinishReason::Stop => Finish::Stop,
        FinishReason::Length => Finish::Length,
        FinishReason::Context => Finish::Context,
        FinishReason::Cancelled => Finish::Cancelled,
    };
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let stats = AnswerStats {
        prompt_tokens: count(answer.prompt_tokens),
        cached_tokens: count(answer.cached_tokens),
        tokens: count(answer.ids.len()),
        first_token_ms: ms(answer.timings.encode + answer.timings.first_token),
        decode_ms: ms(answer.timings.decode),
        tokens_per_second: answer.tokens_per_second(),
    };
    TaskEvent::Answered { finish, stats }
}

/// The conversation that the model remembers.
struct Talk<'m> {
    model: &'m ChatModel,
    session: ChatSession<'m>,
    conversation: String,
    /// Hashes of the pictures it has encoded, in order.
    seen: Vec<String>,
}

impl<'m> Talk<'m> {
    fn new(open: &'m OpenModel) -> Self {
        Self {
            model: &open.model,
            session: ChatSession::new(&open.model),
            conversation: String::new(),
            seen: Vec::new(),
        }
    }

    fn answer(&mut self, task: &AnswerTask, order: &Order, voice: &Voice) -> Reply<Answer> {
        let Some((question, before)) = task.turns.split_last() else {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "there is no question"));
        };
        if self.conversation != task.conversation {
            self.session = ChatSession::new(self.model);
            self.seen.clear();
            self.conversation.clone_from(&task.conversation);
        }
        let system = Some(task.system.clone()).filter(|text| !text.is_empty());
        self.session.set_system(system);
        let hashes = |turns: &[WireTurn]| -> Vec<(String, PathBuf)> {
            turns.iter().flat_map(|turn| turn.pictures.iter().cloned()).collect()
        };
        let old = hashes(before);
        let kept = old.iter().zip(&self.seen).take_while(|(old, seen)| old.0 == **seen).count();
        let new = old[kept..].iter().map(|(_, file)| picture(file)).collect::<Reply<Vec<_>>>()?;
        let turns = before.iter().map(turn).collect();
        voice.tell(order.id, TaskEvent::Reading);
        let asked = hashes(std::slice::from_ref(question));
        let pictures = asked.iter().map(|(_, file)| picture(file)).collect::<Reply<Vec<_>>>()?;
        let chat = |error: eyewright_infer::ChatError| body(&AppError::from(error));
        // What is remembered counts only once the session has it.
        self.seen.clear();
        self.session.recall(turns, &new, kept).map_err(chat)?;
        self.seen = old.into_iter().map(|(hash, _)| hash).collect();
        let config = GenerationConfig {
            sampling: sampling_config(&task.sampling, task.seed),
            max_new_tokens: task.sampling.max_new_tokens as usize,
            stop: task.sampling.stop.clone(),
            ignore_end: false,
        };
        let mut tell = |text: &str| {
            if !text.is_empty() {
                voice.tell(order.id, TaskEvent::Text(text.to_owned()));
            }
        };
        let answer =
            self.session.ask(&question.text, &pictures, &config, &order.cancel, &mut tell).map_err(chat)?;
        self.seen.extend(asked.into_iter().map(|(hash, _)| hash));
        Ok(answer)
    }
}

fn turn(wire: &WireTurn) -> Turn {
    if wire.user {
        Turn::user_with_images(wire.pictures.len(), &wire.text)
    } else {
        Turn::assistant(&wire.text)
    }
}

fn picture(file: &Path) -> Reply<Picture> {
    open(file, &DecodeLimits::default()).map_err(|error| body(&AppError::from(error)))
}
