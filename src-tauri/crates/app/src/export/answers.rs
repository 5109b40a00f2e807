//! Does the model that was written say what its source says?
//!
//! The source answers fixed questions about fixed pictures. What was written reads the same questions with those
//! answers behind them: its scores there show whether it would have written every token too, in one pass instead of
//! one for each token. Both compute in 32 bits, one after the other, so that only one is in memory.

use std::{fmt, path::Path};

use burn::tensor::DType;
use eyewright_data::{
    conversation::{BosMode, Piece, Turn, render_prompt},
    image::{Picture, SquareMode},
    tokenizer::Tokenizer,
};
use eyewright_infer::{CancelToken, ChatModel, ChatSession, GenerationConfig, SamplingConfig};
use eyewright_interop::{InteropError, source::Source};
use eyewright_ops::{DeviceChoice, OpenDevice, open_device};

use super::StoredDtype;
use crate::{AppError, open::processor_for};

/// Tokens of an answer, at most.
const TOKENS: usize = 16;

/// A question with its answer behind it, as one model reads it.
struct Reading {
    /// Tokens; -200 where a picture is.
    ids: Vec<i64>,
    /// How many of them are the answer.
    answer: usize,
    /// The scores after each token: `[ids, width]` as rows in one list.
    scores: Vec<f32>,
    /// Size of the vocabulary.
    width: usize,
}

impl Reading {
    fn rows(&self) -> std::slice::Chunks<'_, f32> {
        self.scores.chunks(self.width)
    }

    /// The tokens this model would have written where the answer is.
    fn written(&self) -> Vec<usize> {
        let before = self.ids.len().saturating_sub(self.answer + 1);
        let best =
            |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(id, _)| id);
        self.rows().skip(before).take(self.answer).map(best).collect()
    }

    /// The largest difference between two models' scores, as a part of this one's largest score. A vocabulary may
    /// have been filled up behind the old tokens.
    fn distance(&self, other: &Self) -> f32 {
        if self.ids != other.ids || other.width < self.width {
            return f32::INFINITY;
        }
        let scale = self.scores.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let pairs = self.rows().zip(other.rows()).flat_map(|(old, new)| old.iter().zip(new));
        pairs.map(|(old, new)| (old - new).abs() / scale).fold(0.0, farther)
    }
}

/// The larger one; what is not a number is farthest, and `f32::max` would pass over it.
fn farther(a: f32, b: f32) -> f32 {
    if a.is_nan() || a >= b { a } else { b }
}

/// How far what was written is from its source.
pub(super) struct Likeness {
    pub(super) equal: usize,
    pub(super) all: usize,
    /// The largest difference of two scores, as a part of the largest score.
    pub(super) most: f32,
    limit: f32,
    place: DeviceChoice,
}

/// How many times the limit rounding may move the scores of an untrained model.
const AT_MOST: f32 = 10.0;

impl Likeness {
    /// Whether scores are no further apart than rounding moves those of a trained model.
    pub(super) fn holds(&self) -> bool {
        self.most <= self.limit
    }

    /// Whether scores are no further apart than rounding could move any. What is not a number is not.
    pub(super) fn may_be_rounding(&self) -> bool {
        self.most <= AT_MOST * self.limit
    }

    pub(super) fn fault(&self, folder: &Path) -> AppError {
        let Self { most, limit, .. } = self;
        let what = if most.is_nan() {
            "its scores are no numbers; with another --dtype they may be".to_owned()
        } else if most.is_infinite() {
            "it reads the same question as other tokens than its source".to_owned()
        } else {
            format!("its scores differ from the source's by {most:.1e} of the largest, at most {limit:.0e}")
        };
        InteropError::Different { file: folder.to_owned(), what }.into()
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { equal, all, most, place, .. } = self;
        write!(out, "{equal} of {all} answers are equal token for token; ")?;
        match *most {
            0.0 => write!(out, "scores are equal (computed on {place})"),
            most => write!(out, "scores differ by at most {most:.1e} (computed on {place})"),
        }
    }
}

/// Asks the source, and lets what was written from it in `dtype` read the answers.
///
/// # Errors
/// If a model cannot be loaded or computed.
pub(super) fn compare(
    source: &Source,
    again: &Source,
    dtype: StoredDtype,
    device: &OpenDevice,
) -> Result<Likeness, AppError> {
    // Whatever was computed there before leaves its pages with the allocator.
    device.device.memory_cleanup();
    // Adapters are a part of the model; the rest is for scores over the vocabulary.
    let room = source.bytes(4).max(again.bytes(4)) * 5 / 4 + (2 << 30);
    let place = place(device, room)?;
    let before = read(source, source, &place, None)?;
    place.device.memory_cleanup();
    let answers: Vec<&[i64]> =
        before.iter().map(|reading| &reading.ids[reading.ids.len() - reading.answer..]).collect();
    let after = read(again, source, &place, Some(&answers))?;
    place.device.memory_cleanup();
    let pairs = || before.iter().zip(&after);
    Ok(Likeness {
        equal: pairs().filter(|(before, after)| before.written() == after.written()).count(),
        all: before.len(),
        most: pairs().map(|(before, after)| before.distance(after)).fold(0.0, farther),
        limit: match dtype {
            StoredDtype::F32 | StoredDtype::F64 => 1e-3,
            StoredDtype::F16 => 2e-2,
            _ => 1e-1,
        },
        place: place.choice,
    })
}

/// The device, if it is known to have this room; else the CPU.
fn place(device: &OpenDevice, room: u64) -> Result<OpenDevice, AppError> {
    let fits = device.free_memory().is_some_and(|free| room <= free);
    Ok(if fits { device.clone() } else { open_device(DeviceChoice::Cpu)? })
}

/// Reads all questions with the answers given, or with the model's own greedy ones. They are put as to the model that
/// `like` is: not every form says in which template and which square.
fn read(
    source: &Source,
    like: &Source,
    place: &OpenDevice,
    answers: Option<&[&[i64]]>,
) -> Result<Vec<Reading>, AppError> {
    let files = &source.files;
    let processor = match &files.eye {
        Some(eye) => Some(processor_for(&eye.preprocessor, eye.tower.config.clip.image_side)?),
        None => None,
    };
    let model = ChatModel {
        llava: files.load(&place.device, DType::F32, &mut |_| {})?,
        tokenizer: Tokenizer::open(&source.paths.model)?,
        template: like.template.clone(),
        processor,
        square: if like.pads { SquareMode::Pad } else { SquareMode::CentreCrop },
        bos: BosMode::Always,
        device: place.device.clone(),
        dtype: DType::F32,
    };
    let mut readings = Vec::new();
    for (index, (pictures, question)) in questions(files.eye.is_some())?.into_iter().enumerate() {
        let answer: Vec<u32> = match answers.and_then(|answers| answers.get(index)) {
            Some(given) => given.iter().filter_map(|id| u32::try_from(*id).ok()).collect(),
            None => own_answer(&model, question, &pictures)?,
        };
        let turns = [Turn::user_with_images(pictures.len(), question)];
        let mut text = render_prompt(&model.template, &model.tokenizer, None, &turns, model.bos)?;
        text.pieces.push(Piece::Text(answer.clone()));
        let (ids, scores) = model.prompt_scores(&text, model.encode(&pictures)?.as_ref())?;
        readings.push(Reading { ids, answer: answer.len(), scores, width: files.llm.config.vocab });
    }
    Ok(readings)
}

fn own_answer(model: &ChatModel, question: &str, pictures: &[Picture]) -> Result<Vec<u32>, AppError> {
    let config = GenerationConfig {
        sampling: SamplingConfig { temperature: 0.0, ..SamplingConfig::default() },
        max_new_tokens: TOKENS,
        ..GenerationConfig::default()
    };
    let mut session = ChatSession::new(model);
    Ok(session.ask(question, pictures, &config, &CancelToken::default(), &mut |_| {})?.ids)
}

type Question = (Vec<Picture>, &'static str);

/// A wide and a tall picture with every colour in them, and a question without one.
fn questions(sees: bool) -> Result<Vec<Question>, AppError> {
    let picture = |width: u32, height: u32| {
        let dots = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = dots.flat_map(|(x, y)| {
            let square = if (x / 7 + y / 5) % 2 == 0 { 255 } else { 40 };
            [(x * 255 / width) as u8, (y * 255 / height) as u8, square]
        });
        Picture::from_rgb(width, height, rgb.collect())
    };
    let mut questions: Vec<Question> = vec![(Vec::new(), "What can you do?")];
    if sees {
        questions.push((vec![picture(64, 40)?], "What is in this picture?"));
        questions.push((vec![picture(37, 61)?], "Describe the colours."));
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(ids: &[i64], answer: usize, width: usize, scores: &[f32]) -> Reading {
        Reading { ids: ids.to_vec(), answer, scores: scores.to_vec(), width }
    }

    #[test]
    fn what_would_have_been_written_stands_in_the_rows_before_the_answer() {
        let old = reading(&[5, 1, 0], 2, 2, &[0.0, 3.0, 9.0, 1.0, 0.0, 4.0]);
        assert_eq!(old.written(), [1, 0]);
        let other = reading(&[5, 1, 0], 2, 3, &[0.0, 3.0, 8.0, 9.0, 1.0, 0.0, 0.0, 4.0, 0.0]);
        assert_eq!(other.written(), [2, 0], "a token behind the old vocabulary counts");
    }

    #[test]
    fn only_a_small_difference_may_be_rounding() {
        let rows = [(0.0, true, true), (0.02, true, true), (0.1, false, true), (0.3, false, false)];
        for (most, holds, rounding) in
            [(f32::NAN, false, false), (f32::INFINITY, false, false)].into_iter().chain(rows)
        {
            let likeness = Likeness { equal: 0, all: 3, most, limit: 0.02, place: DeviceChoice::Cpu };
            assert_eq!((likeness.holds(), likeness.may_be_rounding()), (holds, rounding), "{most}");
        }
    }

    #[test]
    fn distance_is_a_part_of_the_largest_score() {
        let old = reading(&[5, 1], 1, 2, &[0.0, 2.0, -4.0, 1.0]);
        let rows = [
            (reading(&[5, 1], 1, 2, &[0.0, 2.0, -4.0, 1.0]), 0.0),
            (reading(&[5, 1], 1, 2, &[0.0, 2.0, -3.0, 1.0]), 0.25),
            (reading(&[5, 1], 1, 3, &[0.0, 2.0, 77.0, -4.0, 1.0, 77.0]), 0.0),
            (reading(&[5, 2], 1, 2, &[0.0, 2.0, -4.0, 1.0]), f32::INFINITY),
            (reading(&[5, 1], 1, 1, &[0.0, -4.0]), f32::INFINITY),
        ];
        for (new, expected) in rows {
            assert_eq!(old.distance(&new), expected, "{:?}", new.scores);
        }
        for nan in [[0.0, f32::NAN, -4.0, 1.0], [0.0, 2.0, -4.0, f32::NAN]] {
            assert!(old.distance(&reading(&[5, 1], 1, 2, &nan)).is_nan());
        }
    }
}
