//! Every command against arguments that no interface of ours would send.

use std::time::{Duration, Instant};

use eyewright_protocol::{COMMANDS, Door, ErrorCode};
use serde_json::{Value, json};

use super::{Host, Studio, StudioConfig};
use crate::worker::WorkerProgram;

struct NoDoor;

impl Host for NoDoor {
    fn door(&self) -> Door {
        Door::Browser
    }
}

fn studio(home: &std::path::Path) -> Studio {
    let config = StudioConfig {
        home: home.to_owned(),
        bundled: Vec::new(),
        worker: WorkerProgram { program: "/no/such/program".into(), arguments: Vec::new() },
        opened_with: Vec::new(),
    };
    Studio::open(config, Box::new(NoDoor)).unwrap()
}

/// Requests that are of a command's form as often as possible, with values that are out of every range.
fn hostile() -> Vec<Value> {
    let long = "x".repeat(70_000);
    let texts = [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "a\0b",
        "🦀",
        "<script>alert(1)</script>",
        "C:\\x",
        &long,
    ];
    let mut requests = vec![json!(null), json!([]), json!(7), json!("x"), json!({}), json!({ "unknown": 1 })];
    let fields = [
        "chat",
        "dataset",
        "model",
        "run",
        "job",
        "picture",
        "path",
        "folder",
        "name",
        "text",
        "url",
        "key",
        "json",
        "toml",
        "repository",
    ];
    for field in fields {
        requests.extend(texts.iter().map(|text| json!({ field: text })));
        requests.extend([
            json!({ field: -1 }),
            json!({ field: u64::MAX }),
            json!({ field: {} }),
            json!({ field: 1e300 }),
        ]);
    }
    for text in texts {
        requests.extend([
            json!({ "chat": text, "text": text, "pictures": [4294967295u32], "parent": 4294967295u32 }),
            json!({ "chat": text, "message": 0, "text": text, "pictures": [] }),
            json!({ "chat": text, "answer": 1, "text": text, "dataset": text }),
            json!({ "chat": text, "format": "markdown" }),
            json!({ "chat": text, "title": text, "system": text }),
            json!({ "paths": { "model": text, "visual_encoder": text, "llava": text }, "name": text }),
            json!({ "paths": [text] }),
            json!({ "json": text, "image_folder": text, "name": text }),
            json!({ "dataset": text, "offset": u64::MAX, "limit": u32::MAX, "search": text }),
            json!({ "dataset": text, "validation": -0.5, "seed": 1 }),
            json!({ "dataset": text, "files": true }),
            json!({ "model": text, "files": true }),
            json!({ "run": text, "files": true }),
            json!({ "run": text, "offset": u64::MAX, "limit": u32::MAX }),
            json!({ "run": text, "bytes": u32::MAX }),
            json!({ "run": text, "how": "save" }),
            json!({ "run": text, "place": u32::MAX }),
            json!({ "recipe": text, "preset": text, "values": { text: text } }),
            json!({ "draft": { "recipe": "pretrain", "preset": "demo", "values": { "train.batch": text, "data.json": text } } }),
            json!({ "draft": { "recipe": text, "preset": text, "values": {} }, "after": null }),
            json!({ "drafts": [{ "recipe": "pretrain", "preset": "demo", "values": { "data.json": text } }], "queue": true }),
            json!({ "choice": { "model": text, "checkpoint": { "run": text, "step": u64::MAX } } }),
            json!({ "picture": 1, "choice": { "model": text, "checkpoint": null } }),
            json!({ "source": { "checkpoint": { "run": text, "step": 1 } }, "format": "peft", "folder": text }),
            json!({ "name": text, "base64": text }),
            json!({ "name": text, "key": text }),
            json!({ "repository": text, "revision": text }),
            json!({ "device": text, "hub": text, "library": text }),
            json!({ "sampling": { "temperature": -1, "top_k": 0, "top_p": 9, "min_p": 0, "repetition_penalty": 0, "max_new_tokens": 0, "stop": [] } }),
        ]);
    }
    requests
}

#[test]
fn hostile_arguments_settle_with_typed_errors() {
    let home = tempfile::tempdir().unwrap();
    let studio = studio(home.path());
    let requests: Vec<Vec<u8>> =
        hostile().iter().map(|request| serde_json::to_vec(request).unwrap()).collect();
    for command in COMMANDS {
        for request in &requests {
            let started = Instant::now();
            let reply = studio.call(command, request);
            let shown: String = String::from_utf8_lossy(request).chars().take(200).collect();
            assert!(started.elapsed() < Duration::from_secs(5), "{command} {shown}");
            match reply {
                Ok(text) => assert!(serde_json::from_str::<Value>(&text).is_ok(), "{command} {shown}"),
                Err(error) => {
                    assert_ne!(error.code, ErrorCode::Internal, "{command} {shown}: {error}");
                    assert!(!error.message.is_empty(), "{command} {shown}");
                }
            }
        }
        for garbage in [&b""[..], b"{", b"\xff\xfe", b"{\"chat\":"] {
            let error = studio.call(command, garbage).unwrap_err();
            assert_eq!(error.code, ErrorCode::BadRequest, "{command}");
        }
    }
    assert_eq!(studio.call("no_such_command", b"{}").unwrap_err().code, ErrorCode::UnknownCommand);
    let huge = vec![b' '; (1 << 20) + 1];
    assert_eq!(studio.call("get_chat", &huge).unwrap_err().code, ErrorCode::BadRequest);
}

#[test]
fn a_chat_lives_on_disk() {
    let home = tempfile::tempdir().unwrap();
    let ask = |studio: &Studio, command: &str, request: Value| -> Value {
        serde_json::from_str(&studio.call(command, request.to_string().as_bytes()).unwrap()).unwrap()
    };
    let first = studio(home.path());
    let chat = ask(&first, "create_chat", json!({ "title": "A cat" }));
    let id = chat["id"].clone();
    // Without any model there is nobody to answer, and nothing is stored.
    let request = json!({ "chat": id, "text": "hello", "pictures": [] }).to_string();
    assert_eq!(first.call("send_message", request.as_bytes()).unwrap_err().code, ErrorCode::NotReady);
    drop(first);
    let again = studio(home.path());
    let found = ask(&again, "list_chats", json!({ "search": "CAT" }));
    assert_eq!((&found["total"], &found["chats"][0]["id"]), (&json!(1), &id));
    assert_eq!(ask(&again, "get_chat", json!({ "chat": id }))["messages"], json!([]));
    let markdown = ask(&again, "export_chat", json!({ "chat": id, "format": "markdown" }));
    assert_eq!(markdown["text"], "# A cat\n");
    ask(&again, "delete_chat", json!({ "chat": id }));
    assert_eq!(ask(&again, "list_chats", json!({}))["total"], 0);
}
