//! What is this model, how large is it, and do its parts fit together?

use eyewright_data::{
    template::{ChatTemplate, GuessHints},
    tokenizer::Tokenizer,
};
use eyewright_model::{
    stack::{StackFiles, StackKind, StackPaths},
    weights::{Checkpoint, KeyMap},
};
use eyewright_protocol::PartSizes;
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
    /// Architecture and sizes.
    pub sizes: PartSizes,
    /// Whose tensor names its checkpoint uses.
    pub layout: &'static str,
    /// Numbers in its checkpoint that belong to this part.
    pub parameters: u64,
    /// What most of them are stored as.
    pub dtype: &'static str,
}

impl PartReport {
    /// Architecture and sizes in words.
    pub fn about(&self) -> String {
        match &self.sizes {
            PartSizes::LanguageModel { family, layers, width, heads, kv_heads, vocabulary } => format!(
                "{family}: {layers} layers, {width} wide, {heads} heads ({kv_heads} key/value), \
                 vocabulary {vocabulary}"
            ),
            PartSizes::VisionTower { layers_used, layers, width, picture_side, patch_side } => format!(
                "CLIP: {layers_used} of {layers} layers used, {width} wide, pictures of {picture_side} pixels \
                 in patches of {patch_side}"
            ),
            PartSizes::Projector { vision_width, text_width, depth } => {
                format!("{vision_width} → {text_width}, {depth} layer(s): fits tower and language model")
            }
        }
    }
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
        sizes: PartSizes::LanguageModel {
            family: llm.model_type.clone(),
            layers: small(llm.layers),
            width: small(llm.hidden),
            heads: small(llm.heads),
            kv_heads: small(llm.kv_heads),
            vocabulary: small(llm.vocab),
        },
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
            sizes: PartSizes::VisionTower {
                layers_used: small(eye.tower.config.used_blocks().unwrap_or(0)),
                layers: small(clip.layers),
                width: small(clip.hidden),
                picture_side: small(clip.image_side),
                patch_side: small(clip.patch_side),
            },
            layout: eye.tower.keys.layout,
            parameters: count(&eye.tower.checkpoint, &|name| {
                begins(name, &eye.tower.keys) && of_eye(name, 0)
            }),
            dtype: stored_dtype(&eye.tower.checkpoint),
        });
        let projector = &eye.projector.config;
        parts.push(PartReport {
            part: "projector",
            sizes: PartSizes::Projector {
                vision_width: small(projector.vision_width),
                text_width: small(projector.text_width),
                depth: small(projector.depth),
            },
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

/// Sizes of networks are far below the bound.
fn small(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
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
