//! The decoder in each family's clothes: hidden states, scores, padding, bf16, and 64 tokens from the cache.

use burn::tensor::DType;
use eyewright_model::llava::Segment;
use eyewright_tests::{
    golden::{BF16_TOLERANCE, Expected, F32_TOLERANCE, close, close_as_a_whole, host},
    stack::{alone, greedy, load, load_in, scores, segments, text},
};

/// Folders of goldens; variants of a family beside it.
const GOLDENS: &[&str] = &[
    "internlm2",
    "llama",
    "vicuna",
    "llama3",
    "llama_linear",
    "llama_dynamic",
    "mistral",
    "mistral_window",
    "qwen2",
    "phi3",
    "internlm",
];

fn check(test: impl Fn(&str, &Expected)) {
    for family in GOLDENS {
        test(family, &Expected::of(family));
    }
}

/// The inspection card says so of every model.
#[test]
fn every_family_that_can_be_read_is_compared() {
    for family in eyewright_model::llm::FAMILIES {
        assert!(GOLDENS.contains(family), "{family}");
        assert_eq!(load(&alone(family)).decoder.config().model_type, *family);
    }
}

#[test]
fn hidden_states_and_scores() {
    check(|family, expected| {
        let model = load(&alone(family));
        let rows = text(expected, "input_ids");
        let (logits, _) = model.logits(&rows, None).unwrap();
        close(family, &host(logits), &expected.floats("logits"), F32_TOLERANCE);
        let embedded = eyewright_model::llava::splice(&model.decoder, &rows, None).unwrap().embeddings;
        let states = model.decoder.hidden_states(embedded, None);
        assert_eq!(states.len(), model.decoder.config().layers + 1);
        for (layer, state) in states.into_iter().enumerate() {
            let name = format!("hidden.{layer}");
            close(&format!("{family}, {name}"), &host(state), &expected.floats(&name), F32_TOLERANCE);
        }
    });
}

#[test]
fn rows_padded_on_the_right() {
    check(|family, expected| {
        let model = load(&alone(family));
        let (ids, mask) = (expected.rows("padded_ids"), expected.rows("padded_mask"));
        let real = |row: &[i64]| row.iter().filter(|seen| **seen == 1).count();
        let rows: Vec<Vec<Segment>> =
            ids.iter().zip(&mask).map(|(row, mask)| segments(&row[..real(mask)], i64::MIN, 1, 0)).collect();
        let (logits, lengths) = model.logits(&rows, None).unwrap();
        assert_eq!(lengths, mask.iter().map(|mask| real(mask)).collect::<Vec<_>>());
        let (got, wanted) = (host(logits), expected.floats("padded_logits"));
        let row_values = got.len() / rows.len();
        let vocab = model.decoder.config().vocab;
        for (row, length) in lengths.iter().enumerate() {
            let valid = row * row_values..row * row_values + length * vocab;
            close(family, &got[valid.clone()], &wanted[valid], F32_TOLERANCE);
        }
    });
}

#[test]
fn scores_in_bf16() {
    check(|family, expected| {
        let model = load_in(&alone(family), DType::BF16);
        let row = &text(expected, "input_ids")[0];
        let got = scores(&model, row, None);
        close_as_a_whole(family, &got, &expected.floats("logits_bf16"), BF16_TOLERANCE);
    });
}

/// Dynamic NTK gives cached keys the frequencies of the length at which they were made, there as here; what
/// transformers writes from its cache is the row to equal.
#[test]
fn sixty_four_tokens_from_the_cache() {
    check(|family, expected| {
        let row = &text(expected, "input_ids")[0];
        let wanted = if expected.has("greedy_cached") { "greedy_cached" } else { "greedy" };
        assert_eq!(greedy(&load(&alone(family)), row, None, 64), expected.ids(wanted), "{family}");
    });
}

#[test]
fn a_text_longer_than_dynamic_ntk_was_trained_on() {
    let expected = Expected::of("llama_dynamic");
    let row = &text(&expected, "long_ids")[0];
    let got = scores(&load(&alone("llama_dynamic")), row, None);
    close("40 tokens", &got, &expected.floats("long_logits"), F32_TOLERANCE);
}
