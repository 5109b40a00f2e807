//! How does a trained model leave in someone else's form, and is what left the same model?
//!
//! Written beside its place, read back tensor by tensor, asked the same questions as its source, and only then
//! given its name.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device};
use eyewright_data::{
    conversation::{BosMode, Turn, render_prompt},
    image::{Picture, SquareMode},
    template::ChatTemplate,
    tokenizer::Tokenizer,
};
use eyewright_infer::{CancelToken, ChatModel, ChatSession, GenerationConfig, SamplingConfig};
use eyewright_interop::{
    InteropError,
    card::{self, Facts},
    source::{Part, Source},
    staging::Staging,
};
use eyewright_model::{
    adapter::Adapter,
    stack::{StackError, StackFiles, StackPaths, TrainedModel},
};
use serde::Serialize;

pub use eyewright_interop::{
    format::Format, gguf::Quantisation, source::Alphas, written::Settings as ExportSettings,
};
pub use eyewright_model::weights::StoredDtype;

use crate::{AppError, open::processor_for};

/// What is to be written, where, and how.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The model: folders, a `.pth`, a run or one of its checkpoints.
    pub paths: StackPaths,
    /// The form.
    pub format: Format,
    /// The new folder.
    pub folder: PathBuf,
    /// Choices of the form.
    pub settings: ExportSettings,
    /// What a `.pth` does not say.
    pub alphas: Alphas,
    /// Read everything back and compare.
    pub verify: bool,
}

/// What was written and how it was checked.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReport {
    /// The form.
    pub format: &'static str,
    /// The folder.
    pub folder: PathBuf,
    /// Names and sizes of its files.
    pub files: Vec<(String, u64)>,
    /// What was compared, and the result.
    pub checks: Vec<(String, String)>,
    /// Whether anything was compared; a comparison that fails is an error.
    pub verified: bool,
    /// What was taken for granted because the source does not say it.
    pub assumed: Vec<String>,
    /// Lines that load it.
    pub snippet: String,
}

/// Writes a model in another form. `progress` is told what is done, and bytes as they go by.
///
/// # Errors
/// If the model does not fit the form, anything cannot be read or written, or what was written is not what was
/// meant. Nothing is left under the folder's name then.
pub fn export(
    request: &ExportRequest,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<ExportReport, AppError> {
    let source = Source::open(&request.paths, request.alphas)?;
    let format = request.format;
    let staging = Staging::begin(&request.folder, format.bytes(&source, &request.settings))?;
    let written =
        format.write(&source, &staging, &request.settings, &mut |bytes| progress("writing", bytes))?;
    let mut checks = Vec::new();
    if request.verify {
        for (name, count) in written.verify(staging.folder(), &mut |bytes| progress("comparing", bytes))? {
            checks.push((name, format!("all {count} tensors are equal")));
        }
        progress("asking", 0);
        checks.push(("answers".to_owned(), compare_answers(&source, request, staging.folder())?));
    }
    let folder = staging.target().to_string_lossy().into_owned();
    let files = staging.files()?;
    let assumed = source.assumptions();
    let mut known = training(&request.paths);
    known.extend(assumed.iter().map(|line| ("assumed strength of adapters".to_owned(), line.clone())));
    let facts = Facts { training: known, checks: checks.clone() };
    staging.write("README.md", card::text(&source, format, &facts, &folder, &files).as_bytes())?;
    let snippet = card::snippet(&source, format, &folder, &files);
    let files = staging.files()?;
    let folder = staging.finish()?;
    Ok(ExportReport {
        format: format.name(),
        folder,
        files,
        checks,
        verified: request.verify,
        assumed,
        snippet,
    })
}

/// The export, opened again as a model; `None` for forms that Eyewright does not compute with.
fn opened_again(source: &Source, request: &ExportRequest, folder: &Path) -> Result<Option<Source>, AppError> {
    if request.format == Format::Peft && !request.settings.with_projector {
        // Adapters alone: the source's base with the adapters that were written.
        let mut again = Source::open(&request.paths, request.alphas)?;
        let adapters = [
            ("llm_adapter", &mut again.files.llm_adapter),
            ("visual_encoder_adapter", &mut again.files.tower_adapter),
        ];
        for (name, adapter) in adapters {
            if adapter.is_some() {
                *adapter = Some(Adapter::open(&folder.join(name)).map_err(StackError::from)?);
            }
        }
        return Ok(Some(again));
    }
    let paths = paths_again(source, request, folder);
    Ok(paths.map(|paths| Source::open(&paths, Alphas::default())).transpose()?)
}

/// Where the parts of the export are.
fn paths_again(source: &Source, request: &ExportRequest, folder: &Path) -> Option<StackPaths> {
    let folder = folder.to_owned();
    let select = source.files.eye.as_ref().map(|eye| eye.tower.config.feature_layer);
    match request.format {
        // The tower is in the folder, merged; the language model is not.
        Format::Llava if request.settings.keep_adapters => Some(StackPaths {
            model: source.paths.model.clone(),
            visual_encoder: Some(folder.join("clip-vision-tower")),
            llava: Some(folder),
            visual_select_layer: select,
        }),
        Format::LlavaHf | Format::Llava | Format::Eyewright => {
            Some(StackPaths { model: folder, ..StackPaths::default() })
        }
        Format::Xtuner => Some(StackPaths {
            model: if source.is_retrained(Part::Llm) { folder.clone() } else { source.paths.model.clone() },
            visual_encoder: source
                .tower_folder()
                .filter(|_| !source.is_retrained(Part::Tower))
                .map(Path::to_owned),
            llava: Some(folder),
            visual_select_layer: select,
        }),
        Format::Peft | Format::Gguf => None,
    }
}

/// What one model says to all questions.
struct Said {
    scores: Vec<Vec<f32>>,
    answers: Vec<Vec<u32>>,
}

fn compare_answers(source: &Source, request: &ExportRequest, folder: &Path) -> Result<String, AppError> {
    let Some(again) = opened_again(source, request, folder)? else {
        return Ok("not asked: Eyewright does not compute with this form".to_owned());
    };
    let before = ask(&source.files, &source.paths.model, &source.template, source.pads)?;
    let after = ask(&again.files, &again.paths.model, &source.template, again.pads)?;
    let mut most = 0f32;
    for (before, after) in before.scores.iter().zip(&after.scores) {
        // A vocabulary may have been filled up behind the old tokens.
        let (questions, width) = (before.len(), source.files.llm.config.vocab);
        let wide = again.files.llm.config.vocab;
        let scale = before.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        for row in 0..questions / width {
            let old = before.get(row * width..(row + 1) * width).unwrap_or_default();
            let new = after.get(row * wide..row * wide + width).unwrap_or_default();
            let far = old.iter().zip(new).fold(0f32, |far, (a, b)| far.max((a - b).abs()));
            most = most.max(if new.len() == old.len() { far / scale } else { f32::INFINITY });
        }
    }
    let equal = before.answers.iter().zip(&after.answers).filter(|(a, b)| a == b).count();
    let all = before.answers.len();
    // Rounding to 16 bits moves scores; a wrong layout moves them by their own size.
    let limit = match request.settings.dtype.unwrap_or_else(|| again.dtype(Part::Llm, "model.norm.weight")) {
        StoredDtype::F32 | StoredDtype::F64 => 1e-3,
        StoredDtype::F16 => 2e-2,
        _ => 1e-1,
    };
    if most.is_nan() || most > limit {
        let what =
            format!("its scores differ from the source's by {most:.1e} of the largest, at most {limit:.0e}");
        return Err(InteropError::Different { file: folder.to_owned(), what }.into());
    }
    Ok(format!("{equal} of {all} answers are equal token for token; scores differ by at most {most:.1e}"))
}

/// Scores and greedy answers of a model to fixed questions about fixed pictures, computed in 32 bits.
fn ask(files: &StackFiles, folder: &Path, template: &ChatTemplate, pads: bool) -> Result<Said, AppError> {
    const TOKENS: usize = 16;
    let device = Device::flex();
    let processor = match &files.eye {
        Some(eye) => Some(processor_for(&eye.preprocessor, eye.tower.config.clip.image_side)?),
        None => None,
    };
    let model = ChatModel {
        llava: files.load(&device, DType::F32, &mut |_| {})?,
        tokenizer: Tokenizer::open(folder)?,
        template: template.clone(),
        processor,
        square: if pads { SquareMode::Pad } else { SquareMode::CentreCrop },
        bos: BosMode::Always,
        device,
        dtype: DType::F32,
    };
    let mut said = Said { scores: Vec::new(), answers: Vec::new() };
    for (pictures, question) in questions(files.eye.is_some())? {
        let turns = [Turn::user_with_images(pictures.len(), question)];
        let prompt = render_prompt(&model.template, &model.tokenizer, None, &turns, model.bos)?;
        let features = model.encode(&pictures)?;
        said.scores.push(model.prompt_scores(&prompt, features.as_ref())?.1);
        let mut session = ChatSession::new(&model);
        let config = GenerationConfig {
            sampling: SamplingConfig { temperature: 0.0, ..SamplingConfig::default() },
            max_new_tokens: TOKENS,
            ..GenerationConfig::default()
        };
        let answer = session.ask(question, &pictures, &config, &CancelToken::default(), &mut |_| {})?;
        said.answers.push(answer.ids);
    }
    Ok(said)
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

/// What a run says about how its model came to be.
fn training(paths: &StackPaths) -> Vec<(String, String)> {
    let found = [Some(&paths.model), paths.llava.as_ref()].into_iter().flatten();
    let run = found.filter_map(|path| TrainedModel::find(path).ok().flatten()).next();
    let Some((_, checkpoint)) = run else { return Vec::new() };
    let mut rows = Vec::new();
    let manifest = std::fs::read(checkpoint.join("MANIFEST.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
    if let Some(identity) = manifest.get("identity") {
        for (key, words) in
            [("step", "steps"), ("validation_loss", "validation loss"), ("dtype", "computed in")]
        {
            let value = identity.get(key).filter(|value| !value.is_null());
            let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            rows.extend(text.map(|text| (words.to_owned(), text)));
        }
    }
    let plan = checkpoint.parent().and_then(Path::parent).map(|run| run.join("plan.toml"));
    let plan = plan.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    for (key, words) in [("json", "data set"), ("stage", "stage"), ("recipe", "recipe"), ("preset", "preset")]
    {
        let line = plan.lines().find_map(|line| line.split_once('=').filter(|(name, _)| name.trim() == key));
        rows.extend(line.map(|(_, value)| (words.to_owned(), value.trim().trim_matches('"').to_owned())));
    }
    rows
}
