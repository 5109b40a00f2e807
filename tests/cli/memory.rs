//! How much memory of the computer does loading take besides the weights themselves?
//!
//! On the processor the loaded weights are in that memory too, so they are taken off. What may remain is less than
//! 1.3 times the largest tensor and 300 MB.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use super::program::{model, say};

const VOCAB: usize = 384;
const HIDDEN: usize = 2048;
const INNER: usize = 24_576;

/// A Llama of two layers whose tensors have 100 MB each in f16; zeros, for what is measured does not depend on them.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut all = vec![
        ("model.embed_tokens.weight".to_owned(), vec![VOCAB, HIDDEN]),
        ("lm_head.weight".to_owned(), vec![VOCAB, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    let layer = "model.layers.0";
    for name in ["input_layernorm", "post_attention_layernorm"] {
        all.push((format!("{layer}.{name}.weight"), vec![HIDDEN]));
    }
    for name in ["q_proj", "k_proj", "v_proj", "o_proj"] {
        all.push((format!("{layer}.self_attn.{name}.weight"), vec![HIDDEN, HIDDEN]));
    }
    for (name, shape) in
        [("gate_proj", [INNER, HIDDEN]), ("up_proj", [INNER, HIDDEN]), ("down_proj", [HIDDEN, INNER])]
    {
        all.push((format!("{layer}.mlp.{name}.weight"), shape.to_vec()));
    }
    all
}

fn write(folder: &Path) -> u64 {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, shape) in tensors() {
        let begin = end;
        end += 2 * shape.iter().product::<usize>() as u64;
        let row = serde_json::json!({ "dtype": "F16", "shape": shape, "data_offsets": [begin, end] });
        header.insert(name, row);
    }
    let header = serde_json::Value::from(header).to_string();
    let mut file = BufWriter::new(File::create(folder.join("model.safetensors")).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let chunk = vec![0; 1 << 20];
    for start in (0..end).step_by(chunk.len()) {
        file.write_all(&chunk[..chunk.len().min((end - start) as usize)]).unwrap();
    }
    file.flush().unwrap();
    let config = serde_json::json!({
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 1,
        "num_attention_heads": 16, "vocab_size": VOCAB, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        fs::copy(Path::new(&model("llama")).join(name), folder.join(name)).unwrap();
    }
    end
}

#[cfg(target_os = "linux")]
#[test]
fn loading_takes_little_more_than_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let stored = write(folder.path());
    assert!(stored > 300 << 20);
    let model = folder.path().to_str().unwrap();
    for (dtype, weights) in [("f16", stored), ("f32", 2 * stored)] {
        let words = ["bench", "chat", model, "--device", "cpu", "--dtype", dtype];
        let report =
            say(&[&words[..], &["--runs", "1", "--warm-up", "0", "--new-tokens", "1"]].concat()).json();
        let peak = report["memory_after_load"]["host_peak"].as_u64().unwrap();
        let largest = weights / stored * 2 * (INNER * HIDDEN) as u64;
        let allowed = largest * 13 / 10 + 300_000_000;
        let besides = peak.saturating_sub(weights);
        println!("{dtype}: peak {peak}, weights {weights}, besides {besides}, allowed {allowed}");
        assert!(besides < allowed, "{dtype}: {besides} bytes besides the weights, {allowed} are allowed");
    }
}
