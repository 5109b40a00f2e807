//! Chats: kept in memory while they are used, on disk after every change, and told about while answers grow.

mod answer;
mod list;
mod write;

use std::collections::BTreeMap;
use std::sync::Mutex;

use eyewright_protocol::{
    Author, ChangeChat, Chat, ChatId, ChatRef, CreateChat, ErrorBody, ErrorCode, Finish, JobId, ListName,
    Message, MessageId, MessageRef, Nothing,
};

use super::{bad_request, not_found};
use crate::library::{StoredChat, StoredMessage, free_name, names_in, remove_folder};
use crate::studio::{Inner, Reply, lock, now};

/// Longest text of one message.
const LONGEST: usize = 400_000;
/// Messages of one chat.
const MOST: usize = 5_000;

/// All chats that were looked at.
#[derive(Default)]
pub(crate) struct ChatRoom(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// The library folder the chats are from.
    library: String,
    chats: BTreeMap<ChatId, Live>,
}

/// A chat and what is happening to it.
struct Live {
    chat: StoredChat,
    job: Option<JobId>,
}

/// A message before it has a number.
fn blank(author: Author, text: String, parent: Option<MessageId>) -> StoredMessage {
    StoredMessage {
        id: 0,
        parent,
        author,
        text,
        pictures: Vec::new(),
        side: 0,
        choice: None,
        model_name: None,
        created: now(),
        finish: None,
        stats: None,
        error: None,
    }
}

impl Inner {
    /// Works on all chats; those on disk are read first.
    fn with_chats<T>(&self, work: impl FnOnce(&mut BTreeMap<ChatId, Live>) -> Reply<T>) -> Reply<T> {
        let library = self.library()?;
        let name = library.folder().display().to_string();
        let mut table = lock(&self.chats.0);
        if table.library != name {
            table.chats.clear();
            for id in names_in(&library.chats()).into_iter().filter_map(|id| ChatId::try_from(id).ok()) {
                // A damaged chat stays on disk as it is and is left out here.
                if let Ok(mut chat) = StoredChat::read(&library, &id) {
                    for message in &mut chat.messages {
                        if message.author == Author::Assistant && message.finish.is_none() {
                            message.finish = Some(Finish::Cancelled); // the program ended meanwhile
                        }
                    }
                    table.chats.insert(id, Live { chat, job: None });
                }
            }
            table.library = name;
        }
        work(&mut table.chats)
    }

    /// Works on one chat.
    fn with_chat<T>(&self, id: &ChatId, work: impl FnOnce(&mut Live) -> Reply<T>) -> Reply<T> {
        self.with_chats(|chats| {
            work(chats.get_mut(id).ok_or_else(|| not_found(format!("there is no chat `{id}`")))?)
        })
    }

    /// Works on one chat, writes it, and gives it back as it is then. A change that cannot be written is undone.
    fn change_one(&self, id: &ChatId, work: impl FnOnce(&mut StoredChat) -> Reply<()>) -> Reply<Chat> {
        let library = self.library()?;
        let chat = self.with_chat(id, |live| {
            let before = live.chat.clone();
            let done = work(&mut live.chat).and_then(|()| {
                live.chat.changed = now();
                live.chat.write(&library)
            });
            if let Err(error) = done {
                live.chat = before;
                return Err(error);
            }
            Ok(self.shown(live))
        })?;
        self.changed(ListName::Chats);
        Ok(chat)
    }

    fn shown(&self, live: &Live) -> Chat {
        let chat = &live.chat;
        Chat {
            id: chat.id.clone(),
            title: chat.title.clone(),
            created: chat.created,
            changed: chat.changed,
            system: chat.system.clone(),
            choice: chat.choice.clone(),
            second: chat.second.clone(),
            sampling: chat.sampling.clone(),
            messages: chat.messages.iter().map(|message| self.message(chat, message)).collect(),
            current: chat.current,
            job: live.job,
        }
    }

    fn message(&self, chat: &StoredChat, message: &StoredMessage) -> Message {
        let folder = self.library().map(|library| StoredChat::folder(&library, &chat.id)).unwrap_or_default();
        let pictures = message.pictures.iter().map(|p| self.pictures.opened(&p.path(&folder), &p.name));
        Message {
            id: message.id,
            parent: message.parent,
            author: message.author,
            text: message.text.clone(),
            pictures: pictures.collect(),
            side: message.side,
            choice: message.choice.clone(),
            model_name: message.model_name.clone(),
            created: message.created,
            finish: message.finish,
            stats: message.stats.clone(),
            error: message.error.clone(),
        }
    }

    pub(crate) fn create_chat(&self, request: CreateChat) -> Reply<Chat> {
        let library = self.library()?;
        if let Some(choice) = &request.choice {
            self.model_task(choice)?;
        }
        let settings = self.settings.get();
        let title = request.title.map(|title| one_line(&title)).filter(|title| !title.is_empty());
        let name = free_name(&library.chats(), &format!("{}", now()), "chat");
        let chat = StoredChat {
            id: ChatId::try_from(name).map_err(bad_request)?,
            titled_by_user: title.is_some(),
            title: title.unwrap_or_default(),
            created: now(),
            changed: now(),
            system: request.system.unwrap_or(settings.system),
            choice: request.choice.or_else(|| self.usual_choice().ok()),
            second: None,
            sampling: settings.sampling,
            messages: Vec::new(),
            current: None,
            next: 1,
        };
        check_text(&chat.system)?;
        let shown = self.with_chats(|chats| {
            chat.write(&library)?;
            let live = Live { chat, job: None };
            let shown = self.shown(&live);
            chats.insert(shown.id.clone(), live);
            Ok(shown)
        })?;
        self.changed(ListName::Chats);
        Ok(shown)
    }

    pub(crate) fn get_chat(&self, request: ChatRef) -> Reply<Chat> {
        self.with_chat(&request.chat, |live| Ok(self.shown(live)))
    }

    pub(crate) fn change_chat(&self, request: ChangeChat) -> Reply<Chat> {
        for choice in [&request.choice, &request.second].into_iter().flatten() {
            self.model_task(choice)?;
        }
        if let Some(sampling) = &request.sampling {
            crate::library::check_sampling(sampling)?;
        }
        if let Some(system) = &request.system {
            check_text(system)?;
        }
        self.change_one(&request.chat, |chat| {
            if let Some(title) = request.title {
                chat.title = one_line(&title);
                chat.titled_by_user = !chat.title.is_empty();
            }
            if request.one_answer == Some(true) {
                chat.second = None;
            }
            chat.choice = request.choice.or(chat.choice.take());
            chat.second = request.second.or(chat.second.take());
            chat.system = request.system.unwrap_or(std::mem::take(&mut chat.system));
            if let Some(sampling) = request.sampling {
                chat.sampling = sampling;
            }
            Ok(())
        })
    }

    pub(crate) fn delete_chat(&self, request: ChatRef) -> Reply<Nothing> {
        let library = self.library()?;
        let folder = StoredChat::folder(&library, &request.chat);
        self.with_chats(|chats| {
            let live = chats
                .get(&request.chat)
                .ok_or_else(|| not_found(format!("there is no chat `{}`", request.chat)))?;
            if live.job.is_some() {
                return Err(still_answering());
            }
            remove_folder(&folder)?;
            chats.remove(&request.chat);
            Ok(())
        })?;
        self.changed(ListName::Chats);
        Ok(Nothing {})
    }

    pub(crate) fn show_branch(&self, request: MessageRef) -> Reply<Chat> {
        self.change_one(&request.chat, |chat| {
            known(chat, request.message)?;
            chat.current = Some(chat.leaf_below(request.message));
            Ok(())
        })
    }

    pub(crate) fn delete_message(&self, request: MessageRef) -> Reply<Chat> {
        self.with_chat(
            &request.chat,
            |live| if live.job.is_some() { Err(still_answering()) } else { Ok(()) },
        )?;
        self.change_one(&request.chat, |chat| {
            let parent = known(chat, request.message)?.parent;
            let mut gone = vec![request.message];
            // Children come after their parents.
            for message in &chat.messages {
                if message.parent.is_some_and(|parent| gone.contains(&parent)) {
                    gone.push(message.id);
                }
            }
            chat.messages.retain(|message| !gone.contains(&message.id));
            if chat.current.is_some_and(|current| gone.contains(&current)) {
                let newest = chat
                    .messages
                    .iter()
                    .filter(|message| message.parent == parent)
                    .map(|message| message.id)
                    .max();
                chat.current = newest.or(parent).map(|from| chat.leaf_below(from));
            }
            Ok(())
        })
    }
}

fn known(chat: &StoredChat, id: MessageId) -> Reply<&StoredMessage> {
    chat.message(id).ok_or_else(|| not_found(format!("there is no message {id} in this chat")))
}

fn still_answering() -> ErrorBody {
    ErrorBody::new(ErrorCode::Busy, "an answer is being written in this chat").hint("Stop it first.")
}

fn check_text(text: &str) -> Reply<()> {
    if text.len() > LONGEST {
        return Err(bad_request(format!("a message has at most {LONGEST} letters")));
    }
    Ok(())
}

/// A title of one line.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|char| !char.is_control()).take(80).collect()
}
