//! What is this model, how large is it, and do its parts fit together?

use eyewright_data::{
    template::{ChatTemplate, GuessHints},
    tokenizer::Tokenizer,
};
use eyewright_model::{
    stack::{StackFiles, StackKind, StackPaths},
    weights::{Checkpoint, KeyMap},
};
use serde::Serialize;

use crate::AppError;

/// A model's description; made without reading a tensor.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// `language model`, `llava-hf` or `separate parts`.
    pub kind: &'static str,
    /// Language model, tower, projector, as far as present.
    pub parts: Vec<PartReport>,
    /// The template that would be used, if the tokenizer can be read.
    pub template: Option<String>,
    /// Longest text in tokens.
    pub context: usize,
    /// Tokens one picture takes.
    pub picture_tokens: Option<usize>,
    /// Bytes of all weights on a device in f32.
    pub bytes_f32: u64,
    /// Bytes of all weights on a device in f16 or bf16.
    pub bytes_half: u64,
}

/// One part's description.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// What it is.
    pub part: &'static str,
    /// Architecture and sizes in words.
    pub about: String,
    /// Whose tensor names its checkpoint uses.
    pub layout: &'static str,
    /// Numbers in its checkpoint that belong to this part.
    pub parameters: u64,
    /// What most of them are stored as.
    pub dtype: &'static str,
}

/// Describes the model in the given folders.
///
/// # Errors
/// If a part is missing, damaged, or made for another one: that is the answer to "do they fit together?".
pub fn inspect(paths: &StackPaths) -> Result<ModelReport, AppError> {
    let (paths, _) = &paths.resolved()?;
    let files = StackFiles::find(paths)?;
    let llm = &files.llm.config;
    let shared = files.kind == StackKind::LlavaHf;
    // In a shared checkpoint all names below these belong to the eye, the rest to the language model.
    let beneath = files.eye.iter().flat_map(|eye| {
        let projector = eye.projector.keys.in_file("model.0.");
        let projector = projector.trim_end_matches("linear_1.").to_owned();
        [eye.tower.keys.in_file("vision_model."), projector]
    });
    let beneath: Vec<String> = beneath.filter(|_| shared).collect();
    let of_eye = |name: &str, part: usize| beneath.get(part).is_none_or(|prefix| name.starts_with(prefix));
    // In what training leaves, every name begins with its part's.
    let begins = |name: &str, keys: &KeyMap| name.starts_with(&keys.in_file(""));
    let mut parts = vec![PartReport {
        part: "language model",
        about: format!(
            "{}: {} layers, {} wide, {} heads ({} key/value), vocabulary {}",
            llm.model_type, llm.layers, llm.hidden, llm.heads, llm.kv_heads, llm.vocab
        ),
        layout: files.llm.keys.layout,
        parameters: count(&files.llm.checkpoint, &|name| {
            begins(name, &files.llm.keys) && !beneath.iter().any(|prefix| name.starts_with(prefix))
        }),
        dtype: stored_dtype(&files.llm.checkpoint),
    }];
    if let Some(eye) = &files.eye {
        let clip = &eye.tower.config.clip;
        parts.push(PartReport {
            part: "vision tower",
            about: format!(
                "CLIP: {} of {} layers used, {} wide, pictures of {} pixels in patches of {}",
                eye.tower.config.used_blocks().unwrap_or(0),
                clip.layers,
                clip.hidden,
                clip.image_side,
                clip.patch_side
            ),
            layout: eye.tower.keys.layout,
            parameters: count(&eye.tower.checkpoint, &|name| {
                begins(name, &eye.tower.keys) && of_eye(name, 0)
            }),
            dtype: stored_dtype(&eye.tower.checkpoint),
        });
        let projector = &eye.projector.config;
        parts.push(PartReport {
            part: "projector",
            about: format!(
                "{} → {}, {} layer(s): fits tower and language model",
                projector.vision_width, projector.text_width, projector.depth
            ),
            layout: eye.projector.keys.layout,
            parameters: count(&eye.projector.checkpoint, &|name| {
                begins(name, &eye.projector.keys) && of_eye(name, 1)
            }),
            dtype: stored_dtype(&eye.projector.checkpoint),
        });
    }
    let parameters: u64 = parts.iter().map(|part| part.parameters).sum();
    let template = Tokenizer::open(&paths.model).ok().map(|tokenizer| {
        let hints = GuessHints {
            model_type: Some(&llm.model_type),
            has_token: &|token| tokenizer.id(token).is_some(),
            chat_template: tokenizer.chat_template(),
            folder_name: paths.model.file_name().and_then(|name| name.to_str()),
        };
        ChatTemplate::guess(&hints).0.name().to_owned()
    });
    Ok(ModelReport {
        kind: match files.kind {
            StackKind::LanguageModel => "language model",
            StackKind::LlavaHf => "llava-hf",
            StackKind::Parts => "separate parts",
        },
        context: llm.context(),
        picture_tokens: files.eye.as_ref().map(|eye| eye.tower.config.tokens()),
        template,
        bytes_f32: parameters * 4,
        bytes_half: parameters * 2,
        parts,
    })
}

fn count(checkpoint: &Checkpoint, belongs: &dyn Fn(&str) -> bool) -> u64 {
    let size = |name| checkpoint.get(name).map_or(0, |info| numbers(&info.shape));
    checkpoint.names().filter(|name| belongs(name)).map(size).sum()
}

fn numbers(shape: &[usize]) -> u64 {
    shape.iter().map(|size| *size as u64).product()
}

/// What the largest share of a checkpoint's numbers is stored as.
fn stored_dtype(checkpoint: &Checkpoint) -> &'static str {
    let mut shares: Vec<(&'static str, u64)> = Vec::new();
    for info in checkpoint.names().filter_map(|name| checkpoint.get(name)) {
        let name = info.dtype.name();
        match shares.iter_mut().find(|(known, _)| *known == name) {
            Some((_, share)) => *share += numbers(&info.shape),
            None => shares.push((name, numbers(&info.shape))),
        }
    }
    shares.into_iter().max_by_key(|(_, share)| *share).map_or("nothing", |(name, _)| name)
}
