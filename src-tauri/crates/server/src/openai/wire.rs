//! What does a request for a completion say? Every value is checked here, once.

use base64::Engine;
use eyewright_app::{ApiImage, ApiQuestion, ApiTurn};
use eyewright_protocol::SamplingSettings;
use serde::Deserialize;
use serde_json::Value;

/// Pictures of one request.
const PICTURES: usize = 32;

/// The request, as far as it is understood; other fields of the API are let pass.
#[derive(Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    model: String,
    messages: Vec<RequestMessage>,
    #[serde(default)]
    pub(super) stream: bool,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<i64>,
    stop: Option<Stop>,
    n: Option<i64>,
    response_format: Option<ResponseFormat>,
    tools: Option<Value>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct ResponseFormat {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct RequestMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
    image_url: Option<ImageUrl>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ImageUrl {
    Object { url: String },
    Plain(String),
}

/// What is wrong, and with which field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) &'static str, pub(super) String);

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(field, message.into()))
}

impl Request {
    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }

    /// The conversation and its settings; `usual` holds where the request is silent.
    pub(super) fn question(self, usual: SamplingSettings) -> Result<ApiQuestion, Wrong> {
        if self.n.is_some_and(|n| n != 1) {
            return wrong("n", "one answer is given to one request");
        }
        if self.response_format.as_ref().is_some_and(|format| format.r#type != "text") {
            return wrong("response_format", "only answers as text are given");
        }
        if self.tools.as_ref().is_some_and(|tools| tools.as_array().is_none_or(|tools| !tools.is_empty())) {
            return wrong("tools", "there are no tools");
        }
        let sampling = self.sampling(usual)?;
        let (system, turns) = conversation(self.messages)?;
        Ok(ApiQuestion { model: self.model, system, turns, sampling })
    }

    fn sampling(&self, usual: SamplingSettings) -> Result<SamplingSettings, Wrong> {
        let mut sampling = usual;
        if self.temperature.is_some() || self.top_p.is_some() {
            // As OpenAI has it: what is not given does not narrow the choice.
            (sampling.top_p, sampling.top_k) = (1.0, 0);
        }
        if let Some(temperature) = self.temperature {
            if !(0.0..=2.0).contains(&temperature) {
                return wrong("temperature", "it must be from 0 to 2");
            }
            sampling.temperature = temperature;
        }
        if let Some(top_p) = self.top_p {
            if !(top_p > 0.0 && top_p <= 1.0) {
                return wrong("top_p", "it must be above 0 and at most 1");
            }
            sampling.top_p = top_p;
        }
        if let Some(most) = self.max_completion_tokens.or(self.max_tokens) {
            sampling.max_new_tokens = match u32::try_from(most) {
                Ok(most @ 1..=1_048_576) => most,
                _ => return wrong("max_tokens", "it must be from 1 to 1048576"),
            };
        }
        sampling.seed = match self.seed {
            // Any whole number is a seed; the generator takes 32 bits of it.
            Some(seed) => u32::try_from(seed.rem_euclid(1 << 32)).ok(),
            None => None,
        };
        sampling.stop = match &self.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop.clone()],
            Some(Stop::Several(stops)) => stops.clone(),
        };
        if sampling.stop.len() > 4 || sampling.stop.iter().any(|stop| stop.is_empty() || stop.len() > 200) {
            return wrong("stop", "at most 4 texts of 1 to 200 letters end an answer");
        }
        Ok(sampling)
    }
}

/// Instructions joined; questions and answers taking turns, the last one a question.
fn conversation(messages: Vec<RequestMessage>) -> Result<(String, Vec<ApiTurn>), Wrong> {
    let mut system: Vec<String> = Vec::new();
    let mut turns: Vec<ApiTurn> = Vec::new();
    let mut pictures = 0;
    for message in messages {
        let (text, images) = content(message.content)?;
        pictures += images.len();
        if pictures > PICTURES {
            return wrong("messages", format!("a request has at most {PICTURES} pictures"));
        }
        let user = match message.role.as_str() {
            "system" | "developer" => {
                system.push(text);
                continue;
            }
            "user" => true,
            "assistant" => false,
            _ => return wrong("messages", "a role is system, developer, user or assistant"),
        };
        if !user && !images.is_empty() {
            return wrong("messages", "only the user shows pictures");
        }
        match turns.last_mut() {
            // Two messages of the same side are one turn.
            Some(last) if last.user == user => {
                if !last.text.is_empty() && !text.is_empty() {
                    last.text.push('\n');
                }
                last.text += &text;
                last.images.extend(images);
            }
            None if !user => return wrong("messages", "a conversation begins with the user"),
            _ => turns.push(ApiTurn { user, text, images }),
        }
    }
    if !turns.last().is_some_and(|turn| turn.user) {
        return wrong("messages", "the last message must be the user's");
    }
    Ok((system.join("\n"), turns))
}

fn content(content: Option<Content>) -> Result<(String, Vec<ApiImage>), Wrong> {
    let parts = match content {
        None => return Ok(Default::default()),
        Some(Content::Text(text)) => return Ok((text, Vec::new())),
        Some(Content::Parts(parts)) => parts,
    };
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match (part.r#type.as_str(), part.text, part.image_url) {
            ("text" | "input_text" | "output_text", Some(text), _) => texts.push(text),
            ("image_url" | "input_image", _, Some(ImageUrl::Object { url } | ImageUrl::Plain(url))) => {
                images.push(ApiImage(picture(&url)?));
            }
            _ => return wrong("messages", "a part is `text` with text, or `image_url` with a data URI"),
        }
    }
    Ok((texts.join("\n"), images))
}

/// The bytes of a data URI, or of bare base64.
fn picture(url: &str) -> Result<Vec<u8>, Wrong> {
    let text = match url.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("data:") => match url.split_once(',') {
            Some((head, text)) if head.to_ascii_lowercase().ends_with(";base64") => text,
            _ => return wrong("image_url", "a data URI must be in base64"),
        },
        _ if url.contains(':') || url.starts_with(['/', '.']) && url.len() < 300 => {
            return wrong("image_url", "pictures come as data URIs; addresses and paths are not opened");
        }
        _ => url,
    };
    let engine = base64::engine::general_purpose::STANDARD;
    match engine.decode(text.trim()) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => wrong("image_url", "the picture is not base64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(json: &str) -> Result<ApiQuestion, Wrong> {
        serde_json::from_str::<Request>(json).unwrap().question(SamplingSettings::default())
    }

    fn with(fields: &str) -> Result<ApiQuestion, Wrong> {
        question(&format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{fields}}}"#))
    }

    #[test]
    fn messages_become_turns() {
        let json = r#"{"model":"m","unknown":1,"messages":[
            {"role":"system","content":"a"},{"role":"developer","content":[{"type":"text","text":"b"}]},
            {"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]},
            {"role":"assistant","content":"y"},{"role":"user","content":"z"},{"role":"user","content":"w"}]}"#;
        let asked = question(json).unwrap();
        assert_eq!((asked.model.as_str(), asked.system.as_str()), ("m", "a\nb"));
        let turns: Vec<_> =
            asked.turns.iter().map(|turn| (turn.user, turn.text.as_str(), turn.images.len())).collect();
        assert_eq!(turns, [(true, "x", 1), (false, "y", 0), (true, "z\nw", 0)]);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        for (fields, field) in [
            (r#""temperature":-1"#, "temperature"),
            (r#""temperature":2.1"#, "temperature"),
            (r#""top_p":0"#, "top_p"),
            (r#""top_p":1e300"#, "top_p"),
            (r#""max_tokens":0"#, "max_tokens"),
            (r#""max_tokens":-5"#, "max_tokens"),
            (r#""max_completion_tokens":9223372036854775807"#, "max_tokens"),
            (r#""n":2"#, "n"),
            (r#""stop":["","a"]"#, "stop"),
            (r#""stop":["a","b","c","d","e"]"#, "stop"),
            (r#""response_format":{"type":"json_object"}"#, "response_format"),
            (r#""tools":[{}]"#, "tools"),
        ] {
            assert_eq!(with(fields).unwrap_err().0, field, "{fields}");
        }
        let good = with(
            r#""temperature":0,"max_tokens":3,"seed":-1,"stop":"x","n":1,"response_format":{"type":"text"}"#,
        )
        .unwrap();
        assert_eq!(
            (good.sampling.temperature, good.sampling.max_new_tokens, good.sampling.top_k),
            (0.0, 3, 0)
        );
        assert_eq!((good.sampling.seed, good.sampling.stop), (Some(u32::MAX), vec!["x".to_owned()]));
    }

    #[test]
    fn pictures_are_data_and_never_places() {
        for url in [
            "http://127.0.0.1/x.png",
            "https://example.org/x.png",
            "file:///etc/passwd",
            "FILE:/etc/passwd",
            "/etc/passwd",
            "../x.png",
            "data:image/png,AAAA",
            "data:image/png;base64,",
            "data:image/png;base64,§",
            "ftp://x",
            "",
        ] {
            assert!(picture(url).is_err(), "{url}");
        }
        assert_eq!(picture("data:image/png;base64,AAAA").unwrap(), [0, 0, 0]);
        assert_eq!(picture("DATA:;BASE64,AAAA").unwrap(), [0, 0, 0]);
        assert_eq!(picture("/9j/").unwrap_err().0, "image_url"); // could be a path, and is too short for a picture
        assert_eq!(picture("AAAA").unwrap(), [0, 0, 0]);
    }

    #[test]
    fn roles_must_make_sense() {
        for messages in [
            "[]",
            r#"[{"role":"assistant","content":"x"}]"#,
            r#"[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]"#,
            r#"[{"role":"tool","content":"x"}]"#,
            r#"[{"role":"user","content":[{"type":"audio"}]}]"#,
            r#"[{"role":"system","content":"x"}]"#,
        ] {
            assert_eq!(
                question(&format!(r#"{{"messages":{messages}}}"#)).unwrap_err().0,
                "messages",
                "{messages}"
            );
        }
    }
}
