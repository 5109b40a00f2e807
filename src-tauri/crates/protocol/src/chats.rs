//! Chats: a tree of questions and answers. Editing or asking again adds a branch; nothing is overwritten.

use crate::{ChatId, DatasetId, ErrorBody, JobId, MessageId, ModelChoice, PictureId, PictureInfo};

words! {
    /// Who wrote a message.
    Author {
        /// The user.
        User,
        /// A model.
        Assistant,
    }

    /// Why an answer ended.
    Finish {
        /// The model ended it, or a stop text came.
        Stop,
        /// The longest answer allowed was reached.
        Length,
        /// The model's context is full.
        Context,
        /// It was stopped.
        Cancelled,
        /// It failed; the message says why.
        Failed,
    }

    /// What a chat is written as.
    ChatFormat {
        /// For people.
        Markdown,
        /// For programs.
        Json,
    }
}

request! {
    /// How tokens are chosen and when an answer ends.
    SamplingSettings {
        /// 0 always takes the best token.
        pub temperature: f64,
        /// Draw among this many best tokens; 0 for all.
        pub top_k: u32,
        /// Draw among the best tokens that together have this probability.
        pub top_p: f64,
        /// Drop tokens below this share of the best one's probability.
        pub min_p: f64,
        /// Above 1 avoids tokens seen before.
        pub repetition_penalty: f64,
        /// Start of the random sequence; another one each time if absent.
        pub seed: Option<u32>,
        /// Longest answer in tokens.
        pub max_new_tokens: u32,
        /// Texts that end an answer.
        pub stop: Vec<String>,
    }

    /// Which chats to list: the newest first.
    ListChats {
        /// Words that must occur in the title or in a message.
        pub search: Option<String>,
        /// At most this many; 50 if absent.
        pub limit: Option<u32>,
        /// Skip this many.
        pub offset: Option<u32>,
    }

    /// A new chat; what is absent is taken from the settings.
    CreateChat {
        /// Its title; made from the first question if absent.
        pub title: Option<String>,
        /// Who answers.
        pub choice: Option<ModelChoice>,
        /// Instructions in front of the conversation.
        pub system: Option<String>,
    }

    /// Which chat.
    ChatRef {
        /// Its id.
        pub chat: ChatId,
    }

    /// Changes what is given and leaves the rest.
    ChangeChat {
        /// Which chat.
        pub chat: ChatId,
        /// A new title.
        pub title: Option<String>,
        /// Who answers.
        pub choice: Option<ModelChoice>,
        /// Who answers beside it.
        pub second: Option<ModelChoice>,
        /// `true` ends answering side by side.
        pub one_answer: Option<bool>,
        /// Instructions; empty for none.
        pub system: Option<String>,
        /// How tokens are chosen.
        pub sampling: Option<SamplingSettings>,
    }

    /// A question.
    SendMessage {
        /// The chat.
        pub chat: ChatId,
        /// The text.
        pub text: String,
        /// Pictures, by number.
        pub pictures: Vec<PictureId>,
        /// The answer it follows; the newest of the branch shown if absent.
        pub parent: Option<MessageId>,
    }

    /// Answers a question again, as a new branch.
    Regenerate {
        /// The chat.
        pub chat: ChatId,
        /// The answer to be replaced in view.
        pub answer: MessageId,
    }

    /// Asks a changed question, as a new branch beside the old one.
    EditMessage {
        /// The chat.
        pub chat: ChatId,
        /// The question.
        pub message: MessageId,
        /// Its new text.
        pub text: String,
        /// Its pictures.
        pub pictures: Vec<PictureId>,
    }

    /// A message of a chat.
    MessageRef {
        /// The chat.
        pub chat: ChatId,
        /// The message.
        pub message: MessageId,
    }

    /// Files a picture, its question and a corrected answer into a data set.
    CorrectAnswer {
        /// The chat.
        pub chat: ChatId,
        /// The wrong answer.
        pub answer: MessageId,
        /// What it should have been.
        pub text: String,
        /// The data set; one called `corrections` is made if absent.
        pub dataset: Option<DatasetId>,
    }

    /// Writes a chat.
    ExportChat {
        /// Which.
        pub chat: ChatId,
        /// As what.
        pub format: ChatFormat,
        /// What the one who asks is called in Markdown, in the reader's language; `You` if absent.
        pub you: Option<String>,
    }
}

impl Default for SamplingSettings {
    /// XTuner's chat defaults, but for its fixed seed: an answer asked for again shall be another one.
    fn default() -> Self {
        Self {
            temperature: 0.1,
            top_k: 40,
            top_p: 0.75,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: None,
            max_new_tokens: 2048,
            stop: Vec::new(),
        }
    }
}

reply! {
    /// A row of the list of chats.
    ChatSummary {
        /// Its id.
        pub id: ChatId,
        /// Its title.
        pub title: String,
        /// When it last changed, in milliseconds since 1970.
        pub changed: u64,
        /// Messages in it, all branches.
        pub messages: u32,
        /// Around the words searched for.
        pub excerpt: Option<String>,
        /// Its first picture.
        pub picture: Option<PictureInfo>,
        /// Whether an answer is being written.
        pub answering: bool,
    }

    /// A page of the list.
    ChatPage {
        /// The rows.
        pub chats: Vec<ChatSummary>,
        /// Chats in all.
        pub total: u32,
    }

    /// A whole chat.
    Chat {
        /// Its id.
        pub id: ChatId,
        /// Its title.
        pub title: String,
        /// When it was begun, in milliseconds since 1970.
        pub created: u64,
        /// When it last changed.
        pub changed: u64,
        /// Instructions in front of the conversation.
        pub system: String,
        /// Who answers.
        pub choice: Option<ModelChoice>,
        /// Who answers beside it.
        pub second: Option<ModelChoice>,
        /// How tokens are chosen.
        pub sampling: SamplingSettings,
        /// All messages, parents before children.
        pub messages: Vec<Message>,
        /// The last message of the branch shown.
        pub current: Option<MessageId>,
        /// The piece of work that is writing an answer.
        pub job: Option<JobId>,
    }

    /// One message.
    Message {
        /// Its number in the chat.
        pub id: MessageId,
        /// The message it follows.
        pub parent: Option<MessageId>,
        /// Who wrote it.
        pub author: Author,
        /// The text so far.
        pub text: String,
        /// Its pictures.
        pub pictures: Vec<PictureInfo>,
        /// 0 for the chat's model, 1 for the second one beside it.
        pub side: u8,
        /// Who answered.
        pub choice: Option<ModelChoice>,
        /// The answering model's name when it answered.
        pub model_name: Option<String>,
        /// When, in milliseconds since 1970.
        pub created: u64,
        /// Why it ended; absent while it is being written.
        pub finish: Option<Finish>,
        /// How fast it was.
        pub stats: Option<AnswerStats>,
        /// Why it failed.
        pub error: Option<ErrorBody>,
    }

    /// Measured while answering.
    AnswerStats {
        /// Tokens of the prompt, pictures included.
        pub prompt_tokens: u32,
        /// Tokens of it that had been read before.
        pub cached_tokens: u32,
        /// Tokens written.
        pub tokens: u32,
        /// Milliseconds to the first token, encoding of pictures included.
        pub first_token_ms: f64,
        /// Milliseconds of the rest.
        pub decode_ms: f64,
        /// Tokens per second after the first.
        pub tokens_per_second: f64,
    }

    /// What a sent question became.
    SentMessage {
        /// The question; absent when an old one is answered again.
        pub question: Option<Message>,
        /// The answers being written: one, or two side by side.
        pub answers: Vec<Message>,
        /// The work; cancelling it stops the answer.
        pub job: JobId,
    }

    /// Where a correction went.
    FiledCorrection {
        /// The data set.
        pub dataset: DatasetId,
        /// Its name.
        pub name: String,
        /// The row's number in it.
        pub row: u64,
    }

    /// A text to save or copy.
    WrittenText {
        /// A file name for it.
        pub name: String,
        /// The text.
        pub text: String,
    }
}
