//! Every command against arguments that no interface of ours would send.

use std::time::{Duration, Instant};

use eyewright_protocol::{COMMANDS, Door, ErrorCode};
use serde_json::{Value, json};

use super::{Host, Studio, StudioConfig};
use crate::worker::WorkerProgram;

mod plans;

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

fn ask(studio: &Studio, command: &str, request: Value) -> Value {
    serde_json::from_str(&studio.call(command, request.to_string().as_bytes()).unwrap()).unwrap()
}

fn refused(studio: &Studio, command: &str, request: Value) -> ErrorCode {
    studio.call(command, request.to_string().as_bytes()).unwrap_err().code
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
            json!({ "dataset": text, "row": u64::MAX, "version": text, "texts": [text] }),
            json!({ "dataset": text, "row": 0, "version": text }),
            json!({ "name": text, "rows": u32::MAX }),
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

#[test]
fn rows_are_corrected_deleted_and_brought_back() {
    let home = tempfile::tempdir().unwrap();
    let studio = studio(home.path());
    let file = home.path().join("rows.jsonl");
    let row = |id: u32, answer: &str| {
        let said = format!(r#"[{{"from":"human","value":"What?"}},{{"from":"gpt","value":"{answer}"}}]"#);
        format!("{{\"mine\": {id}.0,  \"id\":{id}, \"conversations\":{said}}}\n")
    };
    let text = [row(1, "one"), row(2, "two"), row(3, "three")].concat();
    std::fs::write(&file, &text).unwrap();
    let read = || std::fs::read_to_string(&file).unwrap();
    let dataset = ask(&studio, "add_dataset", json!({ "json": file }))["id"].clone();
    let page = || ask(&studio, "list_rows", json!({ "dataset": dataset, "offset": 0, "limit": 10 }));
    let version = || page()["rows"][0]["version"].clone();

    let request = json!({ "dataset": dataset, "row": 1, "version": version(), "texts": ["What?", "2"] });
    let changed = ask(&studio, "edit_row", request.clone());
    assert_eq!(
        (&changed["row"], &changed["changes"], &changed["dataset"]["rows"]),
        (&json!(1), &json!(1), &json!(3))
    );
    assert_eq!(read(), text.replace("two", "2"));
    // The same once more is of a file that is no longer so.
    assert_eq!(refused(&studio, "edit_row", request), ErrorCode::Conflict);
    let short = json!({ "dataset": dataset, "row": 1, "version": version(), "texts": ["What?"] });
    assert_eq!(refused(&studio, "edit_row", short), ErrorCode::BadRequest);

    let deleted = ask(&studio, "delete_row", json!({ "dataset": dataset, "row": 0, "version": version() }));
    assert_eq!((&deleted["changes"], &deleted["dataset"]["rows"]), (&json!(2), &json!(2)));
    assert_eq!((read(), page()["changes"].clone()), ([row(2, "2"), row(3, "three")].concat(), json!(2)));
    assert_eq!(ask(&studio, "undo_row_change", json!({ "dataset": dataset }))["dataset"]["rows"], 3);
    assert_eq!(ask(&studio, "undo_row_change", json!({ "dataset": dataset }))["changes"], 0);
    assert_eq!(read(), text);
    assert_eq!(refused(&studio, "undo_row_change", json!({ "dataset": dataset })), ErrorCode::NotFound);

    // Somebody else writes meanwhile: nothing of theirs is lost, by a change or by taking one back.
    let seen = version();
    let theirs = text.replace("three", "3");
    std::fs::write(&file, &theirs).unwrap();
    let late = json!({ "dataset": dataset, "row": 0, "version": seen });
    assert_eq!(refused(&studio, "delete_row", late), ErrorCode::Conflict);
    ask(&studio, "delete_row", json!({ "dataset": dataset, "row": 0, "version": version() }));
    std::fs::write(&file, &theirs).unwrap();
    assert_eq!(refused(&studio, "undo_row_change", json!({ "dataset": dataset })), ErrorCode::Conflict);
    assert_eq!((read(), page()["changes"].clone()), (theirs, json!(0)));
}

#[test]
fn the_last_row_may_go_and_come_back() {
    let home = tempfile::tempdir().unwrap();
    let studio = studio(home.path());
    let made = ask(&studio, "create_dataset", json!({ "name": "mine" }));
    let file = std::path::PathBuf::from(made["json"].as_str().unwrap());
    let of = |more: Value| {
        let mut request = json!({ "dataset": made["id"] });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let rows = || ask(&studio, "list_rows", of(json!({ "offset": 0, "limit": 5 })));
    assert_eq!((rows()["total"].clone(), rows()["rows"].clone()), (json!(0), json!([])));
    let text = "[\n  {\"conversations\": []}\n]\n";
    std::fs::write(&file, text).unwrap();
    let version = rows()["rows"][0]["version"].clone();
    ask(&studio, "delete_row", of(json!({ "row": 0, "version": version })));
    assert_eq!(rows()["total"], 0);
    ask(&studio, "undo_row_change", of(json!({})));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    // A new data set of an old name does not write into the old one's folder.
    ask(&studio, "delete_dataset", of(json!({ "files": false })));
    let again = ask(&studio, "create_dataset", json!({ "name": "mine" }));
    assert_ne!(again["json"], made["json"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_demo_data_set_is_drawn_with_pictures_held_out() {
    let home = tempfile::tempdir().unwrap();
    let studio = studio(home.path());
    assert_eq!(refused(&studio, "make_demo_dataset", json!({ "name": " " })), ErrorCode::BadRequest);
    assert_eq!(
        refused(&studio, "make_demo_dataset", json!({ "name": "x", "rows": 1 })),
        ErrorCode::BadRequest
    );
    let drawn = |job: &Value| loop {
        let now = ask(&studio, "get_job", json!({ "job": job["id"] }));
        if now["state"] != "waiting" && now["state"] != "running" {
            break now;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let job = drawn(&ask(&studio, "make_demo_dataset", json!({ "name": "Demo", "rows": 20 })));
    let dataset = &job["outcome"]["dataset"];
    assert_eq!(
        (&job["state"], &dataset["rows"], &dataset["in_library"]),
        (&json!("finished"), &json!(20), &json!(true))
    );
    let asked = dataset["held_out"].as_array().unwrap();
    assert_eq!(asked.len(), 4);
    for one in asked {
        assert!(std::path::Path::new(one["picture"].as_str().unwrap()).is_file(), "{one}");
        assert!(!one["question"].as_str().unwrap().contains("<image>"), "{one}");
    }
    // Stopped before its end it leaves nothing behind.
    let long = ask(&studio, "make_demo_dataset", json!({ "name": "long", "rows": 100_000 }));
    assert_eq!(refused(&studio, "make_demo_dataset", json!({ "name": "two" })), ErrorCode::Busy);
    ask(&studio, "cancel_job", json!({ "job": long["id"] }));
    assert_eq!(drawn(&long)["state"], "cancelled");
    assert_eq!(std::fs::read_dir(home.path().join("datasets")).unwrap().count(), 1);
    assert_eq!(ask(&studio, "list_datasets", json!({})).as_array().unwrap().len(), 1);
}

#[test]
fn a_finding_leads_to_its_own_rows_and_outlives_a_correction() {
    let home = tempfile::tempdir().unwrap();
    let studio = studio(home.path());
    let row = |answer: &str, image: &str| {
        json!({ "image": image, "conversations": [
            { "from": "human", "value": "<image>\nWhat?" }, { "from": "gpt", "value": answer }
        ] })
    };
    std::fs::write(home.path().join("broken.png"), b"no picture").unwrap();
    let file = home.path().join("rows.json");
    let rows = json!([row("", "gone.png"), row("a", "broken.png"), row("b", "gone.png")]);
    std::fs::write(&file, rows.to_string()).unwrap();
    let dataset = ask(&studio, "add_dataset", json!({ "json": file, "name": "mine" }))["id"].clone();
    let job = ask(&studio, "check_dataset", json!({ "dataset": dataset, "open_pictures": true }));
    while ask(&studio, "get_job", json!({ "job": job["id"] }))["state"] != "finished" {
        std::thread::sleep(Duration::from_millis(10));
    }
    let page = |finding: &str| {
        ask(&studio, "list_rows", json!({ "dataset": dataset, "offset": 0, "limit": 9, "finding": finding }))
    };
    let numbers = |finding: &str| -> Vec<u64> {
        page(finding)["rows"].as_array().unwrap().iter().map(|row| row["number"].as_u64().unwrap()).collect()
    };
    assert_eq!((numbers("missing_picture"), numbers("empty_answer")), (vec![0, 2], vec![0]));
    // Only who opens it sees that a picture is none.
    assert_eq!(page("damaged_picture")["rows"][0]["problems"][0]["problem"], "damaged_picture");

    let version = page("empty_answer")["rows"][0]["version"].clone();
    let said = json!({ "dataset": dataset, "row": 0, "version": version, "texts": ["<image>\nWhat?", "c"] });
    ask(&studio, "edit_row", said);
    assert_eq!((numbers("missing_picture"), numbers("empty_answer")), (vec![0, 2], vec![]));
    let report = ask(&studio, "dataset_report", json!({ "dataset": dataset }));
    assert_eq!((&report["health"]["rows"], &report["health"]["fatal"]), (&json!(3), &json!(3)));
    // Of a file that somebody else changed nothing is known.
    let theirs = json!([row("a", "broken.png"), row("b", "gone.png"), row("c", "d.png"), row("e", "f.png")]);
    std::fs::write(&file, theirs.to_string()).unwrap();
    assert_eq!(ask(&studio, "dataset_report", json!({ "dataset": dataset })), json!(null));
    assert_eq!(ask(&studio, "get_dataset", json!({ "dataset": dataset }))["health"], json!(null));
}

#[test]
fn data_sets_are_told_apart_by_name() {
    let home = tempfile::tempdir().unwrap();
    let studio = studio(home.path());
    let made = |name: &str| ask(&studio, "create_dataset", json!({ "name": name }));
    let (one, two) = (made("cats"), made("cats"));
    assert_eq!((&one["name"], &two["name"]), (&json!("cats"), &json!("cats (2)")));
    let rename = |name: &str| json!({ "dataset": two["id"], "name": name });
    assert_eq!(refused(&studio, "rename_dataset", rename("cats")), ErrorCode::AlreadyExists);
    assert_eq!(ask(&studio, "rename_dataset", rename("dogs"))["name"], "dogs");
}

/// What lies in a folder, names and contents.
fn all_bytes(folder: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        all.extend(entry.file_name().as_encoded_bytes());
        if entry.path().is_dir() {
            all.extend(all_bytes(&entry.path()));
        } else {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[test]
fn without_a_keyring_a_key_is_in_no_file_and_gone_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let library = home.path().join("library");
    let (secret, system) = ("hf_0123456789secret", "words that are saved");
    let first = studio(home.path());
    ask(&first, "change_settings", json!({ "library": library, "system": system }));
    assert_eq!(ask(&first, "keyring", json!({}))["missing"]["code"], "not_here");
    assert_eq!(ask(&first, "set_key", json!({ "name": "hub", "key": secret }))["place"], "memory");
    ask(&first, "write_diagnostics", json!({}));
    drop(first);
    let found = |text: &str| all_bytes(home.path()).windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(found(system) && !found(secret));
    let keys = ask(&studio(home.path()), "list_keys", json!({}));
    assert!(keys.as_array().unwrap().iter().all(|key| key["place"] == "absent"), "{keys}");
}
