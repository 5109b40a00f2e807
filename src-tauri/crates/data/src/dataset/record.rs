//! What does one row say, and between whom?
//!
//! Reference: XTuner v0.1.17 `llava_map_fn` (see the rules at [`Record::turns`]).

use serde::Deserialize;

use super::RowProblem;
use crate::conversation::{IMAGE_MARK, Role, Turn};

/// One row in its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The row's own name, as text.
    pub id: Option<String>,
    /// Names of its pictures below the image folder.
    pub images: Vec<String>,
    /// Who says what, as written: `human` or `gpt`, and the text.
    pub messages: Vec<(Role, String)>,
    /// The tutorial's `conversation` stands where `conversations` should.
    pub misspelt: bool,
}

#[derive(Deserialize)]
struct RawRow {
    id: Option<serde_json::Value>,
    image: Option<RawImages>,
    conversations: Option<Vec<RawMessage>>,
    conversation: Option<Vec<RawMessage>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawImages {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct RawMessage {
    from: String,
    value: String,
}

impl Record {
    /// Reads the JSON text of a row.
    ///
    /// # Errors
    /// Another form, no conversation, or a speaker who is neither `human` nor `gpt`.
    pub fn parse(text: &str) -> Result<Self, RowProblem> {
        let raw: RawRow =
            serde_json::from_str(text).map_err(|error| RowProblem::Form { reason: error.to_string() })?;
        let misspelt = raw.conversations.is_none();
        let said = raw.conversations.or(raw.conversation).ok_or(RowProblem::NoConversation)?;
        let mut messages = Vec::with_capacity(said.len());
        for (index, RawMessage { from, value }) in said.into_iter().enumerate() {
            let role = match from.as_str() {
                "human" => Role::User,
                "gpt" => Role::Assistant,
                _ => return Err(RowProblem::Role { message: index + 1, from }),
            };
            messages.push((role, value));
        }
        let id = raw.id.map(|id| match id {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        });
        let images = match raw.image {
            None => Vec::new(),
            Some(RawImages::One(name)) => vec![name],
            Some(RawImages::Several(names)) => names,
        };
        Ok(Self { id, images, messages, misspelt })
    }

    /// The conversation as it is trained on, from a question to an answer.
    ///
    /// As in XTuner, answers before the first question and a question after the last answer are left out,
    /// questions in a row are joined, and all `<image>` marks of a question become one in front of it. Where a
    /// row has several pictures, marks stay in their places instead: which picture comes where matters then.
    ///
    /// # Errors
    /// Two answers in a row, an empty answer, or nothing to train on.
    pub fn turns(&self) -> Result<Vec<Turn>, RowProblem> {
        let mut turns: Vec<Turn> = Vec::new();
        let mut question: Option<String> = None;
        for (index, (role, text)) in self.messages.iter().enumerate() {
            match role {
                Role::User => {
                    let text = if self.images.len() > 1 { text.clone() } else { with_mark_in_front(text) };
                    question.get_or_insert_default().push_str(&text);
                }
                Role::Assistant => match question.take() {
                    None if turns.is_empty() => {}
                    None => return Err(RowProblem::Order { message: index + 1 }),
                    Some(asked) => {
                        if text.trim().is_empty() {
                            return Err(RowProblem::EmptyAnswer { answer: turns.len() / 2 + 1 });
                        }
                        turns.push(Turn::from_marked(Role::User, &asked));
                        turns.push(Turn::from_marked(Role::Assistant, text));
                    }
                },
            }
        }
        if turns.is_empty() { Err(RowProblem::NothingToLearn) } else { Ok(turns) }
    }
}

/// `a <image> b` becomes `<image>\na  b`; text without a mark stays as it is.
fn with_mark_in_front(text: &str) -> String {
    if !text.contains(IMAGE_MARK) {
        return text.to_owned();
    }
    let rest = text.replace(IMAGE_MARK, "");
    format!("{IMAGE_MARK}\n{}", rest.trim()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        Record::parse(text).unwrap()
    }

    #[test]
    fn rows_in_all_spellings() {
        let row = record(
            r#"{"id": 7, "image": "a/b.jpg", "extra": [], "conversations":
               [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]}"#,
        );
        assert_eq!((row.id.as_deref(), row.images.as_slice()), (Some("7"), &["a/b.jpg".to_owned()][..]));
        assert!(!row.misspelt && row.messages.len() == 2);
        let row = record(r#"{"image": ["a.png", "b.png"], "conversation": []}"#);
        assert!(row.misspelt && row.images.len() == 2 && row.id.is_none());
        assert_eq!(record(r#"{"image": null, "conversations": []}"#).images.len(), 0);
        let rows = [
            ("[]", "not a row"),
            ("{", "not a row"),
            (r#"{"id": "x"}"#, "no `conversations`"),
            (r#"{"conversations": [{"from": "system", "value": ""}]}"#, "from `system`"),
            (r#"{"conversations": [{"from": "human"}]}"#, "missing field `value`"),
        ];
        for (text, expected) in rows {
            let error = Record::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    fn turns(images: usize, said: &[(&str, &str)]) -> Result<Vec<Turn>, RowProblem> {
        let role = |who: &str| if who == "h" { Role::User } else { Role::Assistant };
        Record {
            images: vec![String::new(); images],
            messages: said.iter().map(|(who, text)| (role(who), (*text).to_owned())).collect(),
            ..Record::default()
        }
        .turns()
    }

    #[test]
    fn conversations_become_turns_as_in_xtuner() {
        let user = |text| Turn::from_marked(Role::User, text);
        let gpt = Turn::assistant;
        let rows: &[(usize, &[(&str, &str)], Vec<Turn>)] = &[
            (1, &[("h", "What? <image>"), ("g", "A cat")], vec![user("<image>\nWhat?"), gpt("A cat")]),
            (1, &[("h", " <image> "), ("g", "A cat")], vec![user("<image>"), gpt("A cat")]),
            (1, &[("h", "<image>a<image>"), ("g", "b")], vec![user("<image>\na"), gpt("b")]),
            (
                0,
                &[("g", "before"), ("h", "a"), ("h", " b"), ("g", "c"), ("h", "left")],
                vec![user("a b"), gpt("c")],
            ),
            (2, &[("h", "<image> and <image>?"), ("g", "b")], vec![user("<image> and <image>?"), gpt("b")]),
            (0, &[("h", "a"), ("g", "<image> is text")], vec![user("a"), gpt("<image> is text")]),
        ];
        for (images, said, expected) in rows {
            assert_eq!(turns(*images, said).as_ref(), Ok(expected), "{said:?}");
        }
        assert_eq!(turns(0, &[("h", "a"), ("g", "b"), ("g", "c")]), Err(RowProblem::Order { message: 3 }));
        assert_eq!(turns(0, &[("h", "a"), ("g", " \n")]), Err(RowProblem::EmptyAnswer { answer: 1 }));
        assert_eq!(turns(0, &[("g", "a"), ("h", "b")]), Err(RowProblem::NothingToLearn));
    }
}
