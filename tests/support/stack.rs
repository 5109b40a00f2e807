//! Golden models, opened as a user would open them, and the few things every suite asks of one.

use burn::tensor::{DType, Device, Tensor};
use eyewright_model::{
    llava::{Llava, Segment, splice},
    llm::{Decoder, KvCache},
    stack::{StackFiles, StackPaths},
};

use crate::golden::{Expected, host, models};

/// Paths of a model that lies in one folder below the golden models.
pub fn alone(folder: &str) -> StackPaths {
    StackPaths { model: models(folder), ..StackPaths::default() }
}

/// Paths of XTuner's separate parts; `llava` is the folder or file beside them.
pub fn xtuner(llava: &str) -> StackPaths {
    StackPaths {
        model: models("llava_xtuner/llm"),
        visual_encoder: Some(models("llava_xtuner/clip")),
        llava: Some(models("llava_xtuner").join(llava)),
        ..StackPaths::default()
    }
}

/// Loads onto the processor in f32.
pub fn load(paths: &StackPaths) -> Llava {
    load_in(paths, DType::F32)
}

/// Loads onto the processor.
pub fn load_in(paths: &StackPaths, dtype: DType) -> Llava {
    StackFiles::find(paths).unwrap().load(&Device::flex(), dtype, &mut |_| {}).unwrap()
}

/// A row of ids as segments: every run of `image` ids of length `run` is one picture, counted from `first`.
pub fn segments(ids: &[i64], image: i64, run: usize, first: usize) -> Vec<Segment> {
    let mut row = Vec::new();
    let (mut at, mut pictures) = (0, first);
    while at < ids.len() {
        if ids[at] == image {
            assert!(ids[at..at + run].iter().all(|id| *id == image));
            row.push(Segment::Image(pictures));
            pictures += 1;
            at += run;
        } else {
            let end = ids[at..].iter().position(|id| *id == image).map_or(ids.len(), |more| at + more);
            row.push(Segment::Text(ids[at..end].iter().map(|id| u32::try_from(*id).unwrap()).collect()));
            at = end;
        }
    }
    row
}

/// Rows of plain text.
pub fn text(expected: &Expected, name: &str) -> Vec<Vec<Segment>> {
    expected.rows(name).iter().map(|row| segments(row, i64::MIN, 1, 0)).collect()
}

/// The features of normalised pictures, `[pictures, tokens, hidden]`, encoded one by one.
pub fn features(model: &Llava, pixels: &[f32], dtype: DType) -> Tensor<3> {
    let eye = model.eye.as_ref().unwrap();
    let side = eye.tower.config().clip.image_side;
    let encode = |picture: &[f32]| eye.encode(picture, dtype, &Device::flex());
    Tensor::cat(pixels.chunks(3 * side * side).map(encode).collect(), 0)
}

/// Scores of one row without a cache, `[seq * vocab]`.
pub fn scores(model: &Llava, row: &[Segment], features: Option<&Tensor<3>>) -> Vec<f32> {
    host(model.logits(&[row.to_vec()], features).unwrap().0)
}

/// `count` best tokens after `row`, written from the cache.
pub fn greedy(model: &Llava, row: &[Segment], features: Option<&Tensor<3>>, count: usize) -> Vec<i64> {
    let decoder = &model.decoder;
    let mut cache = KvCache::new(decoder.config().layers);
    let mut input = splice(decoder, &[row.to_vec()], features).unwrap().embeddings;
    let mut written = Vec::new();
    while written.len() < count {
        let best = best(&last_scores(decoder, input, &mut cache));
        written.push(best as i64);
        input = decoder.embed(&[best as u32]).unsqueeze::<3>();
    }
    written
}

/// Scores after the last of the new tokens.
pub fn last_scores(decoder: &Decoder, input: Tensor<3>, cache: &mut KvCache) -> Vec<f32> {
    let seq = input.dims()[1];
    host(decoder.logits(decoder.extend(input, cache).narrow(1, seq - 1, 1)))
}

fn best(scores: &[f32]) -> usize {
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap()
}
