//! How do folders and a device become a model that can chat?

use std::{fs, path::Path, str::FromStr};

use burn::tensor::DType;
use eyewright_data::{
    conversation::BosMode,
    image::{ImageProcessor, ImageProcessorConfig, SquareMode},
    template::{ChatTemplate, GuessHints},
    tokenizer::Tokenizer,
};
use eyewright_infer::ChatModel;
use eyewright_interop::source::{Alphas, assumptions};
use eyewright_model::{
    config::ConfigFile,
    stack::{EyeFiles, StackFiles, StackKind, StackPaths, TrainedModel},
};
use eyewright_ops::{DeviceChoice, OpenDevice, open_device};

use crate::AppError;

/// The dtype weights are kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// What suits the device.
    #[default]
    Auto,
    /// 32-bit floating point.
    F32,
    /// 16-bit IEEE floating point.
    F16,
    /// 16-bit brain floating point.
    Bf16,
}

impl FromStr for Dtype {
    type Err = AppError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "auto" => Self::Auto,
            "f32" | "fp32" => Self::F32,
            "f16" | "fp16" => Self::F16,
            "bf16" => Self::Bf16,
            _ => return Err(AppError::DtypeName { name: name.into() }),
        })
    }
}

impl Dtype {
    pub(crate) fn on(self, open: &OpenDevice) -> Result<DType, AppError> {
        let (dtype, name) = match self {
            Self::Auto => return Ok(open.default_dtype()),
            Self::F32 => (DType::F32, "f32"),
            Self::F16 => (DType::F16, "f16"),
            Self::Bf16 => (DType::BF16, "bf16"),
        };
        if open.device.supports_dtype(dtype) {
            Ok(dtype)
        } else {
            Err(AppError::Dtype { device: open.choice.to_string(), dtype: name })
        }
    }
}

/// Which model, where, and how it is to be read.
#[derive(Clone, Debug, Default)]
pub struct ModelRequest {
    /// Where the parts are.
    pub paths: StackPaths,
    /// Where to compute.
    pub device: DeviceChoice,
    /// In which dtype.
    pub dtype: Dtype,
    /// What a `.pth` does not say.
    pub alphas: Alphas,
    /// A template's name; guessed from the model if absent.
    pub template: Option<String>,
    /// Pad pictures to a square or cut one out; as the model was made for if absent.
    pub square: Option<SquareMode>,
    /// Leave out BOS from the second question on, as `xtuner chat` does.
    pub xtuner_compatible: bool,
}

/// A model ready to chat.
#[derive(Debug)]
pub struct OpenModel {
    /// The model.
    pub model: ChatModel,
    /// Where it computes, and why there.
    pub device: OpenDevice,
    /// Why this template, for the user.
    pub template_reason: String,
    /// What was taken for granted because the files do not say it.
    pub assumed: Vec<String>,
}

/// Finds the parts, checks that they fit, and loads them. `progress` is told bytes read and bytes in all.
///
/// # Errors
/// Whatever is missing, damaged or does not fit, with its file and a next step.
pub fn open_model(request: &ModelRequest, progress: &mut dyn FnMut(u64, u64)) -> Result<OpenModel, AppError> {
    // A run of our own brings the paths of its base, its template and its square.
    let (paths, trained) = request.paths.resolved()?;
    let files = request.alphas.given_to(StackFiles::find(&paths)?)?;
    let assumed = assumptions(&files);
    let tokenizer = Tokenizer::open(&paths.model)?;
    let (template, template_reason) = match (&request.template, &trained) {
        (None, Some(trained)) => (ChatTemplate::named(&trained.template)?.clone(), "the run's".to_owned()),
        _ => choose_template(request, &paths.model, &tokenizer)?,
    };
    let processor = files.eye.as_ref().map(find_processor).transpose()?;
    let device = open_device(request.device)?;
    let dtype = request.dtype.on(&device)?;
    let total = files.bytes();
    let mut done = 0;
    let llava = files.load(&device.device, dtype, &mut |bytes| {
        done += bytes;
        progress(done, total);
    })?;
    let square = request.square.unwrap_or(usual_square(trained.as_ref(), files.kind, &paths.model));
    let bos = if request.xtuner_compatible { BosMode::XtunerCompatible } else { BosMode::Always };
    let model = ChatModel {
        llava,
        tokenizer,
        template,
        processor,
        square,
        bos,
        device: device.device.clone(),
        dtype,
    };
    Ok(OpenModel { model, device, template_reason, assumed })
}

/// How a model prepares pictures, and how many tokens one takes; `None` without eyes. Reads no tensor.
pub(crate) fn eyes_of(paths: &StackPaths) -> Result<Option<(ImageProcessor, SquareMode, usize)>, AppError> {
    let (paths, trained) = paths.resolved()?;
    let files = StackFiles::find(&paths)?;
    let Some(eye) = &files.eye else { return Ok(None) };
    let square = usual_square(trained.as_ref(), files.kind, &paths.model);
    Ok(Some((find_processor(eye)?, square, eye.tower.config.tokens())))
}

/// llava-hf's own processor cuts a square out; XTuner pads; a run does as its plan said.
fn usual_square(trained: Option<&TrainedModel>, kind: StackKind, folder: &Path) -> SquareMode {
    match (trained, kind) {
        (Some(trained), _) if trained.square == "crop" => SquareMode::CentreCrop,
        (None, StackKind::LlavaHf) if !eyewright_interop::source::pads(folder) => SquareMode::CentreCrop,
        _ => SquareMode::Pad,
    }
}

fn choose_template(
    request: &ModelRequest,
    folder: &Path,
    tokenizer: &Tokenizer,
) -> Result<(ChatTemplate, String), AppError> {
    if let Some(name) = &request.template {
        return Ok((ChatTemplate::named(name)?.clone(), "asked for".into()));
    }
    let json = ConfigFile::read(&folder.join("config.json"))?;
    let text = json.object("text_config")?;
    let model_type = text.as_ref().unwrap_or(&json).text("model_type")?;
    let hints = GuessHints {
        model_type,
        has_token: &|token| tokenizer.id(token).is_some(),
        chat_template: tokenizer.chat_template(),
        folder_name: folder.file_name().and_then(|name| name.to_str()),
    };
    let (template, reason) = ChatTemplate::guess(&hints);
    Ok((template.clone(), reason.to_string()))
}

/// `preprocessor_config.json`, or transformers 5's `processor_config.json`, or CLIP's own values.
fn find_processor(eye: &EyeFiles) -> Result<ImageProcessor, AppError> {
    processor_for(&eye.preprocessor, eye.tower.config.clip.image_side)
}

/// How pictures are prepared for a tower that reads a square of `expected` pixels.
pub(crate) fn processor_for(folder: &Path, expected: usize) -> Result<ImageProcessor, AppError> {
    let own = folder.join("preprocessor_config.json");
    let newer = folder.join("processor_config.json");
    let (file, config) = if own.is_file() {
        (own.clone(), read_processor(&own, None)?)
    } else if newer.is_file() && ConfigFile::read(&newer)?.get("image_processor").is_some() {
        (newer.clone(), read_processor(&newer, Some("image_processor"))?)
    } else {
        let side = expected as u32;
        let config = ImageProcessorConfig::clip(side)
            .map_err(|source| AppError::ImageConfig { file: own.clone(), source })?;
        (own, config)
    };
    let found = config.side() as usize;
    if found != expected {
        return Err(AppError::PictureSide { file, found, expected });
    }
    Ok(config.init())
}

fn read_processor(file: &Path, inside: Option<&str>) -> Result<ImageProcessorConfig, AppError> {
    let json = ConfigFile::read(file)?; // checks size and form
    let text = match inside.and_then(|field| json.get(field)) {
        Some(value) => value.to_string(),
        None => fs::read_to_string(file).unwrap_or_default(),
    };
    ImageProcessorConfig::from_json(&text)
        .map_err(|source| AppError::ImageConfig { file: file.to_owned(), source })
}
