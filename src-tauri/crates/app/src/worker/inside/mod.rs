//! The working side: one thread reads what is asked and answers pings, another one computes.

mod chat;
mod tasks;

pub(crate) use chat::stack_paths;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use eyewright_infer::CancelToken;
use eyewright_protocol::{ErrorBody, ErrorCode};

use super::frame;
use super::messages::{RunButton, Task, TaskEvent, Wire};
use crate::studio::{lock, panic_text};

/// The way back to the window.
#[derive(Clone)]
pub(super) struct Voice(Arc<Mutex<Box<dyn Write + Send>>>);

impl Voice {
    fn say(&self, message: &Wire) {
        // Without anyone to hear it there is nothing to do; the reading thread sees the end of the pipe.
        let _ = frame::write(&mut *lock(&self.0), message);
    }

    pub(super) fn tell(&self, task: u64, event: TaskEvent) {
        self.say(&Wire::Happened(task, event));
    }
}

/// Buttons of the run that is going on.
#[derive(Clone, Default)]
pub(super) struct Buttons(Arc<Mutex<Vec<RunButton>>>);

impl Buttons {
    pub(super) fn press(&self, button: RunButton) {
        lock(&self.0).push(button);
    }

    /// What was pressed since.
    pub(super) fn take(&self) -> Vec<RunButton> {
        std::mem::take(&mut lock(&self.0))
    }
}

/// A task on its way to the computing thread.
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) task: Task,
    pub(super) cancel: CancelToken,
    pub(super) buttons: Buttons,
}

/// Runs the working side on standard input and output until the window says goodbye or is gone.
///
/// # Errors
/// If a thread cannot be started, or the pipes are closed.
pub fn work() -> io::Result<()> {
    let voice = Voice(Arc::new(Mutex::new(Box::new(io::stdout()))));
    let (orders, todo) = mpsc::channel::<Order>();
    let busy = voice.clone();
    let computing = thread::Builder::new().name("compute".into()).spawn(move || compute(&todo, &busy))?;
    voice.say(&Wire::Hello(std::process::id()));
    let mut known: BTreeMap<u64, (CancelToken, Buttons)> = BTreeMap::new();
    let mut input = io::stdin().lock();
    // The end of the pipe means that the window is gone; a run saves what it has, then this process ends too.
    while let Ok(Some(message)) = frame::read::<Wire>(&mut input, &mut |_| {}) {
        match message {
            Wire::Ping(count) => voice.say(&Wire::Pong(count, process_memory())),
            Wire::Do(id, task) => {
                let order = Order { id, task, cancel: CancelToken::default(), buttons: Buttons::default() };
                known.insert(id, (order.cancel.clone(), order.buttons.clone()));
                while known.len() > 1000 {
                    known.pop_first();
                }
                if orders.send(order).is_err() {
                    break;
                }
            }
            Wire::Cancel(id) => {
                if let Some((cancel, buttons)) = known.get(&id) {
                    cancel.cancel();
                    buttons.press(RunButton::StopNow);
                }
            }
            Wire::Run(id, button) => {
                if let Some((_, buttons)) = known.get(&id) {
                    buttons.press(button);
                }
            }
            Wire::Leave => break,
            Wire::Hello(_) | Wire::Pong(..) | Wire::Happened(..) => {}
        }
    }
    for (cancel, buttons) in known.values() {
        buttons.press(RunButton::StopAndSave);
        cancel.cancel();
    }
    drop(orders);
    let _ = computing.join();
    Ok(())
}

/// One task after the other. A panic is the end of its task, not of the process.
fn compute(todo: &mpsc::Receiver<Order>, voice: &Voice) {
    let mut next = None;
    while let Some(order) = next.take().or_else(|| todo.recv().ok()) {
        let id = order.id;
        let done = catch_unwind(AssertUnwindSafe(|| tasks::perform(order, todo, voice)));
        next = done.unwrap_or_else(|panic| {
            let what = panic_text(panic.as_ref());
            let out = ["reserve", "out of memory", "OutOfMemory"].iter().any(|word| what.contains(word));
            let code = if out { ErrorCode::OutOfMemory } else { ErrorCode::Internal };
            voice
                .tell(id, TaskEvent::Failed(ErrorBody::new(code, format!("the computation failed: {what}"))));
            None
        });
    }
}

/// Bytes of memory this process holds, where the system says so.
fn process_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
