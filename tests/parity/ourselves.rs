//! Do our own ways of computing one thing agree: from the cache or not, in a batch or alone, converted before
//! loading or while loading, a picture encoded once or twice?

use std::collections::BTreeMap;

use burn::tensor::{DType, Tensor};
use eyewright_app::{
    CancelToken, ChatSession, DecodeLimits, FinishReason, GenerationConfig, ModelRequest, SamplingConfig,
    open_model, open_picture,
};
use eyewright_model::{
    llava::{Llava, Segment, splice},
    llm::KvCache,
    stack::StackPaths,
    weights::{Checkpoint, StoredDtype, write_safetensors},
};
use eyewright_tests::{
    golden::{Expected, close, host, models, picture},
    stack::{alone, features, last_scores, load, load_in, scores, segments, text, xtuner},
};

/// Rounding of f32 alone.
const SAME: f32 = 2e-5;

struct Subject {
    name: &'static str,
    model: Llava,
    row: Vec<Segment>,
    features: Option<Tensor<3>>,
}

fn subjects() -> Vec<Subject> {
    let mut subjects: Vec<Subject> =
        ["internlm2", "llama", "llama3", "mistral_window", "qwen2", "phi3", "internlm"]
            .into_iter()
            .map(|name| {
                let row = text(&Expected::of(name), "input_ids").remove(0);
                Subject { name, model: load(&alone(name)), row, features: None }
            })
            .collect();
    for (name, paths, golden, image, run) in [
        ("llava_hf_new", alone("llava_hf_new"), "llava_hf_old", 372, 16),
        ("llava_xtuner", xtuner("llava"), "llava_xtuner", -200, 1),
    ] {
        let expected = Expected::of(golden);
        let model = load(&paths);
        let features = Some(features(&model, &expected.floats("pixel_values"), DType::F32));
        subjects.push(Subject {
            name,
            model,
            row: segments(&expected.ids("two.input_ids"), image, run, 0),
            features,
        });
    }
    subjects
}

#[test]
fn a_cache_filled_in_any_steps_gives_the_full_forwards_scores() {
    for Subject { name, model, row, features } in subjects() {
        let decoder = &model.decoder;
        let whole = scores(&model, &row, features.as_ref());
        let embedded = splice(decoder, std::slice::from_ref(&row), features.as_ref()).unwrap().embeddings;
        let (seq, vocab) = (embedded.dims()[1], decoder.config().vocab);
        for step in [1, 3, seq] {
            let mut cache = KvCache::new(decoder.config().layers);
            let mut at = 0;
            while at < seq {
                let count = step.min(seq - at);
                let got = last_scores(decoder, embedded.clone().narrow(1, at, count), &mut cache);
                at += count;
                close(
                    &format!("{name}, {at} tokens by {step}"),
                    &got,
                    &whole[(at - 1) * vocab..at * vocab],
                    SAME,
                );
            }
            // What is forgotten leaves no trace.
            cache.truncate(seq / 2);
            let got = last_scores(decoder, embedded.clone().narrow(1, seq / 2, seq - seq / 2), &mut cache);
            close(&format!("{name}, after forgetting"), &got, &whole[(seq - 1) * vocab..], SAME);
        }
    }
}

#[test]
fn a_cache_over_several_pages_gives_the_full_forwards_scores() {
    let model = load(&alone("llama3"));
    let decoder = &model.decoder;
    let ids: Vec<u32> = (0..600).map(|n| 3 + (n * 7919) % 360).collect();
    let embedded = decoder.embed(&ids).unsqueeze::<3>();
    let whole = host(decoder.logits(decoder.forward(embedded.clone(), None)));
    let vocab = decoder.config().vocab;
    let mut cache = KvCache::new(decoder.config().layers);
    let mut at = 0;
    for count in [250, 1, 1, 1, 1, 1, 1, 1, 130, 128, 85] {
        let got = last_scores(decoder, embedded.clone().narrow(1, at, count), &mut cache);
        at += count;
        close(&format!("{at} tokens"), &got, &whole[(at - 1) * vocab..at * vocab], SAME);
    }
    assert_eq!(at, ids.len());
}

#[test]
fn a_batch_gives_what_its_rows_give_alone() {
    for Subject { name, model, row, features } in subjects() {
        let short = vec![Segment::Text(vec![1, 9, 4])];
        let middle: Vec<Segment> = row.iter().take(2).cloned().collect();
        let rows = [short, row, middle];
        let (logits, lengths) = model.logits(&rows, features.as_ref()).unwrap();
        let (together, vocab) = (host(logits), model.decoder.config().vocab);
        let width = together.len() / rows.len();
        for (index, (row, length)) in rows.iter().zip(lengths).enumerate() {
            let alone = scores(&model, row, features.as_ref());
            close(name, &together[index * width..][..length * vocab], &alone, SAME);
        }
    }
}

/// A checkpoint written in `dtype` beforehand and one converted while it is loaded are the same bits.
#[test]
fn loading_into_f16_and_bf16_is_converting_first() {
    for (dtype, stored) in [(DType::F16, StoredDtype::F16), (DType::BF16, StoredDtype::BF16)] {
        let source = Checkpoint::open(&models("llama_dynamic")).unwrap(); // stored in f32
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(models("llama_dynamic/config.json"), folder.path().join("config.json")).unwrap();
        let converted: Vec<(String, Vec<usize>, Vec<u8>)> = source
            .names()
            .map(|name| {
                let tensor = source.read(name).unwrap();
                let values = tensor.bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
                let bytes = match stored {
                    StoredDtype::F16 => values.flat_map(|v| half::f16::from_f32(v).to_le_bytes()).collect(),
                    _ => values.flat_map(|v| half::bf16::from_f32(v).to_le_bytes()).collect(),
                };
                (name.to_owned(), tensor.shape, bytes)
            })
            .collect();
        let rows = converted
            .iter()
            .map(|(name, shape, bytes)| (name.as_str(), stored, shape.as_slice(), bytes.as_slice()));
        let file = folder.path().join("model.safetensors");
        write_safetensors(&file, rows.collect::<Vec<_>>(), &BTreeMap::new()).unwrap();
        let before = StackPaths { model: folder.path().into(), ..StackPaths::default() };
        let row = &text(&Expected::of("llama_dynamic"), "input_ids")[0];
        let first = scores(&load_in(&before, dtype), row, None);
        let meanwhile = scores(&load_in(&alone("llama_dynamic"), dtype), row, None);
        assert_eq!(first, meanwhile, "{dtype:?}");
        assert_ne!(first, scores(&load(&alone("llama_dynamic")), row, None), "{dtype:?} rounds");
    }
}

#[test]
fn one_picture_twice_is_one_picture_encoded_once() {
    let request = ModelRequest { paths: alone("llava_hf_new"), ..ModelRequest::default() };
    let open = open_model(&request, &mut |_, _| {}).unwrap();
    let cat = open_picture(&picture("photo_336.jpg"), &DecodeLimits::default()).unwrap();
    let twice = host(open.model.encode(&[cat.clone(), cat.clone()]).unwrap().unwrap());
    let once = host(open.model.encode(std::slice::from_ref(&cat)).unwrap().unwrap());
    assert_eq!(twice[..once.len()], once);
    assert_eq!(twice[once.len()..], once);

    // A conversation: the second question finds picture and first turn in the cache, and answers as one that
    // reads everything anew.
    let config = GenerationConfig {
        sampling: SamplingConfig::greedy(),
        max_new_tokens: 12,
        ignore_end: true,
        ..GenerationConfig::default()
    };
    let cancel = CancelToken::default();
    let mut session = ChatSession::new(&open.model);
    let ask = |session: &mut ChatSession<'_>, text: &str, pictures: &[_]| {
        session.ask(text, pictures, &config, &cancel, &mut |_| {}).unwrap()
    };
    let first = ask(&mut session, "What is this?", std::slice::from_ref(&cat));
    assert!(first.prompt_tokens > 16 && first.cached_tokens == 0);
    let second = ask(&mut session, "And what colour?", &[]);
    assert!(second.cached_tokens >= first.prompt_tokens - 1, "{second:?}");
    assert!(second.timings.encode < first.timings.encode.max(std::time::Duration::from_millis(5)));
    let scores_anew = {
        let turns = session.turns()[..3].to_vec();
        let prompt = eyewright_data::conversation::render_prompt(
            &open.model.template,
            &open.model.tokenizer,
            None,
            &turns,
            open.model.bos,
        )
        .unwrap();
        let features = open.model.encode(std::slice::from_ref(&cat)).unwrap();
        let (_, scores) = open.model.prompt_scores(&prompt, features.as_ref()).unwrap();
        scores[scores.len() - open.model.llava.decoder.config().vocab..].to_vec()
    };
    let best = (0..scores_anew.len()).max_by(|a, b| scores_anew[*a].total_cmp(&scores_anew[*b])).unwrap();
    assert_eq!(second.ids[0] as usize, best);
}

/// A cancelled answer ends within one token, and the conversation goes on as if it had ended there by itself.
#[test]
fn a_cancelled_answer_ends_within_one_token() {
    let request = ModelRequest { paths: alone("llava_hf_new"), ..ModelRequest::default() };
    let open = open_model(&request, &mut |_, _| {}).unwrap();
    let config = GenerationConfig {
        sampling: SamplingConfig::greedy(),
        max_new_tokens: 64,
        ignore_end: true,
        ..GenerationConfig::default()
    };
    let whole = ChatSession::new(&open.model)
        .ask("Count.", &[], &config, &CancelToken::default(), &mut |_| {})
        .unwrap();
    let cancel = CancelToken::default();
    let mut session = ChatSession::new(&open.model);
    let mut pieces = 0;
    let mut stop_at_third = |_: &str| {
        pieces += 1;
        if pieces == 3 {
            cancel.cancel();
        }
    };
    let cut = session.ask("Count.", &[], &config, &cancel, &mut stop_at_third).unwrap();
    assert!(pieces <= 4, "after the third piece at most what had been held back is shown");
    assert_eq!(cut.finish, FinishReason::Cancelled);
    assert!(cut.ids.len() < 64 && whole.ids.starts_with(&cut.ids) && whole.text.starts_with(&cut.text));
    cancel.reset();
    assert!(session.ask("Go on.", &[], &config, &cancel, &mut |_| {}).is_ok());
}
