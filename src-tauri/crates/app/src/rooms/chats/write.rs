//! Asking: a question, the same question again, or a changed one. Each becomes a branch, never an overwrite.

use std::path::Path;

use eyewright_protocol::{
    Author, ChatId, CorrectAnswer, EditMessage, ErrorBody, ErrorCode, FiledCorrection, JobKind, ListName,
    MessageId, ModelChoice, PictureId, Regenerate, SendMessage, SentMessage,
};

use super::{LONGEST, Live, MOST, blank, check_text, known, one_line, still_answering};
use crate::library::{StoredChat, StoredMessage, StoredPicture, make_folder};
use crate::rooms::{bad_request, not_found};
use crate::studio::{Inner, Reply, io_fault, now};
use crate::worker::ModelTask;

/// One answer that is to be written.
pub(super) struct Asked {
    pub(super) message: MessageId,
    pub(super) model: ModelTask,
}

impl Inner {
    pub(crate) fn send_message(&self, request: SendMessage) -> Reply<SentMessage> {
        if request.text.trim().is_empty() && request.pictures.is_empty() {
            return Err(bad_request("there is no question"));
        }
        let parent = self.with_chat(&request.chat, |live| {
            let parent = request.parent.or(live.chat.current);
            match parent.map(|parent| known(&live.chat, parent)).transpose()? {
                Some(message) if message.author == Author::User => {
                    Err(bad_request("a question follows an answer, not another question"))
                }
                _ => Ok(parent),
            }
        })?;
        self.ask(&request.chat, request.text, &request.pictures, parent)
    }

    pub(crate) fn edit_message(&self, request: EditMessage) -> Reply<SentMessage> {
        if request.text.trim().is_empty() && request.pictures.is_empty() {
            return Err(bad_request("there is no question"));
        }
        let parent = self.with_chat(&request.chat, |live| {
            let message = known(&live.chat, request.message)?;
            if message.author == Author::User {
                Ok(message.parent)
            } else {
                Err(bad_request("only questions are edited; correct an answer instead"))
            }
        })?;
        self.ask(&request.chat, request.text, &request.pictures, parent)
    }

    /// Stores a question and starts answering it.
    fn ask(
        &self,
        chat: &ChatId,
        text: String,
        pictures: &[PictureId],
        parent: Option<MessageId>,
    ) -> Reply<SentMessage> {
        check_text(&text)?;
        if pictures.len() > 64 {
            return Err(bad_request("a question has at most 64 pictures"));
        }
        self.device_is_free()?;
        let library = self.library()?;
        let models = self.answering(chat)?;
        let earlier = self.with_chat(chat, |live| {
            Ok(live.chat.path_to(parent).iter().any(|message| !message.pictures.is_empty()))
        })?;
        if earlier || !pictures.is_empty() {
            models.iter().try_for_each(sees)?;
        }
        let folder = StoredChat::folder(&library, chat);
        let stored = self.store_pictures(&folder, pictures)?;
        let question = StoredMessage { pictures: stored, ..blank(Author::User, text, parent) };
        self.begin(chat, 0, models, |stored| {
            let title = one_line(&question.text);
            let id = stored.add(question);
            if stored.title.is_empty() && !stored.titled_by_user {
                stored.title = title;
            }
            Ok((Some(id), id))
        })
    }

    pub(crate) fn regenerate(&self, request: Regenerate) -> Reply<SentMessage> {
        self.device_is_free()?;
        let (question, side, pictures) = self.with_chat(&request.chat, |live| {
            let answer = known(&live.chat, request.answer)?;
            let question = answer.parent.filter(|_| answer.author == Author::Assistant);
            let question = question.ok_or_else(|| bad_request("only an answer is written again"))?;
            let path = live.chat.path_to(Some(question));
            Ok((question, answer.side, path.iter().any(|message| !message.pictures.is_empty())))
        })?;
        let mut models = self.answering(&request.chat)?;
        if models.len() > 1 {
            models.swap(0, usize::from(side.min(1)));
            models.truncate(1);
        }
        if pictures {
            models.iter().try_for_each(sees)?;
        }
        let sent = self.begin(&request.chat, side, models, |_| Ok((None, question)))?;
        Ok(sent)
    }

    /// Who answers in this chat: one, or two.
    fn answering(&self, chat: &ChatId) -> Reply<Vec<ModelTask>> {
        let (first, second) = self.with_chat(chat, |live| {
            if live.job.is_some() {
                return Err(still_answering());
            }
            if live.chat.messages.len() > MOST {
                return Err(bad_request(format!("a chat has at most {MOST} messages; start a new one")));
            }
            Ok((live.chat.choice.clone(), live.chat.second.clone()))
        })?;
        let first: ModelChoice = match first {
            Some(choice) => choice,
            None => self.usual_choice()?,
        };
        std::iter::once(first).chain(second).map(|choice| self.model_task(&choice)).collect()
    }

    /// Stores the answers that are to come, one on each side from the first on, and starts the job that writes them.
    fn begin(
        &self,
        id: &ChatId,
        first_side: u8,
        models: Vec<ModelTask>,
        before: impl FnOnce(&mut StoredChat) -> Reply<(Option<MessageId>, MessageId)>,
    ) -> Reply<SentMessage> {
        let library = self.library()?;
        let sent = self.with_chat(id, |live| {
            if live.job.is_some() {
                return Err(still_answering());
            }
            let undo = live.chat.clone();
            let stored = before(&mut live.chat).and_then(|(new, question)| {
                let mut asked = Vec::new();
                for (side, model) in (first_side..).zip(models) {
                    let message = live.chat.add(StoredMessage {
                        side,
                        choice: Some(model.choice.clone()),
                        model_name: Some(model.name.clone()),
                        ..blank(Author::Assistant, String::new(), Some(question))
                    });
                    asked.push(Asked { message, model });
                }
                live.chat.current = asked.first().map(|asked| asked.message);
                live.chat.changed = now();
                live.chat.write(&library)?;
                Ok((new, asked))
            });
            let (question, asked) = match stored {
                Ok(done) => done,
                Err(error) => {
                    live.chat = undo;
                    return Err(error);
                }
            };
            let of = |id: MessageId| live.chat.message(id).map(|message| self.message(&live.chat, message));
            let answers = asked.iter().filter_map(|asked| of(asked.message)).collect();
            let question = question.and_then(of);
            let job = self.jobs.add(JobKind::Chat, live.chat.title.clone(), Some(id.to_string()));
            live.job = Some(job.id);
            Ok((SentMessage { question, answers, job: job.id }, job, asked))
        });
        let (sent, job, asked) = sent?;
        self.changed(ListName::Chats);
        self.write_answers(id.clone(), job, asked);
        Ok(sent)
    }

    /// Copies pictures into the chat's own folder, so that it is whole by itself.
    fn store_pictures(&self, folder: &Path, pictures: &[PictureId]) -> Reply<Vec<StoredPicture>> {
        let inside = folder.join("pictures");
        pictures
            .iter()
            .map(|id| {
                let (from, info) = self.pictures.file(*id)?;
                let file = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let to = inside.join(&file);
                if !to.exists() {
                    make_folder(&inside)?;
                    std::fs::copy(&from, &to).map_err(|error| io_fault("copy", &from, &error))?;
                }
                Ok(StoredPicture { name: info.name, file })
            })
            .collect()
    }

    pub(crate) fn correct_answer(&self, request: CorrectAnswer) -> Reply<FiledCorrection> {
        let text = request.text.trim().to_owned();
        if text.is_empty() || text.len() > LONGEST {
            return Err(bad_request("the corrected answer is empty or far too long"));
        }
        let library = self.library()?;
        let folder = StoredChat::folder(&library, &request.chat);
        let (question, pictures) = self.with_chat(&request.chat, |Live { chat, .. }| {
            let answer = known(chat, request.answer)?;
            let question =
                answer.parent.filter(|_| answer.author == Author::Assistant).and_then(|id| chat.message(id));
            let question = question.ok_or_else(|| not_found("this answer has no question"))?;
            // A follow-up question is about the pictures that came before it.
            let path = chat.path_to(Some(question.id));
            let with = path.iter().rev().find(|message| !message.pictures.is_empty());
            let pictures = with.map_or(&[][..], |message| &message.pictures);
            let files = pictures.iter().map(|picture| picture.path(&folder)).collect::<Vec<_>>();
            Ok((question.text.clone(), files))
        })?;
        self.file_row(request.dataset, &question, &pictures, &text)
    }
}

/// A model with eyes, or the error that says what to do.
fn sees(model: &ModelTask) -> Reply<()> {
    let eyes = crate::open::eyes_of(&crate::worker::stack_paths(&model.paths));
    match eyes {
        Ok(None) => Err(ErrorBody::new(
            ErrorCode::NoEyes,
            format!("`{}` is a language model without eyes; it cannot look at pictures", model.name),
        )
        .hint("Choose a model with eyes, or give it some: train a projector in Train.")),
        // What else is wrong is said when it is loaded.
        _ => Ok(()),
    }
}
