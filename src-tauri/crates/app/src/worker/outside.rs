//! The watching side: starts the process, hands tasks over, and notices within seconds when it is gone or silent.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io::{BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use eyewright_protocol::{ErrorBody, ErrorCode, Event, WorkerState, WorkerStatus};

use super::frame;
use super::messages::{RunButton, Task, TaskEvent, Wire};
use crate::studio::{Events, JobHandle, Reply, lock};

/// How often the process is asked whether it is there.
const PING_EVERY: Duration = Duration::from_millis(500);
/// Without an answer for this long, the user is told.
const SILENT_AFTER: Duration = Duration::from_millis(2_500);
/// Without an answer for this long, the process is ended: its reading thread does nothing but answer.
const KILL_AFTER: Duration = Duration::from_secs(20);
/// Letters of its last words that are kept.
const LAST_WORDS: usize = 4_000;

/// How the process that computes is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProgram {
    /// The program; this one, as a rule.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl WorkerProgram {
    /// This program with the argument `worker`.
    ///
    /// # Errors
    /// If its own path is unknown.
    pub fn own() -> std::io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, arguments: vec!["worker".into()] })
    }
}

/// The process that computes. Cloning gives another handle to the same one.
#[derive(Clone)]
pub(crate) struct Worker(Arc<Watched>);

struct Watched {
    program: WorkerProgram,
    events: Events,
    logs: PathBuf,
    state: Mutex<State>,
}

type Listener = Box<dyn FnMut(TaskEvent) + Send>;

#[derive(Default)]
struct State {
    process: Option<Process>,
    /// Rises with every start, so that threads of an old process do not touch a new one.
    generation: u64,
    next_task: u64,
    listeners: BTreeMap<u64, Listener>,
    crashes: u32,
    memory: Option<u64>,
    last_error: Option<ErrorBody>,
    silent: bool,
}

struct Process {
    child: Child,
    /// To the thread that writes: a full pipe blocks that one, and no lock with it.
    input: mpsc::Sender<Wire>,
    heard: Instant,
    leaving: bool,
    last_words: Arc<Mutex<VecDeque<u8>>>,
}

impl Worker {
    pub(crate) fn new(program: WorkerProgram, events: Events, logs: PathBuf) -> Self {
        Self(Arc::new(Watched { program, events, logs, state: Mutex::default() }))
    }

    /// Hands a task over, starting the process if there is none; `listener` hears of it until its last event.
    pub(crate) fn submit(&self, task: Task, listener: impl FnMut(TaskEvent) + Send + 'static) -> Reply<u64> {
        let mut state = lock(&self.0.state);
        if state.process.is_none() {
            self.start(&mut state)?;
        }
        let id = state.next_task;
        state.next_task += 1;
        state.listeners.insert(id, Box::new(listener));
        if let Err(error) = state.send(Wire::Do(id, task)) {
            state.listeners.remove(&id);
            return Err(error.hint("Try again; another one is started."));
        }
        drop(state);
        self.tell();
        Ok(id)
    }

    /// Hands a task over and waits for its last event; `each` hears the others.
    pub(crate) fn run(
        &self,
        task: Task,
        cancel: Option<&JobHandle>,
        each: &mut dyn FnMut(TaskEvent),
    ) -> Reply<TaskEvent> {
        let (sender, receiver) = mpsc::channel();
        let id = self.submit(task, move |event| {
            let _ = sender.send(event);
        })?;
        if let Some(job) = cancel {
            let worker = self.clone();
            job.on_cancel(move || worker.cancel(id));
            if job.cancel.is_cancelled() {
                self.cancel(id);
            }
        }
        loop {
            match receiver.recv() {
                Ok(TaskEvent::Failed(error)) => return Err(error),
                Ok(event) if event.is_last() => return Ok(event),
                Ok(event) => each(event),
                Err(_) => {
                    return Err(ErrorBody::new(ErrorCode::WorkerStopped, "the computing process is gone"));
                }
            }
        }
    }

    pub(crate) fn cancel(&self, task: u64) {
        let _ = lock(&self.0.state).send(Wire::Cancel(task));
    }

    pub(crate) fn press(&self, task: u64, button: RunButton) -> Reply<()> {
        lock(&self.0.state).send(Wire::Run(task, button))
    }

    /// Whether there is a process, and with it what it has loaded.
    pub(crate) fn is_there(&self) -> bool {
        lock(&self.0.state).process.is_some()
    }

    pub(crate) fn status(&self) -> WorkerStatus {
        lock(&self.0.state).status()
    }

    /// Ends the process and waits until that was noticed; tasks in it fail. The next work starts another one.
    pub(crate) fn restart(&self) {
        {
            let mut state = lock(&self.0.state);
            if let Some(process) = &mut state.process {
                process.leaving = true; // wanted, so not a crash
                let _ = process.child.kill(); // its reading thread notices and cleans up
            }
            state.last_error = None;
        }
        let deadline = Instant::now() + Duration::from_secs(3);
        while self.is_there() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.tell();
    }

    /// Asks the process to end, and ends it after `patience`.
    pub(crate) fn close(&self, patience: Duration) {
        {
            let mut state = lock(&self.0.state);
            if let Some(process) = &mut state.process {
                process.leaving = true;
            }
            let _ = state.send(Wire::Leave);
        }
        let deadline = Instant::now() + patience;
        while lock(&self.0.state).process.is_some() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.restart();
    }

    fn tell(&self) {
        let status = self.status();
        self.0.events.tell(Event::Worker { status });
    }

    fn start(&self, state: &mut State) -> Reply<()> {
        let WorkerProgram { program, arguments } = &self.0.program;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                ErrorBody::new(
                    ErrorCode::Internal,
                    format!("`{}` cannot be started: {error}", program.display()),
                )
            })?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(ErrorBody::new(ErrorCode::Internal, "the computing process has no pipes"));
        };
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        state.generation += 1;
        let generation = state.generation;
        state.silent = false;
        let (sender, messages) = mpsc::channel();
        state.process = Some(Process {
            child,
            input: sender,
            heard: Instant::now(),
            leaving: false,
            last_words: Arc::clone(&last_words),
        });
        let log = self.0.logs.join("worker.log");
        let here = self.clone();
        let spawned = thread::Builder::new()
            .name("worker-words".into())
            .spawn(move || keep_words(errors, &last_words, &log))
            .and_then(|_| {
                thread::Builder::new().name("worker-input".into()).spawn(move || pass_on(&messages, input))
            })
            .and_then(|_| {
                let here = here.clone();
                thread::Builder::new()
                    .name("worker-events".into())
                    .spawn(move || here.listen(output, generation))
            })
            .and_then(|_| {
                thread::Builder::new().name("worker-watch".into()).spawn(move || here.watch(generation))
            });
        spawned.map(drop).map_err(|error| {
            ErrorBody::new(ErrorCode::Internal, format!("no thread can be started: {error}"))
        })
    }

    /// Hears the process until it ends.
    fn listen(&self, output: ChildStdout, generation: u64) {
        let mut from = BufReader::new(output);
        let mut printed = Vec::new();
        loop {
            match frame::read::<Wire>(&mut from, &mut |byte| printed.push(byte)) {
                Ok(Some(message)) => self.hear(message, generation),
                Ok(None) | Err(_) => break,
            }
            printed.truncate(LAST_WORDS);
        }
        self.ended(generation);
    }

    fn hear(&self, message: Wire, generation: u64) {
        let mut state = lock(&self.0.state);
        if state.generation != generation {
            return;
        }
        if let Some(process) = &mut state.process {
            process.heard = Instant::now();
        }
        let was_silent = std::mem::take(&mut state.silent);
        match message {
            Wire::Pong(_, memory) => state.memory = memory,
            Wire::Happened(task, event) => {
                let Some(mut listener) = state.listeners.remove(&task) else { return };
                let last = event.is_last();
                drop(state); // a listener may ask the worker something
                listener(event);
                state = lock(&self.0.state);
                if !last {
                    state.listeners.insert(task, listener);
                    // The process may have ended meanwhile, and with it this task.
                    if state.generation != generation || state.process.is_none() {
                        let listener = state.listeners.remove(&task);
                        let error = state.last_error.clone();
                        drop(state);
                        if let (Some(mut listener), Some(error)) = (listener, error) {
                            listener(TaskEvent::Failed(error));
                        }
                        return;
                    }
                }
            }
            _ => {}
        }
        drop(state);
        if was_silent {
            self.tell();
        }
    }

    /// Asks again and again whether it is there.
    fn watch(&self, generation: u64) {
        let mut count = 0;
        loop {
            thread::sleep(PING_EVERY);
            let mut state = lock(&self.0.state);
            if state.generation != generation {
                return;
            }
            let Some(process) = &mut state.process else { return };
            let quiet = process.heard.elapsed();
            count += 1;
            if quiet > KILL_AFTER {
                let _ = process.child.kill();
                continue;
            }
            let tell = quiet > SILENT_AFTER && !state.silent;
            state.silent |= tell;
            // A silent process is not asked again: the questions would wait for it in a heap.
            if quiet <= SILENT_AFTER {
                let _ = state.send(Wire::Ping(count));
            }
            drop(state);
            if tell {
                self.tell();
            }
        }
    }

    /// The process is gone: say so to everyone who waits.
    fn ended(&self, generation: u64) {
        let mut state = lock(&self.0.state);
        if state.generation != generation {
            return;
        }
        let Some(mut process) = state.process.take() else { return };
        let _ = process.child.kill();
        let status = process.child.wait();
        thread::sleep(Duration::from_millis(20)); // its last words may still be in the pipe
        let words = String::from_utf8_lossy(lock(&process.last_words).make_contiguous()).into_owned();
        let error = cause(status.as_ref().ok(), &words);
        if !process.leaving {
            state.crashes += 1;
            state.last_error = Some(error.clone());
        }
        state.memory = None;
        state.silent = false;
        let listeners = std::mem::take(&mut state.listeners);
        drop(state);
        self.tell();
        for (_, mut listener) in listeners {
            listener(TaskEvent::Failed(error.clone()));
        }
    }
}

impl State {
    fn send(&self, message: Wire) -> Reply<()> {
        match &self.process {
            Some(process) if process.input.send(message).is_ok() => Ok(()),
            _ => Err(ErrorBody::new(
                ErrorCode::WorkerStopped,
                "the computing process does not listen: not connected",
            )),
        }
    }

    fn status(&self) -> WorkerStatus {
        let state = match (&self.process, self.silent) {
            (Some(_), true) => WorkerState::Silent,
            (Some(_), false) => WorkerState::Running,
            (None, _) if self.last_error.is_some() && self.crashes > 0 => WorkerState::Stopped,
            (None, _) => WorkerState::Idle,
        };
        WorkerStatus {
            state,
            crashes: self.crashes,
            memory: self.memory,
            last_error: self.last_error.clone(),
        }
    }
}

/// Writes what it is told until there is no more, or nobody reads.
fn pass_on(messages: &mpsc::Receiver<Wire>, mut input: ChildStdin) {
    while let Ok(message) = messages.recv() {
        if frame::write(&mut input, &message).is_err() {
            break;
        }
    }
}

/// Copies what it prints to the log and remembers the end.
fn keep_words(mut from: impl Read, words: &Mutex<VecDeque<u8>>, log: &std::path::Path) {
    let mut file = log.parent().and_then(|folder| {
        std::fs::create_dir_all(folder).ok()?;
        OpenOptions::new().create(true).append(true).open(log).ok()
    });
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut words = lock(words);
        words.extend(&buffer[..length]);
        let over = words.len().saturating_sub(LAST_WORDS);
        words.drain(..over);
        if let Some(file) = &mut file {
            let _ = file.write_all(&buffer[..length]);
        }
    }
}

/// Why a process ended, in words a user can act on.
fn cause(status: Option<&std::process::ExitStatus>, words: &str) -> ErrorBody {
    let lower = words.to_lowercase();
    let memory = ["out of memory", "failed to reserve", "cuda_error_out_of_memory", "memory allocation of"];
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let last: String = last.trim().chars().take(300).collect();
    if memory.iter().any(|word| lower.contains(word)) {
        return ErrorBody::new(ErrorCode::OutOfMemory, format!("memory ran out: {last}"))
            .hint("Choose a smaller model, 4-bit storage or a smaller batch, and start again.");
    }
    let how = match status {
        Some(status) => describe(*status),
        None => "ended".to_owned(),
    };
    let message = if last.is_empty() {
        format!("the computing process {how}")
    } else {
        format!("the computing process {how}: {last}")
    };
    let error = ErrorBody::new(ErrorCode::WorkerStopped, message);
    if how.contains("signal 9") {
        return error.hint("The system ends programs like this when memory runs out. Start again, with a smaller model if it recurs.");
    }
    error.hint("Nothing that was saved is lost. Start again or resume; another process is started.")
}

fn describe(status: std::process::ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("ended with code {code}"),
        None => "ended".to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::worker::messages::TrainTask;

    #[test]
    fn a_process_that_does_not_read_holds_up_nobody() {
        let logs = tempfile::tempdir().unwrap();
        let program = WorkerProgram { program: "sleep".into(), arguments: vec!["60".into()] };
        let worker = Worker::new(program, Events::default(), logs.path().to_owned());
        let (sender, ended) = mpsc::channel();
        // More than any pipe holds.
        let task = Task::Train(TrainTask {
            folder: "x".repeat(4 << 20).into(),
            device: "cpu".into(),
            resume: false,
        });
        let id = worker
            .submit(task, move |event| {
                let _ = sender.send(event);
            })
            .unwrap();
        worker.cancel(id);
        let start = Instant::now();
        while worker.status().state != WorkerState::Silent {
            assert!(start.elapsed() < Duration::from_secs(30), "nobody noticed");
            thread::sleep(Duration::from_millis(50));
        }
        lock(&worker.0.state).process.as_mut().unwrap().child.kill().unwrap();
        let event = ended.recv_timeout(Duration::from_secs(60));
        assert!(matches!(event, Ok(TaskEvent::Failed(_))), "{event:?}");
    }
}
