//! Indexes that are damaged, reach out of their folder, or disagree with their shards.

use super::super::forge::{safetensors, torch_file};
use super::{TWO, good_pickle, read_all};

#[test]
fn indexes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one.safetensors"), safetensors(TWO, &[0; 11])).unwrap();
    std::fs::write(folder.path().join("two.bin"), torch_file(&good_pickle(), &[7; 16])).unwrap();
    std::fs::write(
        folder.path().join("three.safetensors"),
        safetensors(&TWO.replace("\"b\"", "\"c\""), &[0; 11]),
    )
    .unwrap();
    let index = |map: &str| format!("{{\"metadata\":{{\"total_size\":1}},\"weight_map\":{{{map}}}}}");
    let one = r#""a":"one.safetensors","b":"one.safetensors""#;
    let path = folder.path().join("model.safetensors.index.json");
    std::fs::write(&path, index(&format!(r#"{one},"weight":"two.bin""#))).unwrap();
    assert_eq!(read_all(folder.path()).unwrap(), 3, "a good index over two formats");
    assert_eq!(read_all(&path).unwrap(), 3, "the index by its own path");
    let at = |shard: &str| index(&format!("\"a\":\"{shard}\""));
    let rows: &[(String, &[&str])] = &[
        (String::new(), &["not a valid index"]),
        ("{}".to_owned(), &["missing field `weight_map`"]),
        (r#"{"weight_map":{"a":1}}"#.to_owned(), &["not a valid index"]),
        (r#"{"weight_map":{},"weight_map":{}}"#.to_owned(), &["duplicate field"]),
        (index(""), &["lists 0 tensors"]),
        (index(&format!(r#"{one},"a":"one.safetensors""#)), &["lists tensor \"a\" twice"]),
        (at("../x.safetensors"), &["\"../x.safetensors\"", "plain name"]),
        (at("/etc/x.bin"), &["plain name"]),
        (at("sub\\\\x.bin"), &["plain name"]),
        (at("C:x.bin"), &["plain name"]),
        (at(".."), &["plain name"]),
        (at(""), &["plain name"]),
        (at("config.json"), &["plain name"]),
        (at("model.safetensors.index.json"), &["plain name"]),
        (
            index(r#""a":"gone-1.bin","b":"one.safetensors","x":"one.safetensors","y":"gone-2.bin""#),
            &[
                "missing shards: \"gone-1.bin\", \"gone-2.bin\"",
                "tensors missing: \"a\", \"x\", \"y\"",
                "several shards: \"a\"",
            ],
        ),
        (index(r#""a":"one.safetensors""#), &["not in the index: \"b\""]),
        (index(&format!(r#"{one},"c":"three.safetensors""#)), &["several shards: \"a\""]),
    ];
    for (json, says) in rows {
        std::fs::write(&path, json).unwrap();
        let error = read_all(&path).unwrap_err().to_string();
        assert!(error.contains("model.safetensors.index.json"), "{json}: {error}");
        for says in *says {
            assert!(error.contains(says), "{json}: `{error}` does not say `{says}`");
        }
    }
}
