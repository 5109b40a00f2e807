//! LoRA adapters in peft's own files beside a language model.

use burn::tensor::{DType, Device};
use eyewright_model::adapter::Adapter;
use eyewright_tests::{
    golden::{Expected, F32_TOLERANCE, close, distance, models},
    stack::{alone, load, scores, text},
};

#[test]
fn peft_folders_beside_a_language_model() {
    for (form, layers) in [("plain", 21), ("rslora", 6), ("patterns", 21)] {
        let folder = format!("llama_peft/{form}");
        let expected = Expected::of(&folder);
        let row = &text(&expected, "input_ids")[0];
        let mut model = load(&alone("llama"));
        let base = scores(&model, row, None);
        let adapter = Adapter::open(&models(&folder)).unwrap();
        let decoder = &mut model.decoder;
        let attached = adapter
            .attach(DType::F32, &Device::flex(), &mut |visit| decoder.each_linear(visit), |_| false)
            .unwrap();
        assert_eq!(attached, layers, "{form}");
        let logits = expected.floats("logits");
        assert!(distance(&base, &logits) > 1e-2, "{form}: the adapter changes something");
        close(form, &scores(&model, row, None), &logits, F32_TOLERANCE);
    }
}
