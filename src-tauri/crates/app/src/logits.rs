//! How can a prompt's scores be compared with another implementation's?

use std::{collections::BTreeMap, path::Path};

use eyewright_data::{
    conversation::{Turn, render_prompt},
    image::Picture,
};
use eyewright_infer::ChatModel;
use eyewright_model::weights::{StoredDtype, write_safetensors};

use crate::AppError;

/// Writes `input_ids` (i64, -200 at every picture token) and `logits` (f32, `[tokens, vocab]`) of the prompt for
/// one question to a safetensors file.
///
/// # Errors
/// If the prompt cannot be made, the device fails, or the file cannot be written.
pub fn write_logits(
    model: &ChatModel,
    system: Option<&str>,
    question: &str,
    pictures: &[Picture],
    file: &Path,
) -> Result<(), AppError> {
    let turns = [Turn::user_with_images(pictures.len(), question)];
    let prompt = render_prompt(&model.template, &model.tokenizer, system, &turns, model.bos)?;
    let features = model.encode(pictures)?;
    let (ids, scores) = model.prompt_scores(&prompt, features.as_ref())?;
    let vocab = scores.len() / ids.len().max(1);
    let id_bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let score_bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
    let (tokens, shape) = ([ids.len()], [ids.len(), vocab]);
    let tensors: [(&str, StoredDtype, &[usize], &[u8]); 2] = [
        ("input_ids", StoredDtype::I64, &tokens, &id_bytes),
        ("logits", StoredDtype::F32, &shape, &score_bytes),
    ];
    Ok(write_safetensors(file, tensors, &BTreeMap::new())?)
}
