//! A chat on disk: `chat.json` and its pictures, found again by the hash of their bytes.

use std::path::{Path, PathBuf};

use eyewright_protocol::{
    AnswerStats, Author, ChatId, ErrorBody, Finish, MessageId, ModelChoice, SamplingSettings,
};
use serde::{Deserialize, Serialize};

use super::Library;
use super::files::{read_json, write_json};
use crate::studio::Reply;

/// The file's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredChat {
    pub(crate) id: ChatId,
    pub(crate) title: String,
    /// Whether the title was made from the first question.
    pub(crate) titled_by_user: bool,
    pub(crate) created: u64,
    pub(crate) changed: u64,
    pub(crate) system: String,
    pub(crate) choice: Option<ModelChoice>,
    pub(crate) second: Option<ModelChoice>,
    pub(crate) sampling: SamplingSettings,
    pub(crate) messages: Vec<StoredMessage>,
    pub(crate) current: Option<MessageId>,
    /// The next message's number; numbers of deleted messages are not given again.
    pub(crate) next: MessageId,
}

/// A message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredMessage {
    pub(crate) id: MessageId,
    pub(crate) parent: Option<MessageId>,
    pub(crate) author: Author,
    pub(crate) text: String,
    pub(crate) pictures: Vec<StoredPicture>,
    pub(crate) side: u8,
    pub(crate) choice: Option<ModelChoice>,
    pub(crate) model_name: Option<String>,
    pub(crate) created: u64,
    pub(crate) finish: Option<Finish>,
    pub(crate) stats: Option<AnswerStats>,
    pub(crate) error: Option<ErrorBody>,
}

/// A picture of a message, in the chat's `pictures/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPicture {
    /// The name the user gave it.
    pub(crate) name: String,
    /// File name in `pictures/`.
    pub(crate) file: String,
}

impl StoredPicture {
    pub(crate) fn path(&self, chat: &Path) -> PathBuf {
        // A chat file from elsewhere must not name a file outside its folder.
        let name = Path::new(&self.file).file_name().unwrap_or_default();
        chat.join("pictures").join(name)
    }
}

impl StoredChat {
    pub(crate) fn folder(library: &Library, id: &ChatId) -> PathBuf {
        library.chats().join(id.as_str())
    }

    pub(crate) fn read(library: &Library, id: &ChatId) -> Reply<Self> {
        let mut chat: Self = read_json(&Self::folder(library, id).join("chat.json"))?;
        // The folder's name counts, should it have been copied or renamed.
        chat.id = id.clone();
        Ok(chat)
    }

    pub(crate) fn write(&self, library: &Library) -> Reply<()> {
        write_json(&Self::folder(library, &self.id).join("chat.json"), self)
    }

    pub(crate) fn message(&self, id: MessageId) -> Option<&StoredMessage> {
        self.messages.iter().find(|message| message.id == id)
    }

    pub(crate) fn message_mut(&mut self, id: MessageId) -> Option<&mut StoredMessage> {
        self.messages.iter_mut().find(|message| message.id == id)
    }

    /// Messages from the first to `last`.
    pub(crate) fn path_to(&self, last: Option<MessageId>) -> Vec<&StoredMessage> {
        let mut path = Vec::new();
        let mut at = last;
        while let Some(message) = at.and_then(|id| self.message(id)) {
            path.push(message);
            // A parent always has the smaller number, which also ends a damaged circle.
            at = message.parent.filter(|parent| *parent < message.id);
        }
        path.reverse();
        path
    }

    /// The newest message below `from`, following the newest child each time; of two answers side by side the first.
    pub(crate) fn leaf_below(&self, from: MessageId) -> MessageId {
        let mut at = from;
        loop {
            let children = self.messages.iter().filter(|message| message.parent == Some(at));
            let next = children.max_by_key(|message| (message.side == 0, message.id));
            match next {
                Some(message) if message.id > at => at = message.id,
                _ => return at,
            }
        }
    }

    pub(crate) fn add(&mut self, mut message: StoredMessage) -> MessageId {
        message.id = self.next;
        self.next += 1;
        let id = message.id;
        self.messages.push(message);
        id
    }
}
