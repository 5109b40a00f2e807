//! Writing answers: the job that hands conversations to the worker and passes on what comes back.

use std::time::{Duration, Instant};

use eyewright_protocol::{
    Author, ChatEvent, ChatId, ErrorBody, ErrorCode, Event, Finish, JobOutcome, ListName, MessageId,
};

use super::write::Asked;
use crate::library::{StoredChat, StoredMessage};
use crate::studio::{Inner, JobHandle, Reply, now, panic_text};
use crate::worker::{AnswerTask, Task, TaskEvent, WireTurn};

/// An answer that grows is written to disk this often.
const SAVE_EVERY: Duration = Duration::from_secs(3);

impl Inner {
    /// Starts the thread that writes the answers, one after the other.
    pub(super) fn write_answers(&self, chat: ChatId, job: JobHandle, asked: Vec<Asked>) {
        let Some(here) = self.myself() else { return };
        let failed = job.clone();
        let spawned = std::thread::Builder::new().name(format!("chat-{}", job.id)).spawn(move || {
            job.start();
            let mut result = Ok(JobOutcome::Done);
            for asked in asked {
                let message = asked.message;
                let work = std::panic::AssertUnwindSafe(|| here.write_answer(&chat, &job, asked));
                let done = std::panic::catch_unwind(work).unwrap_or_else(|panic| {
                    Err(ErrorBody::new(ErrorCode::Internal, panic_text(panic.as_ref())))
                });
                if let Err(error) = done {
                    here.answer_failed(&chat, message, &error);
                    result = Err(error);
                }
            }
            here.answers_done(&chat);
            job.end(result);
        });
        if let Err(error) = spawned {
            failed
                .end(Err(ErrorBody::new(ErrorCode::Internal, format!("no thread can be started: {error}"))));
        }
    }

    fn write_answer(&self, chat: &ChatId, job: &JobHandle, asked: Asked) -> Reply<()> {
        let message = asked.message;
        if job.cancel.is_cancelled() {
            return Err(ErrorBody::new(ErrorCode::Cancelled, "it was stopped before it began"));
        }
        let task = self.with_chat(chat, |live| self.answer_task(&live.chat, asked))?;
        let name = task.model.name.clone();
        if self
            .machine
            .loaded_in(self.worker.is_there())
            .is_none_or(|loaded| loaded.choice != task.model.choice)
        {
            self.say(chat, ChatEvent::Waiting { job: job.id, reason: format!("loading {name}") });
        }
        let mut saved = Instant::now();
        let last = self.worker.run(Task::Answer(task), Some(job), &mut |event| match event {
            TaskEvent::Progress { done, total, unit } => job.progress(done, total, &unit),
            TaskEvent::Loaded(model) => self.machine.loaded(Some(model)),
            TaskEvent::Reading => self.say(chat, ChatEvent::Started { message, model_name: name.clone() }),
            TaskEvent::Text(text) => {
                let save = saved.elapsed() > SAVE_EVERY;
                self.grow(chat, message, &text, save);
                if save {
                    saved = Instant::now();
                }
                self.say(chat, ChatEvent::Text { message, text });
            }
            _ => {}
        })?;
        let TaskEvent::Answered { finish, stats } = last else {
            return Err(ErrorBody::new(ErrorCode::Internal, "the answer ended in an unexpected way"));
        };
        self.change_message(chat, message, |stored| {
            stored.finish = Some(finish);
            stored.stats = Some(stats.clone());
        })?;
        self.say(chat, ChatEvent::Finished { message, finish, stats });
        Ok(())
    }

    /// The conversation as the worker wants it: the branch of this answer, with the answers of its own side.
    fn answer_task(&self, chat: &StoredChat, asked: Asked) -> Reply<AnswerTask> {
        let folder = StoredChat::folder(&self.library()?, &chat.id);
        let answer = chat.message(asked.message);
        let (side, question) = answer.map_or((0, None), |answer| (answer.side, answer.parent));
        let mut turns: Vec<WireTurn> = Vec::new();
        for message in chat.path_to(question) {
            let message = match message.author {
                Author::Assistant if message.side != side => own_side(chat, message, side),
                _ => message,
            };
            let hashed =
                |picture: &crate::library::StoredPicture| (picture.file.clone(), picture.path(&folder));
            turns.push(WireTurn {
                user: message.author == Author::User,
                text: message.text.clone(),
                pictures: message.pictures.iter().map(hashed).collect(),
            });
        }
        Ok(AnswerTask {
            model: asked.model,
            conversation: format!("{}-{side}", chat.id),
            system: chat.system.clone(),
            turns,
            sampling: chat.sampling.clone(),
            // A second try with the same seed would write the same answer.
            seed: now(),
        })
    }

    fn grow(&self, chat: &ChatId, message: MessageId, text: &str, save: bool) {
        let library = self.library();
        let _ = self.with_chat(chat, |live| {
            if let Some(stored) = live.chat.message_mut(message) {
                stored.text.push_str(text);
            }
            match library {
                Ok(library) if save => live.chat.write(&library),
                _ => Ok(()),
            }
        });
    }

    fn change_message(
        &self,
        chat: &ChatId,
        message: MessageId,
        change: impl FnOnce(&mut StoredMessage),
    ) -> Reply<()> {
        let library = self.library()?;
        self.with_chat(chat, |live| {
            if let Some(stored) = live.chat.message_mut(message) {
                change(stored);
            }
            live.chat.changed = now();
            live.chat.write(&library)
        })
    }

    fn answer_failed(&self, chat: &ChatId, message: MessageId, error: &ErrorBody) {
        let cancelled = error.code == ErrorCode::Cancelled;
        let _ = self.change_message(chat, message, |stored| {
            stored.finish = Some(if cancelled { Finish::Cancelled } else { Finish::Failed });
            stored.error = (!cancelled).then(|| error.clone());
        });
        self.say(chat, ChatEvent::Failed { message, error: error.clone() });
    }

    fn answers_done(&self, chat: &ChatId) {
        let _ = self.with_chat(chat, |live| {
            live.job = None;
            Ok(())
        });
        self.changed(ListName::Chats);
    }

    fn say(&self, chat: &ChatId, event: ChatEvent) {
        self.events.tell(Event::Chat { chat: chat.clone(), event });
    }
}

/// The other answer to the same question, where there were two side by side.
fn own_side<'c>(chat: &'c StoredChat, message: &'c StoredMessage, side: u8) -> &'c StoredMessage {
    let beside = chat.messages.iter().filter(|other| {
        other.parent == message.parent && other.author == Author::Assistant && other.side == side
    });
    beside.max_by_key(|other| other.id).unwrap_or(message)
}
