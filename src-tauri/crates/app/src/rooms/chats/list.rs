//! Finding a chat again, and writing it down for people and programs.

use std::fmt::Write as _;
use std::path::Path;

use eyewright_protocol::{Author, ChatFormat, ChatPage, ChatSummary, ExportChat, ListChats, WrittenText};

use super::Live;
use crate::library::StoredChat;
use crate::rooms::search_words;
use crate::studio::{Inner, Reply};

impl Inner {
    pub(crate) fn list_chats(&self, request: ListChats) -> Reply<ChatPage> {
        let words = search_words(request.search);
        let limit = request.limit.unwrap_or(50).min(500) as usize;
        let offset = request.offset.unwrap_or(0) as usize;
        self.with_chats(|chats| {
            let mut found: Vec<(&Live, Option<String>)> =
                chats.values().filter_map(|live| Some((live, matching(&live.chat, &words)?))).collect();
            found.sort_by_key(|(live, _)| std::cmp::Reverse(live.chat.changed));
            let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
            let page = found.into_iter().skip(offset).take(limit);
            Ok(ChatPage {
                chats: page.map(|(live, excerpt)| self.chat_summary(live, excerpt)).collect(),
                total,
            })
        })
    }

    fn chat_summary(&self, live: &Live, excerpt: Option<String>) -> ChatSummary {
        let chat = &live.chat;
        let folder = self.library().map(|library| StoredChat::folder(&library, &chat.id)).unwrap_or_default();
        let picture = chat.messages.iter().find_map(|message| message.pictures.first());
        ChatSummary {
            id: chat.id.clone(),
            title: chat.title.clone(),
            changed: chat.changed,
            messages: u32::try_from(chat.messages.len()).unwrap_or(u32::MAX),
            excerpt,
            picture: picture.map(|picture| self.pictures.unopened(&picture.path(&folder), &picture.name)),
            answering: live.job.is_some(),
        }
    }

    pub(crate) fn export_chat(&self, request: ExportChat) -> Reply<WrittenText> {
        let folder = StoredChat::folder(&self.library()?, &request.chat);
        self.with_chat(&request.chat, |live| {
            let chat = &live.chat;
            let name = if chat.title.is_empty() { chat.id.to_string() } else { chat.title.clone() };
            let name: String =
                name.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char)).collect();
            let (ending, text) = match request.format {
                ChatFormat::Markdown => {
                    ("md", markdown(chat, &folder, request.you.as_deref().unwrap_or("You")))
                }
                ChatFormat::Json => ("json", serde_json::to_string_pretty(chat).unwrap_or_default()),
            };
            Ok(WrittenText { name: format!("{}.{ending}", name.trim()), text })
        })
    }
}

/// `None` if a word does not occur; else the text around the first one found in a message.
fn matching(chat: &StoredChat, words: &[String]) -> Option<Option<String>> {
    let texts: Vec<String> = chat.messages.iter().map(|message| message.text.to_lowercase()).collect();
    let title = chat.title.to_lowercase();
    let everywhere =
        words.iter().all(|word| title.contains(word) || texts.iter().any(|text| text.contains(word)));
    if !everywhere {
        return None;
    }
    let first = words.first().and_then(|word| texts.iter().find_map(|text| Some((text, text.find(word)?))));
    Some(first.map(|(text, at)| {
        let from = text[..at].char_indices().rev().nth(30).map_or(0, |(index, _)| index);
        text[from..].chars().take(120).collect()
    }))
}

/// The branch shown, as headings and text.
fn markdown(chat: &StoredChat, folder: &Path, you: &str) -> String {
    let mut text = format!("# {}\n", if chat.title.is_empty() { "Chat" } else { &chat.title });
    if !chat.system.is_empty() {
        let _ = write!(text, "\n> {}\n", chat.system.replace('\n', "\n> "));
    }
    for message in chat.path_to(chat.current) {
        let who = match message.author {
            Author::User => you,
            Author::Assistant => message.model_name.as_deref().unwrap_or("Model"),
        };
        let _ = write!(text, "\n## {who}\n\n");
        for picture in &message.pictures {
            // The file may be saved anywhere; the pictures stay in the library.
            let name = picture.name.replace(['[', ']'], "");
            // A backslash would take the meaning of what follows it.
            let path = picture.path(folder).display().to_string().replace('\\', "/");
            let _ = writeln!(text, "![{name}](<{path}>)\n");
        }
        let _ = writeln!(text, "{}", message.text.trim_end());
    }
    text
}
