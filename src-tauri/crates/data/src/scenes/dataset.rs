//! Puts scenes on disk as LLaVA training data: a JSON file and a folder of pictures.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::crowd::crowd_or_scene;
use super::dice::Dice;
use super::draw::draw;
use super::grid::grid;
use super::questions::{Question, questions};
use super::requests::caption_request;
use super::sampler::{Split, sample};
use super::scene::Scene;
use super::texts::text_row;
use super::words::{Language, caption};
use crate::image::ImageError;

/// Turns of a conversation: what is asked, what is answered.
pub type Turns = Vec<(String, String)>;

/// What the conversations of a data set are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A request and a caption per picture.
    Captions,
    /// Several questions and answers per picture.
    Questions,
    /// Every fourth picture has a caption, the others questions.
    Mixed,
    /// A caption and questions for every picture.
    Everything,
    /// Crowds of things told as a grid of words, patch by patch: what a tower learns to see from.
    Grid,
    /// Conversations about scenes told in words; no pictures.
    Text,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct DatasetConfig {
    /// The folder; made if it is not there.
    pub out: PathBuf,
    /// How many pictures.
    pub rows: u64,
    /// Other seeds, other pictures.
    pub seed: u64,
    /// Which scenes.
    pub split: Split,
    /// What is said about them.
    pub content: Content,
    /// Questions per picture.
    pub questions: usize,
    /// The pictures' side in pixels.
    pub side: u32,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetReport {
    /// The conversations.
    pub json: PathBuf,
    /// The folder of the pictures.
    pub images: PathBuf,
    /// The scenes behind the rows, for scoring.
    pub scenes: PathBuf,
    /// Rows, one picture each.
    pub rows: u64,
}

/// A data set that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The disk or its rights.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture that cannot be stored.
    #[error("cannot encode the picture for {}: {source}", file.display())]
    Picture {
        /// Its file.
        file: PathBuf,
        /// Why.
        source: ImageError,
    },
    /// Stopped by the caller.
    #[error("stopped after {done} of {rows} pictures; the JSON file was not written")]
    Stopped {
        /// Pictures written.
        done: u64,
        /// Pictures asked for.
        rows: u64,
    },
}

/// The scene behind a row, and what is said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneRow {
    /// The row's number.
    pub index: u64,
    /// What is in the picture.
    pub scene: Scene,
    /// The language of the row.
    pub language: Language,
    /// Questions, where the row has some.
    pub questions: Vec<Question>,
    /// The request and the caption, where it has one.
    pub caption: Option<(String, String)>,
}

/// How a picture is asked for as a grid.
const GRID_REQUEST: &str = "Tell the picture word by word.";

/// Row number `index`: its scene and its conversation. Rows depend on nothing but these arguments.
#[must_use]
pub fn rows_of(seed: u64, split: Split, content: Content, count: usize, index: u64) -> SceneRow {
    let scene = match content {
        Content::Grid => crowd_or_scene(seed, split, index),
        _ => sample(seed, split, index),
    };
    let mut dice = Dice::new(seed, (1 << 61) | index.wrapping_mul(4));
    let language = dice.pick_or(Language::ALL, Language::English);
    let (captioned, asked) = match content {
        Content::Captions | Content::Grid => (true, 0),
        Content::Mixed if index.is_multiple_of(4) => (true, 0),
        Content::Everything => (true, count),
        Content::Questions | Content::Mixed | Content::Text => (false, count),
    };
    let caption = captioned.then(|| match content {
        Content::Grid => (GRID_REQUEST.to_owned(), grid(&scene)),
        _ => (caption_request(&mut dice, language).to_owned(), caption(&scene, language)),
    });
    let questions = questions(&scene, language, asked, &mut dice);
    SceneRow { index, scene, language, questions, caption }
}

impl SceneRow {
    /// Its conversation.
    #[must_use]
    pub fn turns(&self) -> Turns {
        let asked = self.questions.iter().map(|asked| (asked.question.clone(), asked.answer.clone()));
        self.caption.iter().cloned().chain(asked).collect()
    }
}

/// Writes `DIR/data.json`, `DIR/images/*.png` and `DIR/scenes.jsonl`. `progress` hears the number of finished
/// pictures and says whether to go on.
///
/// # Errors
/// If the folder cannot be written, or `progress` said stop.
pub fn write_dataset(
    config: &DatasetConfig,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<DatasetReport, DatasetError> {
    let report = DatasetReport {
        json: config.out.join("data.json"),
        images: config.out.join("images"),
        scenes: config.out.join("scenes.jsonl"),
        rows: config.rows,
    };
    fs::create_dir_all(&report.images).map_err(io("create the folder", &report.images))?;
    let pictures = if config.content == Content::Text { 0 } else { config.rows };
    for folder in (0..pictures.div_ceil(FOLDER)).map(folder) {
        let folder = report.images.join(folder);
        fs::create_dir_all(&folder).map_err(io("create the folder", &folder))?;
    }
    let mut conversations = Staged::create(&report.json)?;
    let mut scenes = Staged::create(&report.scenes)?;
    conversations.write(b"[")?;
    let mut start = 0;
    while start < config.rows {
        let end = (start + TOLD).min(config.rows);
        let rows: Vec<(String, String)> = (start..end)
            .into_par_iter()
            .map(|index| written(config, &report.images, index))
            .collect::<Result<_, _>>()?;
        for (number, (conversation, scene)) in rows.into_iter().enumerate() {
            let before = if start == 0 && number == 0 { "\n" } else { ",\n" };
            conversations.write(before.as_bytes())?;
            conversations.write(conversation.as_bytes())?;
            scenes.write(scene.as_bytes())?;
        }
        start = end;
        if !progress(start) {
            return Err(DatasetError::Stopped { done: start, rows: config.rows });
        }
    }
    conversations.write(b"\n]\n")?;
    scenes.finish()?;
    conversations.finish()?;
    Ok(report)
}

/// Pictures drawn before `progress` hears of them.
const TOLD: u64 = 128;

/// Pictures per folder.
const FOLDER: u64 = 4096;

fn folder(number: u64) -> String {
    format!("{number:03}")
}

/// The picture of a row, below `images/`.
#[must_use]
pub fn image_file(index: u64) -> String {
    format!("{}/{index:06}.png", folder(index / FOLDER))
}

/// Draws a row's picture, if it has one; gives its line of the JSON file and its line of the scenes.
fn written(config: &DatasetConfig, images: &Path, index: u64) -> Result<(String, String), DatasetError> {
    if config.content == Content::Text {
        return Ok((conversation(index, None, &text_row(config.seed, index)), String::new()));
    }
    let row = rows_of(config.seed, config.split, config.content, config.questions, index);
    let name = image_file(index);
    let file = images.join(&name);
    let png = draw(&row.scene, config.side)
        .encode_png()
        .map_err(|source| DatasetError::Picture { file: file.clone(), source })?;
    fs::write(&file, png).map_err(io("write", &file))?;
    Ok((conversation(index, Some(&name), &row.turns()), format!("{}\n", json!(row))))
}

fn conversation(index: u64, image: Option<&str>, turns: &[(String, String)]) -> String {
    let mut messages = Vec::new();
    for (number, (question, answer)) in turns.iter().enumerate() {
        let shown = image.is_some() && number == 0;
        let question = if shown { format!("<image>\n{question}") } else { question.clone() };
        messages.push(json!({ "from": "human", "value": question }));
        messages.push(json!({ "from": "gpt", "value": answer }));
    }
    let id = format!("{index:06}");
    match image {
        Some(image) => json!({ "id": id, "image": image, "conversations": messages }).to_string(),
        None => json!({ "id": id, "conversations": messages }).to_string(),
    }
}

/// A file that gets its name only when it is whole.
struct Staged {
    out: BufWriter<File>,
    staged: PathBuf,
    file: PathBuf,
}

impl Staged {
    fn create(file: &Path) -> Result<Self, DatasetError> {
        let staged = file.with_extension("part");
        let out = File::create(&staged).map_err(io("create", &staged))?;
        Ok(Self { out: BufWriter::new(out), staged, file: file.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DatasetError> {
        self.out.write_all(bytes).map_err(io("write", &self.staged))
    }

    fn finish(mut self) -> Result<(), DatasetError> {
        self.out.flush().map_err(io("write", &self.staged))?;
        fs::rename(&self.staged, &self.file).map_err(io("rename the finished file to", &self.file))
    }
}

fn io(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> DatasetError {
    let file = file.to_owned();
    move |source| DatasetError::Io { action, file, source }
}
