//! How well does a model caption pictures it has never seen, and how well does it answer questions about them?
//!
//! The pictures come from a folder that `eyewright dataset demo` wrote; the scenes beside them are the truth.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use eyewright_data::{
    image::{DecodeLimits, Picture, open as open_picture},
    scenes::{
        Language, QuestionKind, SceneRow, Tally, caption_objects, caption_requests, image_file, same_answer,
    },
};
use eyewright_infer::{CancelToken, ChatModel, ChatSession, GenerationConfig, SamplingConfig};
use serde::Serialize;

use super::DemoError;
use crate::AppError;

/// What is measured.
#[derive(Clone, Debug)]
pub struct ScoreRequest {
    /// A folder that `eyewright dataset demo` wrote.
    pub data: PathBuf,
    /// Pictures to look at, from the first.
    pub pictures: usize,
    /// Questions asked about each, at most.
    pub questions: usize,
    /// Whether captions are asked for too.
    pub captions: bool,
}

/// One question and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// The picture.
    pub image: PathBuf,
    /// What was asked.
    pub question: String,
    /// What is right.
    pub expected: String,
    /// What the model said.
    pub answer: String,
    /// Whether that is right; for a caption, whether all objects are.
    pub right: bool,
}

/// What was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Score {
    /// Objects of captions, thing and colour together.
    pub caption_objects: Tally,
    /// Answers that are exactly right.
    pub answers: Tally,
    /// The same by language.
    pub by_language: BTreeMap<String, Tally>,
    /// The same by what was asked.
    pub by_kind: BTreeMap<QuestionKind, Tally>,
    /// Questions that were answered with a caption: a sentence that names an object with its colour.
    pub captions_instead: usize,
    /// Every caption.
    pub captions: Vec<Answered>,
    /// Every answer.
    pub asked: Vec<Answered>,
}

/// Asks a model about pictures, each question in a conversation of its own. `progress` is told pictures done and
/// in all.
///
/// # Errors
/// If the data cannot be read or the model fails.
pub fn score(
    model: &ChatModel,
    request: &ScoreRequest,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Score, AppError> {
    let rows = rows(request)?;
    let mut score = Score::default();
    for (done, row) in rows.iter().enumerate() {
        if cancel.is_cancelled() {
            break;
        }
        let image = request.data.join("images").join(image_file(row.index));
        let picture = open_picture(&image, &DecodeLimits::default())?;
        let ask = |question: &str| ask(model, &picture, question, cancel);
        if request.captions {
            let requests = caption_requests(row.language);
            let question = requests.get(done % requests.len()).copied().unwrap_or_default();
            let answer = ask(question)?;
            let tally = caption_objects(&answer, &row.scene, row.language);
            score.caption_objects.right += tally.right;
            score.caption_objects.all += tally.all;
            score.captions.push(Answered {
                image: image.clone(),
                question: question.to_owned(),
                expected: eyewright_data::scenes::caption(&row.scene, row.language),
                answer,
                right: tally.right == tally.all,
            });
        }
        for asked in row.questions.iter().take(request.questions) {
            let answer = ask(&asked.question)?;
            let right = same_answer(&answer, &asked.answer);
            score.answers.count(right);
            let language = match row.language {
                Language::English => "english",
                Language::Chinese => "chinese",
            };
            score.by_language.entry(language.to_owned()).or_default().count(right);
            score.by_kind.entry(asked.kind).or_default().count(right);
            let objects = caption_objects(&answer, &row.scene, row.language);
            score.captions_instead += usize::from(!right && objects.right > 0);
            score.asked.push(Answered {
                image: image.clone(),
                question: asked.question.clone(),
                expected: asked.answer.clone(),
                answer,
                right,
            });
        }
        progress(done + 1, rows.len());
    }
    Ok(score)
}

fn rows(request: &ScoreRequest) -> Result<Vec<SceneRow>, DemoError> {
    let file = request.data.join("scenes.jsonl");
    let lines = BufReader::new(fs::File::open(&file).map_err(DemoError::io(&file))?).lines();
    let mut rows = Vec::new();
    for (number, line) in lines.take(request.pictures).enumerate() {
        let line = line.map_err(DemoError::io(&file))?;
        let row = serde_json::from_str(&line).map_err(|source| DemoError::Json {
            file: file.clone(),
            line: number + 1,
            source,
        })?;
        rows.push(row);
    }
    Ok(rows)
}

fn ask(
    model: &ChatModel,
    picture: &Picture,
    question: &str,
    cancel: &CancelToken,
) -> Result<String, AppError> {
    let config = GenerationConfig {
        sampling: SamplingConfig { temperature: 0.0, ..SamplingConfig::default() },
        max_new_tokens: 64,
        ..GenerationConfig::default()
    };
    let mut session = ChatSession::new(model);
    let pictures = std::slice::from_ref(picture);
    Ok(session.ask(question, pictures, &config, cancel, &mut |_| {})?.text)
}
