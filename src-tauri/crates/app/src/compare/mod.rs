//! Before and after: the same pictures and questions answered by two models, side by side, with scores.

mod report;
mod score;

use std::path::{Path, PathBuf};

use eyewright_data::{
    conversation::{Part, Role, Turn},
    dataset::{DatasetIndex, ImageFolder},
    image::{DecodeLimits, Picture, open},
};
use eyewright_infer::{CancelToken, ChatModel, ChatSession, GenerationConfig, SamplingConfig};
use serde::Serialize;

pub use report::html;
pub use score::Scores;

use crate::{AppError, ModelRequest, open_model};

/// Which models, and what they are asked.
#[derive(Clone, Debug)]
pub struct CompareRequest {
    /// One model.
    pub a: ModelRequest,
    /// The other.
    pub b: ModelRequest,
    /// Questions with pictures and expected answers, in LLaVA's form.
    pub data: PathBuf,
    /// Where picture names start from; the data's folder if absent.
    pub image_folder: Option<PathBuf>,
    /// At most this many questions.
    pub limit: usize,
    /// Longest answer in tokens.
    pub max_new_tokens: usize,
}

/// One question with both answers.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Row of the data, counted from 1.
    pub row: usize,
    /// Its pictures.
    pub pictures: Vec<PathBuf>,
    /// The question.
    pub question: String,
    /// What the data says.
    pub expected: String,
    /// What the first model says.
    pub a: Answered,
    /// What the second model says.
    pub b: Answered,
}

/// An answer and how good it is.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// The answer.
    pub text: String,
    /// Compared with the expected one.
    pub scores: Scores,
}

/// All questions, and the means.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Names of both models, as they were given.
    pub names: [String; 2],
    /// Question by question.
    pub rows: Vec<Compared>,
    /// Means over all questions.
    pub means: [Scores; 2],
    /// Rows that were left out, and why.
    pub left_out: Vec<String>,
}

struct Question {
    row: usize,
    pictures: Vec<PathBuf>,
    question: String,
    expected: String,
}

/// Asks both models, one after the other, so that only one is in memory at a time. `progress` is told questions done
/// and questions in all.
///
/// # Errors
/// A model that cannot be opened or answer, or data that cannot be read.
pub fn compare(
    request: &CompareRequest,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Comparison, AppError> {
    let (questions, left_out) = questions(request)?;
    let total = 2 * questions.len();
    let mut answers = [Vec::new(), Vec::new()];
    for (index, (model, answers)) in [&request.a, &request.b].into_iter().zip(&mut answers).enumerate() {
        let open = open_model(model, &mut |_, _| {})?;
        for (done, question) in questions.iter().enumerate() {
            if cancel.is_cancelled() {
                break;
            }
            answers.push(ask(&open.model, question, request.max_new_tokens, cancel)?);
            progress(index * questions.len() + done + 1, total);
        }
    }
    let [first, second] = answers;
    let rows: Vec<Compared> = questions
        .into_iter()
        .zip(first.into_iter().zip(second))
        .map(|(question, (a, b))| {
            let answered = |text: String| Answered { scores: Scores::of(&text, &question.expected), text };
            Compared {
                row: question.row,
                a: answered(a),
                b: answered(b),
                pictures: question.pictures,
                question: question.question,
                expected: question.expected,
            }
        })
        .collect();
    let means = [
        Scores::mean(rows.iter().map(|row| row.a.scores)),
        Scores::mean(rows.iter().map(|row| row.b.scores)),
    ];
    let name =
        |model: &ModelRequest| model.paths.llava.as_ref().unwrap_or(&model.paths.model).display().to_string();
    Ok(Comparison { names: [name(&request.a), name(&request.b)], rows, means, left_out })
}

/// Every question of the data by itself, with the pictures of its row.
fn questions(request: &CompareRequest) -> Result<(Vec<Question>, Vec<String>), AppError> {
    let index = DatasetIndex::open(&request.data, &mut |_, _| {})?;
    let own = request.data.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = request.image_folder.as_deref().or(own).unwrap_or(Path::new("."));
    let folder = ImageFolder::open(folder)?;
    let (mut questions, mut left_out) = (Vec::new(), Vec::new());
    for row in 0..index.len() {
        if questions.len() >= request.limit {
            break;
        }
        let read = index.record(row)?.and_then(|record| {
            let turns = record.turns()?;
            let pictures = record.images.iter().map(|name| folder.resolve(name));
            Ok((turns, pictures.collect::<Result<Vec<_>, _>>()?))
        });
        let (turns, pictures) = match read {
            Ok(read) => read,
            Err(problem) => {
                left_out.push(format!("row {}: {problem}", row + 1));
                continue;
            }
        };
        for pair in turns.chunks(2) {
            let [asked, expected] = pair else { continue };
            debug_assert_eq!((asked.role, expected.role), (Role::User, Role::Assistant));
            questions.push(Question {
                row: row + 1,
                pictures: pictures.clone(),
                question: text_of(asked),
                expected: text_of(expected),
            });
        }
    }
    questions.truncate(request.limit);
    Ok((questions, left_out))
}

/// What is said, without the places of pictures.
fn text_of(turn: &Turn) -> String {
    let text = turn.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Image => None,
    });
    text.collect::<String>().trim().to_owned()
}

fn ask(
    model: &ChatModel,
    question: &Question,
    max_new_tokens: usize,
    cancel: &CancelToken,
) -> Result<String, AppError> {
    let open = |file: &PathBuf| open(file, &DecodeLimits::default());
    let pictures: Vec<Picture> = question.pictures.iter().map(open).collect::<Result<_, _>>()?;
    let config = GenerationConfig {
        sampling: SamplingConfig::greedy(),
        max_new_tokens,
        ..GenerationConfig::default()
    };
    let mut session = ChatSession::new(model);
    let answer = session.ask(&question.question, &pictures, &config, cancel, &mut |_| {})?;
    Ok(answer.text.trim().to_owned())
}
