//! One model in every container: the numbers do not depend on how they were stored.

use eyewright_tests::{
    golden::{Expected, F32_TOLERANCE, close, host, models},
    stack::{alone, load, text},
};

#[test]
fn every_format_gives_the_reference_scores() {
    let expected = Expected::of("llama");
    let rows = text(&expected, "input_ids");
    for format in ["safetensors_sharded", "bin", "bin_sharded", "pth"] {
        let (logits, _) = load(&alone(&format!("formats/{format}"))).logits(&rows, None).unwrap();
        close(format, &host(logits), &expected.floats("logits"), F32_TOLERANCE);
    }
}

#[test]
fn the_container_from_before_torch_1_6_is_named() {
    let file = models("formats/legacy/legacy.pth");
    let error = eyewright_model::weights::Checkpoint::open(&file).unwrap_err().to_string();
    assert!(error.contains("legacy.pth") && error.contains("1.6"), "{error}");
}
