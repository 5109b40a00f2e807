//! Whole stacks with pictures: transformers' class under three key layouts, and XTuner's parts, in folders and
//! in one `.pth`. Features, scores of one, two, no picture and of a padded batch, and 64 tokens each.

use burn::tensor::{DType, Device};
use eyewright_model::{
    adapter::{Adapter, AdapterConfig},
    llava::Llava,
    stack::{StackFiles, StackPaths},
    weights::Checkpoint,
};
use eyewright_tests::{
    golden::{BF16_BESIDE_F32, Expected, F32_TOLERANCE, close, close_as_a_whole, host, models},
    stack::{alone, features, greedy, load, load_in, scores, segments, xtuner},
};

/// How the goldens of one stack are written.
struct Form {
    expected: &'static str,
    /// In front of every key.
    prefix: &'static str,
    image: i64,
    /// Ids that stand for one picture.
    run: usize,
    cases: &'static [&'static str],
}

const CASES: &[&str] = &["one", "two", "none"];
const HF: Form = Form { expected: "llava_hf_old", prefix: "", image: 372, run: 16, cases: CASES };
const XTUNER: Form = Form { expected: "llava_xtuner", prefix: "", image: -200, run: 1, cases: CASES };
const PLAIN: Form = Form { prefix: "plain.", cases: &["one"], ..XTUNER };

fn check(name: &str, model: &Llava, form: &Form) {
    let expected = Expected::of(form.expected);
    let key = |key: &str| format!("{}{key}", form.prefix);
    let seen = features(model, &expected.floats("pixel_values"), DType::F32);
    let wanted = expected.floats(&key("image_features"));
    close(&format!("{name}, features"), &host(seen.clone()), &wanted, F32_TOLERANCE);
    for case in form.cases {
        let ids = expected.ids(&format!("{case}.input_ids"));
        let row = segments(&ids, form.image, form.run, 0);
        let got = scores(model, &row, Some(&seen));
        let logits = expected.floats(&key(&format!("{case}.logits")));
        close(&format!("{name}, {case}"), &got, &logits, F32_TOLERANCE);
        let tokens = expected.ids(&key(&format!("{case}.greedy")));
        assert_eq!(greedy(model, &row, Some(&seen), 64), tokens, "{name}, {case}");
    }
    if form.prefix.is_empty() {
        check_batch(name, model, form, &expected);
    }
}

/// Two rows of different length, one picture each as far as there is one.
fn check_batch(name: &str, model: &Llava, form: &Form, expected: &Expected) {
    let seen = features(model, &expected.floats("pixel_values"), DType::F32);
    let ids = expected.rows("batch.input_ids");
    let masks = expected.rows("batch.mask");
    let row = |(index, (ids, mask)): (usize, (&Vec<i64>, &Vec<i64>))| {
        let real = mask.iter().filter(|seen| **seen == 1).count();
        segments(&ids[..real], form.image, form.run, index)
    };
    let rows: Vec<_> = ids.iter().zip(&masks).enumerate().map(row).collect();
    let (logits, lengths) = model.logits(&rows, Some(&seen)).unwrap();
    let (got, wanted) = (host(logits), expected.floats("batch.logits"));
    let (vocab, width) = (model.decoder.config().vocab, got.len() / rows.len());
    for (row, length) in lengths.iter().enumerate() {
        let valid = row * width..row * width + length * vocab;
        close(&format!("{name}, batch row {row}"), &got[valid.clone()], &wanted[valid], F32_TOLERANCE);
    }
}

#[test]
fn llava_hf_under_three_generations_of_names() {
    for folder in ["llava_hf_old", "llava_hf_new", "llava_hf_v5"] {
        check(folder, &load(&alone(folder)), &HF);
    }
}

#[test]
fn xtuners_folders() {
    check("adapters", &load(&xtuner("llava")), &XTUNER);
    let folder = tempfile::tempdir().unwrap();
    let projector = folder.path().join("projector");
    std::fs::create_dir(&projector).unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(models("llava_xtuner/llava/projector").join(file), projector.join(file)).unwrap();
    }
    let plain = StackPaths { llava: Some(folder.path().into()), ..xtuner("llava") };
    check("no adapters", &load(&plain), &PLAIN);
    check("the projector's own folder", &load(&StackPaths { llava: Some(projector), ..plain }), &PLAIN);
}

/// A `.pth` does not say its adapters' alpha; the real ones are 256 and 16, those of the golden 12 and 2.
#[test]
fn xtuners_pth() {
    let paths = xtuner("iter_10.pth");
    let mut files = StackFiles::find(&paths).unwrap();
    assert!(files.llm_adapter.is_some() && files.tower_adapter.is_some());
    let with_alpha = |prefix, alpha| {
        let checkpoint = Checkpoint::open(paths.llava.as_ref().unwrap()).unwrap();
        Some(Adapter::within(checkpoint, prefix, AdapterConfig::plain(alpha)).unwrap())
    };
    files.llm_adapter = with_alpha("llm.", 12.0);
    files.tower_adapter = with_alpha("visual_encoder.", 2.0);
    let model = files.load(&Device::flex(), DType::F32, &mut |_| {}).unwrap();
    check("iter_10.pth", &model, &XTUNER);
}

/// Adapters multiplied into everything: the file's own language model and tower have to be read, not the base's.
#[test]
fn a_pth_that_was_trained_in_full() {
    let paths = xtuner("iter_20.pth");
    check("iter_20.pth", &load(&paths), &XTUNER);
    // DeepSpeed's checkpoint is a folder.
    for pth in ["iter_10.pth", "iter_20.pth"] {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(pth);
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(models("llava_xtuner").join(pth), folder.join("mp_rank_00_model_states.pt")).unwrap();
        let files = StackFiles::find(&StackPaths { llava: Some(folder), ..xtuner(pth) }).unwrap();
        let of_file = StackFiles::find(&xtuner(pth)).unwrap();
        let adapted = |files: &StackFiles| (files.llm_adapter.is_some(), files.tower_adapter.is_some());
        assert_eq!(adapted(&files), adapted(&of_file), "{pth}");
        assert_eq!((files.llm.keys, adapted(&files).0), (of_file.llm.keys, pth == "iter_10.pth"), "{pth}");
    }
}

#[test]
fn a_picture_in_bf16() {
    for (name, paths, form) in
        [("llava_hf_v5", alone("llava_hf_v5"), &HF), ("llava_xtuner", xtuner("llava"), &XTUNER)]
    {
        let expected = Expected::of(form.expected);
        let model = load_in(&paths, DType::BF16);
        let seen = features(&model, &expected.floats("pixel_values"), DType::BF16);
        close_as_a_whole(name, &host(seen.clone()), &expected.floats("image_features"), BF16_BESIDE_F32);
        let row = segments(&expected.ids("one.input_ids"), form.image, form.run, 0);
        let got = scores(&model, &row, Some(&seen));
        close_as_a_whole(name, &got, &expected.floats("one.logits"), BF16_BESIDE_F32);
    }
}
