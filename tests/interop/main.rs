//! Does a model that leaves in someone else's form come back as the same model, and is what is broken refused whole?
//!
//! The judges from outside are in `tests/reference/interop.py`; here are the round trips that need nothing else.

#![allow(clippy::unwrap_used)] // a failed step of a test is a failed test

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{DType, Device};
use eyewright_app::{
    DeviceChoice, StackPaths,
    export::{
        Alphas, ExportReport, ExportRequest, ExportSettings, Format, Quantisation, StoredDtype, export,
    },
};
use eyewright_interop::{
    gguf::{Entry, GgufFile, Kind},
    source::{Part, Source},
};
use eyewright_model::{llava::Segment, stack::StackFiles, weights::Checkpoint};

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/models").join(path)
}

/// The tiny InternLM2 stack with adapters on language model and tower.
fn parts() -> StackPaths {
    StackPaths {
        model: golden("llava_xtuner/llm"),
        visual_encoder: Some(golden("llava_xtuner/clip")),
        llava: Some(golden("llava_xtuner/llava")),
        visual_select_layer: None,
    }
}

fn whole(model: PathBuf) -> StackPaths {
    StackPaths { model, ..StackPaths::default() }
}

fn request(paths: StackPaths, format: Format, folder: &Path) -> ExportRequest {
    let settings = ExportSettings { dtype: Some(StoredDtype::F32), ..ExportSettings::default() };
    ExportRequest {
        paths,
        format,
        folder: folder.to_owned(),
        settings,
        alphas: Alphas::default(),
        verify: true,
        device: DeviceChoice::Cpu,
    }
}

fn write(paths: StackPaths, format: Format, folder: &Path) -> ExportReport {
    export(&request(paths, format, folder), &mut |_, _| {}).unwrap()
}

fn logits(paths: &StackPaths) -> Vec<f32> {
    let model = StackFiles::find(paths).unwrap().load(&Device::flex(), DType::F32, &mut |_| {}).unwrap();
    let ids = [1_u32, 17, 33, 90, 201, 44, 12, 300];
    let (logits, _) = model.logits(&[vec![Segment::Text(ids.to_vec())]], None).unwrap();
    let width = logits.dims()[2];
    let all: Vec<f32> = logits.into_data().try_to_vec().unwrap();
    all.chunks(width).flat_map(|row| row[..372.min(width)].to_vec()).collect()
}

fn error(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    got.iter().zip(expected).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / scale
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_whole_form_answers_like_its_source() {
    let home = tempfile::tempdir().unwrap();
    let before = logits(&parts());
    for format in [Format::LlavaHf, Format::Llava, Format::Eyewright] {
        let folder = home.path().join(format.name());
        let report = write(parts(), format, &folder);
        let answers = &report.checks.last().unwrap().result;
        assert!(answers.starts_with("3 of 3 answers are equal"), "{}: {answers}", format.name());
        let far = error(&logits(&whole(folder)), &before);
        assert!(far <= 1e-4, "{}: {far:e}", format.name());
    }
    assert_eq!(names(home.path()), ["eyewright", "llava", "llava-hf"]);
}

#[test]
fn llava_with_its_adapters_answers_like_its_source() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("llava-lora");
    let mut request = request(parts(), Format::Llava, &folder);
    request.settings.keep_adapters = true;
    let report = export(&request, &mut |_, _| {}).unwrap();
    let answers = &report.checks.last().unwrap().result;
    assert!(answers.starts_with("3 of 3 answers are equal"), "{answers}");
    assert!(report.snippet.contains("--model-base"), "{}", report.snippet);
    let again =
        StackPaths { visual_encoder: Some(folder.join("clip-vision-tower")), llava: Some(folder), ..parts() };
    let far = error(&logits(&again), &logits(&parts()));
    assert!(far <= 1e-4, "{far:e}");
}

#[test]
fn xtuner_form_comes_back_unchanged() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("hf");
    write(parts(), Format::Xtuner, &folder);
    assert_eq!(
        names(&folder),
        ["README.md", "llm_adapter", "projector", "visual_encoder_adapter", "xtuner_config.py"]
    );
    for file in ["llm_adapter", "visual_encoder_adapter", "projector"] {
        let ours = Checkpoint::open(&folder.join(file)).unwrap();
        let theirs = Checkpoint::open(&golden("llava_xtuner/llava").join(file)).unwrap();
        assert!(ours.names().eq(theirs.names()), "{file}");
        for name in theirs.names() {
            let (ours, theirs) = (ours.read(name).unwrap(), theirs.read(name).unwrap());
            assert_eq!(ours.shape, theirs.shape, "{name}");
            assert_eq!(ours.in_dtype(StoredDtype::F32), theirs.in_dtype(StoredDtype::F32), "{name}");
        }
    }
    let json = |path: PathBuf| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path.join("adapter_config.json")).unwrap()).unwrap()
    };
    for part in ["llm_adapter", "visual_encoder_adapter"] {
        let (ours, theirs) = (json(folder.join(part)), json(golden("llava_xtuner/llava").join(part)));
        for field in ["r", "lora_alpha", "target_modules", "task_type", "peft_type", "bias", "use_rslora"] {
            assert_eq!(ours[field], theirs[field], "{part}: {field}");
        }
    }
}

#[test]
fn a_pth_becomes_what_xtuner_makes_of_it() {
    let home = tempfile::tempdir().unwrap();
    let paths = StackPaths { llava: Some(golden("llava_xtuner/iter_10.pth")), ..parts() };
    let mut request = request(paths, Format::Xtuner, &home.path().join("hf"));
    // The golden adapters were made with these, and a .pth does not say so.
    request.alphas = Alphas { llm: Some(12.0), tower: Some(2.0) };
    export(&request, &mut |_, _| {}).unwrap();
    let paths = StackPaths { llava: Some(home.path().join("hf")), ..parts() };
    let far = error(&logits(&paths), &logits(&parts()));
    assert!(far <= 1e-6, "{far:e}");
}

#[test]
fn a_pth_that_was_trained_in_full_leaves_in_every_form() {
    let home = tempfile::tempdir().unwrap();
    let paths = || StackPaths { llava: Some(golden("llava_xtuner/iter_20.pth")), ..parts() };
    for format in [Format::Xtuner, Format::LlavaHf, Format::Llava, Format::Eyewright] {
        let folder = home.path().join(format.name());
        let report = write(paths(), format, &folder);
        let answers = &report.checks.last().unwrap().result;
        assert!(answers.starts_with("3 of 3 answers are equal"), "{}: {answers}", format.name());
        let again = match format {
            Format::Xtuner => {
                StackPaths { model: folder.clone(), llava: Some(folder), ..StackPaths::default() }
            }
            _ => whole(folder),
        };
        let far = error(&logits(&again), &logits(&parts()));
        assert!(far <= 1e-4, "{}: {far:e}", format.name());
    }
    // XTuner's folder brings the language model; beside another one it would be passed over.
    let folder = home.path().join("xtuner");
    let paths = StackPaths { llava: Some(folder), visual_encoder: None, ..parts() };
    let error = StackFiles::find(&paths).unwrap_err().to_string();
    assert!(error.contains("give that folder as the language model too"), "{error}");
}

#[test]
fn adapters_of_unknown_strength_are_not_guessed() {
    let home = tempfile::tempdir().unwrap();
    for (alphas, named, not_named) in [
        (Alphas::default(), "`--llm-alpha F` and `--tower-alpha F`", "nothing"),
        (Alphas { llm: Some(12.0), tower: None }, "rank 4 of the vision tower", "--llm-alpha"),
        (Alphas { llm: None, tower: Some(2.0) }, "rank 6 of the language model", "--tower-alpha"),
    ] {
        let paths = StackPaths { llava: Some(golden("llava_xtuner/iter_10.pth")), ..parts() };
        let mut request = request(paths, Format::Llava, &home.path().join("out"));
        request.settings.dtype = Some(StoredDtype::F16);
        request.alphas = alphas;
        let error = export(&request, &mut |_, _| {}).unwrap_err().to_string();
        assert!(error.contains("iter_10.pth") && error.contains(named), "{error}");
        assert!(!error.contains(not_named), "{error}");
        assert!(names(home.path()).is_empty());
    }
}

#[test]
fn llava_hf_comes_back_identical() {
    let home = tempfile::tempdir().unwrap();
    for golden_name in ["llava_hf_old", "llava_hf_new", "llava_hf_v5"] {
        let folder = home.path().join(golden_name);
        let mut request = request(whole(golden(golden_name)), Format::LlavaHf, &folder);
        request.settings.dtype = None;
        export(&request, &mut |_, _| {}).unwrap();
        let again = home.path().join(format!("{golden_name}-again"));
        let mut request = self::request(whole(folder.clone()), Format::LlavaHf, &again);
        request.settings.dtype = None;
        export(&request, &mut |_, _| {}).unwrap();
        let (before, first, second) = (
            Source::open(&whole(golden(golden_name)), Alphas::default()).unwrap(),
            Source::open(&whole(folder), Alphas::default()).unwrap(),
            Source::open(&whole(again), Alphas::default()).unwrap(),
        );
        for part in [Part::Llm, Part::Tower, Part::Projector] {
            for tensor in before.expected(part) {
                let read = |source: &Source| source.read(part, &tensor.name, false).unwrap();
                assert_eq!(read(&before), read(&first), "{golden_name}: {}", tensor.name);
                assert_eq!(read(&first), read(&second), "{golden_name}: {}", tensor.name);
                assert_eq!(
                    before.dtype(part, &tensor.name),
                    first.dtype(part, &tensor.name),
                    "{}",
                    tensor.name
                );
            }
        }
    }
}

#[test]
fn gguf_says_what_llama_cpp_reads() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("tiny");
    let mut request = request(parts(), Format::Gguf, &folder);
    request.settings.quantisation = Quantisation::Q8_0;
    export(&request, &mut |_, _| {}).unwrap();
    assert_eq!(names(&folder), ["Modelfile", "README.md", "mmproj-tiny-F16.gguf", "tiny-Q8_0.gguf"]);
    let llm = GgufFile::open(&folder.join("tiny-Q8_0.gguf")).unwrap();
    assert_eq!(llm.entry("general.architecture"), Some(&Entry::Text("internlm2".into())));
    assert_eq!(llm.entry("internlm2.attention.head_count_kv"), Some(&Entry::Unsigned(2)));
    assert_eq!(llm.entry("tokenizer.ggml.eos_token_id"), Some(&Entry::Unsigned(370)));
    assert_eq!(llm.get("blk.1.attn_k.weight"), Some((Kind::Q8_0, &[16, 32][..])));
    // 40 is no whole number of blocks.
    assert_eq!(llm.get("blk.1.ffn_down.weight"), Some((Kind::F16, &[32, 40][..])));
    let eye = GgufFile::open(&folder.join("mmproj-tiny-F16.gguf")).unwrap();
    assert_eq!(eye.entry("clip.vision.feature_layer"), Some(&Entry::Numbers(vec![2])));
    assert_eq!(eye.entry("clip.vision.block_count"), Some(&Entry::Unsigned(2)));
    assert!(eye.get("v.blk.2.ln1.weight").is_none());
    // From 16 to 24 and back; llama.cpp read "down" as the first of the two until 2025, and turns them by their shapes since.
    assert_eq!(eye.get("v.blk.1.ffn_down.weight"), Some((Kind::F16, &[24, 16][..])));
    assert_eq!(eye.get("v.blk.1.ffn_up.bias"), Some((Kind::F32, &[16][..])));
    assert_eq!(eye.get("mm.2.weight"), Some((Kind::F16, &[32, 32][..])));
}

#[test]
fn blocks_of_256_are_those_of_llama_cpps_library() {
    let file = |name: &str| fs::read(golden("../gguf").join(name)).unwrap();
    let values: Vec<f32> =
        file("values.f32").as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    for (kind, name) in [(Kind::Q4K, "q4_k.bin"), (Kind::Q6K, "q6_k.bin")] {
        let (ours, theirs) = (kind.pack(&values), file(name));
        assert_eq!(ours.len(), theirs.len());
        let first = ours.iter().zip(&theirs).position(|(our, their)| our != their);
        assert_eq!(first, None, "{name}: the first byte that differs");
    }
}

/// Breaks a copy of a model and says what the error must say; nothing may be left.
#[test]
fn broken_models_leave_nothing_behind() {
    let copy = |home: &Path| {
        for part in ["llm", "clip", "llava/projector", "llava/llm_adapter", "llava/visual_encoder_adapter"] {
            fs::create_dir_all(home.join(part)).unwrap();
            for entry in fs::read_dir(golden("llava_xtuner").join(part)).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, home.join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    };
    let cut = |file: PathBuf| {
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 7]).unwrap();
    };
    type Break<'b> = (&'b str, Box<dyn Fn(&Path) + 'b>, &'b str);
    let rows: Vec<Break<'_>> = vec![
        ("cut model", Box::new(|home| cut(home.join("llm/model.safetensors"))), "cut short"),
        (
            "cut adapter",
            Box::new(|home| cut(home.join("llava/llm_adapter/adapter_model.safetensors"))),
            "cut short",
        ),
        (
            "swapped adapters",
            Box::new(|home| {
                for file in ["adapter_model.safetensors", "adapter_config.json"] {
                    fs::copy(
                        home.join("llava/visual_encoder_adapter").join(file),
                        home.join("llava/llm_adapter").join(file),
                    )
                    .unwrap();
                }
            }),
            "does not fit this model",
        ),
        (
            "another tower",
            Box::new(|home| {
                for file in ["config.json", "model.safetensors"] {
                    fs::copy(golden("clip_vision").join(file), home.join("clip").join(file)).unwrap();
                }
            }),
            "trained with another tower",
        ),
        (
            "another language model",
            Box::new(|home| {
                for file in ["config.json", "model.safetensors"] {
                    fs::copy(golden("internlm2").join(file), home.join("llm").join(file)).unwrap();
                }
            }),
            "trained for another language model",
        ),
        (
            "missing projector",
            Box::new(|home| fs::remove_file(home.join("llava/projector/model.safetensors")).unwrap()),
            "projector",
        ),
        (
            "a pickle that runs a program",
            Box::new(|home| {
                fs::remove_file(home.join("llava/projector/model.safetensors")).unwrap();
                let pickle = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.";
                fs::write(home.join("llava/projector/pytorch_model.bin"), pickle).unwrap();
            }),
            "pytorch_model.bin",
        ),
    ];
    for (name, broken, expected) in rows {
        for format in [Format::LlavaHf, Format::Xtuner, Format::Gguf] {
            let home = tempfile::tempdir().unwrap();
            copy(home.path());
            broken(home.path());
            let before = names(home.path());
            let paths = StackPaths {
                model: home.path().join("llm"),
                visual_encoder: Some(home.path().join("clip")),
                llava: Some(home.path().join("llava")),
                visual_select_layer: None,
            };
            let error =
                export(&request(paths, format, &home.path().join("out")), &mut |_, _| {}).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
            assert_eq!(names(home.path()), before, "{name}");
        }
    }
}

#[test]
fn hostile_gguf_files_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("tiny");
    write(parts(), Format::Gguf, &folder);
    let good = fs::read(folder.join("mmproj-tiny-F16.gguf")).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut copy = good.clone();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        copy
    };
    let find = |text: &str| good.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    // Behind a tensor's name: number of dimensions (4 bytes), sizes (8 each), type (4), offset (8).
    let tensor = find("mm.0.weight") + "mm.0.weight".len();
    let most = u64::MAX.to_le_bytes();
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "cut short"),
        ("something else", b"PK\x03\x04 something else".to_vec(), "not a GGUF file"),
        ("version", patched(4, &9u32.to_le_bytes()), "version 9"),
        ("tensors", patched(8, &most), "at most"),
        ("keys", patched(16, &most), "at most"),
        ("length of a key", patched(24, &most), "at most"),
        ("dimensions", patched(tensor, &u32::MAX.to_le_bytes()), "at most"),
        ("a size", patched(tensor + 4, &most), "damaged"),
        (
            "two sizes",
            patched(tensor + 4, &[&(1u64 << 40).to_le_bytes()[..], &(1u64 << 40).to_le_bytes()].concat()),
            "damaged",
        ),
        ("type", patched(tensor + 20, &77u32.to_le_bytes()), "type 77"),
        ("offset", patched(tensor + 24, &(u64::MAX - 31).to_le_bytes()), "cut short"),
        ("crooked offset", patched(tensor + 24, &33u64.to_le_bytes()), "multiple"),
        ("inside another tensor", patched(tensor + 24, &0u64.to_le_bytes()), "inside another"),
        ("cut", good[..good.len() - 40].to_vec(), "cut short"),
        ("cut in the keys", good[..200].to_vec(), "cut short"),
    ];
    for (name, bytes, expected) in rows {
        let file = home.path().join("bad.gguf");
        fs::write(&file, bytes).unwrap();
        let error = GgufFile::open(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}
