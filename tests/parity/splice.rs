//! Where each position of a spliced batch comes from, against the positions XTuner's algorithm gives.
//!
//! XTuner counts pictures through the batch and lets a row of text use one up; ours are named by index. The rows
//! below are given the indices that its counter would give them.

use burn::tensor::{Device, Tensor, TensorData};
use eyewright_model::llava::{Segment, splice};
use eyewright_tests::{
    golden::{host, models},
    stack::{alone, load, segments},
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Golden {
    image_token: i64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    patches: usize,
    input: Input,
    expected: Plan,
}

#[derive(Deserialize)]
struct Input {
    rows: Vec<Vec<i64>>,
    mask: Option<Vec<Vec<u8>>>,
}

#[derive(Deserialize)]
struct Plan {
    lengths: Vec<usize>,
    sources: Vec<Vec<Option<Vec<Value>>>>,
    pictures_used: usize,
}

#[test]
fn every_position_comes_from_where_the_reference_says() {
    let text = std::fs::read_to_string(models("splice/expected.json")).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    assert!(golden.cases.len() >= 6);
    let decoder = load(&alone("llama")).decoder;
    let hidden = decoder.config().hidden;
    for case in golden.cases {
        let values = (0..case.expected.pictures_used * case.patches * hidden).map(|n| 1000.0 + n as f32);
        let shape = [case.expected.pictures_used, case.patches, hidden];
        let pictures = values.collect::<Vec<f32>>();
        let features: Tensor<3> =
            Tensor::from_data(TensorData::new(pictures.clone(), shape), &Device::flex());
        let rows = rows(&case, golden.image_token);
        let batch = splice(&decoder, &rows, Some(&features)).unwrap();
        assert_eq!(batch.lengths, case.expected.lengths, "{}", case.name);
        let got = host(batch.embeddings);
        let longest = got.len() / hidden / rows.len();
        for (row, sources) in case.expected.sources.iter().enumerate() {
            assert_eq!(sources.len(), longest, "{}", case.name);
            for (place, source) in sources.iter().enumerate() {
                let at = (row * longest + place) * hidden;
                let wanted = match source.as_deref() {
                    None => vec![0.0; hidden],
                    Some([kind, id]) if kind == "text" => host(decoder.embed(&[number(id) as u32])),
                    Some([_, picture, patch]) => {
                        let from = (number(picture) * case.patches + number(patch)) * hidden;
                        pictures[from..from + hidden].to_vec()
                    }
                    Some(other) => panic!("{other:?}"),
                };
                assert_eq!(got[at..at + hidden], wanted, "{}, row {row}, place {place}", case.name);
            }
        }
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn rows(case: &Case, image: i64) -> Vec<Vec<Segment>> {
    let mut pictures = 0;
    let mut rows = Vec::new();
    for (index, ids) in case.input.rows.iter().enumerate() {
        let seen = |place: &usize| case.input.mask.as_ref().is_none_or(|mask| mask[index][*place] == 1);
        let kept: Vec<i64> = (0..ids.len()).filter(seen).map(|place| ids[place]).collect();
        rows.push(segments(&kept, image, 1, pictures));
        pictures += kept.iter().filter(|id| **id == image).count().max(1);
    }
    rows
}
