//! What the API server may ask of the studio: which models there are, and an answer to a conversation.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};

use eyewright_infer::CancelToken;
use eyewright_protocol::{
    AnswerStats, ApiRequest, ApiServerStatus, ErrorBody, ErrorCode, Event, Finish, ModelChoice, ModelId,
    ModelKind, Nothing, SamplingSettings,
};

use crate::library::make_folder;
use crate::studio::{Inner, Reply, Studio, lock, now};
use crate::worker::{AnswerTask, Task, TaskEvent, WireTurn};

/// Requests that are remembered for the log.
const REMEMBERED: usize = 100;

/// The API server's state as the interface sees it.
#[derive(Default)]
pub(crate) struct ApiRoom(Mutex<State>);

#[derive(Default)]
struct State {
    running: Option<String>,
    always: bool,
    key: String,
    error: Option<ErrorBody>,
    requests: VecDeque<ApiRequest>,
}

impl ApiRoom {
    /// The key clients must send; made when it is first asked for.
    pub(crate) fn key(&self) -> String {
        let mut state = lock(&self.0);
        if state.key.is_empty() {
            state.key = new_key();
        }
        state.key.clone()
    }
}

fn new_key() -> String {
    format!("ew-{}", crate::secret())
}

/// A model as the API names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiModel {
    /// Its id.
    pub id: String,
    /// Whether it sees.
    pub eyes: bool,
}

/// A picture of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiImage(pub Vec<u8>);

/// One turn of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTurn {
    /// Whether the user speaks, or the model.
    pub user: bool,
    /// What is said.
    pub text: String,
    /// Pictures of the turn.
    pub images: Vec<ApiImage>,
}

/// A conversation to be continued.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiQuestion {
    /// The model's id; empty or `default` for the usual one.
    pub model: String,
    /// Instructions.
    pub system: String,
    /// What was said; the last turn is the user's.
    pub turns: Vec<ApiTurn>,
    /// How tokens are chosen.
    pub sampling: SamplingSettings,
}

/// The studio, as far as the API server may see it. Cloning gives another handle.
#[derive(Clone)]
pub struct ApiDoor(Arc<Inner>);

impl std::fmt::Debug for ApiDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiDoor")
    }
}

impl ApiDoor {
    pub(crate) fn new(studio: Arc<Inner>) -> Self {
        Self(studio)
    }

    /// The key clients must send.
    pub fn key(&self) -> String {
        self.0.api.key()
    }

    /// All models that can answer.
    ///
    /// # Errors
    /// If the library cannot be read.
    pub fn models(&self) -> Reply<Vec<ApiModel>> {
        let models = self.0.list_models(Nothing {})?.into_iter().filter(|model| model.fault.is_none());
        let speaks = models.filter(|model| matches!(model.kind, ModelKind::LanguageModel | ModelKind::Stack));
        Ok(speaks
            .map(|model| ApiModel { id: model.id.to_string(), eyes: model.kind == ModelKind::Stack })
            .collect())
    }

    /// Answers on the calling thread. `each` is given the text as it grows; it ends early when `cancel` is set.
    /// Gives the id of the model that answered too.
    ///
    /// # Errors
    /// If there is no such model, the device is taken by a run, or the answer fails.
    pub fn answer(
        &self,
        question: &ApiQuestion,
        cancel: &CancelToken,
        each: &mut dyn FnMut(&str),
    ) -> Reply<(String, Finish, AnswerStats)> {
        let here = &self.0;
        here.device_is_free()?;
        crate::library::check_sampling(&question.sampling)?;
        let choice = match question.model.as_str() {
            // What programs send that ask for no model in particular, our own examples among them.
            "" | "default" => here.usual_choice()?,
            id => {
                let model = ModelId::try_from(id.to_owned());
                let model = model.map_err(|error| ErrorBody::new(ErrorCode::NotFound, error))?;
                ModelChoice { model, checkpoint: None }
            }
        };
        let model = here.model_task(&choice)?;
        let has_pictures = question.turns.iter().any(|turn| !turn.images.is_empty());
        if has_pictures {
            let eyes = crate::open::eyes_of(&crate::worker::stack_paths(&model.paths));
            if matches!(eyes, Ok(None)) {
                return Err(ErrorBody::new(
                    ErrorCode::NoEyes,
                    format!("the model `{}` cannot look at pictures", choice.model),
                ));
            }
        }
        let staged = Staged::new(here, question)?;
        let task = AnswerTask {
            model,
            conversation: format!("api-{}", crate::secret()),
            system: question.system.clone(),
            turns: staged.turns.clone(),
            sampling: question.sampling.clone(),
            seed: now(),
        };
        let (sender, receiver) = mpsc::channel();
        let id = here.worker.submit(Task::Answer(task), move |event| {
            let _ = sender.send(event);
        })?;
        let mut asked = false;
        loop {
            if cancel.is_cancelled() && !asked {
                asked = true;
                here.worker.cancel(id);
            }
            match receiver.recv_timeout(std::time::Duration::from_millis(50)) {
                Ok(TaskEvent::Text(text)) => each(&text),
                Ok(TaskEvent::Loaded(loaded)) => here.machine.loaded(Some(loaded)),
                Ok(TaskEvent::Answered { finish, stats }) => {
                    return Ok((choice.model.to_string(), finish, stats));
                }
                Ok(TaskEvent::Failed(error)) => return Err(error),
                Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(ErrorBody::new(ErrorCode::WorkerStopped, "the computing process is gone"));
                }
            }
        }
    }

    /// Notes a request for the log in the settings.
    pub fn note(&self, what: &str, status: u16, ms: u64) {
        let request = ApiRequest { at: now(), what: what.chars().take(200).collect(), status, ms };
        let mut state = lock(&self.0.api.0);
        state.requests.push_back(request.clone());
        if state.requests.len() > REMEMBERED {
            state.requests.pop_front();
        }
        drop(state);
        self.0.events.tell(Event::ApiRequest { request });
    }

    /// The program is itself a server at this address: the switch in the settings has nothing to switch.
    pub fn always_at(&self, address: String) {
        self.0.host.stop_api();
        let mut state = lock(&self.0.api.0);
        (state.always, state.running, state.error) = (true, Some(address), None);
    }

    /// The server listens at this address, or not any more.
    pub fn listening(&self, address: Option<String>) {
        lock(&self.0.api.0).running = address;
        if let Ok(status) = self.0.api_server(Nothing {}) {
            self.0.events.tell(Event::ApiServer { status });
        }
    }
}

/// Pictures of a request on disk for the worker, gone with the request.
struct Staged {
    folder: PathBuf,
    turns: Vec<WireTurn>,
}

impl Staged {
    fn new(studio: &Inner, question: &ApiQuestion) -> Reply<Self> {
        let folder = studio.library()?.folder().join("inbox").join(format!("api-{}", crate::secret()));
        let mut staged = Self { folder, turns: Vec::new() };
        for turn in &question.turns {
            let mut pictures = Vec::new();
            for ApiImage(bytes) in &turn.images {
                let hash = blake3::hash(bytes).to_hex().to_string();
                let file = staged.folder.join(&hash);
                make_folder(&staged.folder)?;
                std::fs::write(&file, bytes)
                    .map_err(|error| crate::studio::io_fault("write", &file, &error))?;
                pictures.push((hash, file));
            }
            staged.turns.push(WireTurn { user: turn.user, text: turn.text.clone(), pictures });
        }
        Ok(staged)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Inner {
    pub(crate) fn api_server(&self, _: Nothing) -> Reply<ApiServerStatus> {
        let key = self.api.key();
        let port = self.settings.get().api_port;
        let state = lock(&self.api.0);
        Ok(ApiServerStatus {
            running: state.running.is_some(),
            always: state.always,
            address: state.running.clone().unwrap_or_else(|| format!("http://127.0.0.1:{port}/v1")),
            key,
            error: state.error.clone(),
            requests: state.requests.iter().cloned().collect(),
        })
    }

    pub(crate) fn new_api_key(&self, _: Nothing) -> Reply<ApiServerStatus> {
        lock(&self.api.0).key = new_key();
        let status = self.api_server(Nothing {})?;
        self.events.tell(Event::ApiServer { status: status.clone() });
        Ok(status)
    }

    /// Starts or stops the server as the settings say.
    pub(crate) fn follow_api_setting(&self) {
        if lock(&self.api.0).always {
            return;
        }
        let settings = self.settings.get();
        self.host.stop_api();
        lock(&self.api.0).running = None;
        let mut error = None;
        if settings.api_server
            && let Some(here) = self.myself()
        {
            error = self.host.start_api(&Studio::of(here), settings.api_port).err();
        }
        lock(&self.api.0).error = error;
        if let Ok(status) = self.api_server(Nothing {}) {
            self.events.tell(Event::ApiServer { status });
        }
    }
}
