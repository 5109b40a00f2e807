//! `eyewright serve` from outside: the interface's door, the worker that is killed, and the API for other programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A running server with its own library.
struct Served {
    child: Child,
    address: SocketAddr,
    key: String,
    cookie: String,
    _home: tempfile::TempDir,
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap()
}

impl Served {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_eyewright"))
            .args(["serve", "--ui", "--listen", "127.0.0.1:0", "--device", "cpu", "--home"])
            .arg(home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut link, mut key) = (String::new(), String::new());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while link.is_empty() || key.is_empty() {
            let line = lines.next().unwrap().unwrap();
            if line.starts_with("http://") {
                link = line;
            } else if let Some(found) = line.strip_prefix("key: ") {
                key = found.to_owned();
            }
        }
        // Later links are printed too; nobody reading them must not stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        let rest = link.strip_prefix("http://").unwrap();
        let (address, path) = rest.split_once('/').unwrap();
        let mut served =
            Self { child, address: address.parse().unwrap(), key, cookie: String::new(), _home: home };
        let first = served.send("GET", &format!("/{path}"), &[], b"");
        assert_eq!(first.status, 303);
        served.cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        assert!(first.header("set-cookie").unwrap().contains("HttpOnly; SameSite=Strict"));
        // A link works once.
        assert_eq!(served.stranger().send("GET", &format!("/{path}"), &[], b"").status, 401);
        served
    }

    /// Another view of the same server, for a thread.
    fn again(&self) -> Self {
        Self {
            child: Command::new("true").spawn().unwrap(),
            address: self.address,
            key: self.key.clone(),
            cookie: self.cookie.clone(),
            _home: tempfile::tempdir().unwrap(),
        }
    }

    /// Somebody who was not let in.
    fn stranger(&self) -> Self {
        let mut stranger = self.again();
        stranger.cookie.clear();
        stranger
    }

    fn open(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = self.open();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {}\r\n", self.address);
        }
        if !self.cookie.is_empty() {
            head += &format!("Cookie: {}\r\n", self.cookie);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"\r\n").unwrap();
        let _ = stream.write_all(body); // a refused request may be answered before it is read
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        Reply { status, head, body }
    }

    fn call(&self, command: &str, request: &Value) -> Reply {
        let json = ("Content-Type", "application/json");
        self.send("POST", &format!("/api/{command}"), &[json], request.to_string().as_bytes())
    }

    fn ask(&self, command: &str, request: Value) -> Value {
        let reply = self.call(command, &request);
        assert_eq!(reply.status, 200, "{command}: {}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }

    fn api(&self, request: &Value) -> Reply {
        let key = format!("Bearer {}", self.key);
        let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        self.send("POST", "/v1/chat/completions", &headers, request.to_string().as_bytes())
    }

    /// Adds the tiny model with eyes of the golden files.
    fn add_model(&self) -> String {
        let model = root().join("tests/golden/models/llava_hf_new/model");
        let model = if model.is_dir() { model } else { root().join("tests/golden/models/llava_hf_new") };
        let added =
            self.ask("add_model", json!({ "paths": { "model": model.to_str().unwrap() }, "name": "tiny" }));
        assert_eq!(added["kind"], "stack", "{added}");
        added["id"].as_str().unwrap().to_owned()
    }

    /// Waits for a chat to have no answer in the making.
    fn settled(&self, chat: &Value, within: Duration) -> Value {
        let started = Instant::now();
        loop {
            let now = self.ask("get_chat", json!({ "chat": chat }));
            if now["job"].is_null() {
                return now;
            }
            assert!(started.elapsed() < within, "{now}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The computing process below the server.
    #[cfg(target_os = "linux")]
    fn worker(&self) -> Option<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let children =
            tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        children
            .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .next()?
            .parse()
            .ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(String::from_utf8_lossy(&body[..end]).trim(), 16).unwrap_or(0);
        let start = end + 2;
        if length == 0 || body.len() < start + length {
            break;
        }
        whole.extend(&body[start..start + length]);
        body = body.get(start + length + 2..).unwrap_or_default();
    }
    whole
}

fn picture() -> Vec<u8> {
    let folder = root().join("tests/fixtures/images");
    let png = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).filter(|path| {
        path.extension().is_some_and(|ending| ending == "png") && std::fs::metadata(path).unwrap().len() > 200
    });
    let mut all: Vec<PathBuf> = png.collect();
    all.sort();
    std::fs::read(&all[0]).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number =
            three.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place > three.len() { '=' } else { letter });
        }
    }
    text
}

#[test]
fn a_picture_is_asked_about_in_a_browser() {
    let served = Served::start();
    let model = served.add_model();
    let kind = ("Content-Type", "application/octet-stream");
    let picture = served.send("POST", "/api/pictures?name=a.png", &[kind], &picture()).json();
    assert!(picture["width"].as_u64().unwrap() > 0, "{picture}");
    let thumb = served.send("GET", &format!("/thumb/{}/96", picture["id"]), &[], b"");
    assert_eq!((thumb.status, thumb.header("content-type").unwrap().as_str()), (200, "image/png"));
    assert!(thumb.body.starts_with(b"\x89PNG"));
    for path in ["/thumb/999/96", "/thumb/../96", "/thumb/x/96", "/thumb/1/-5"] {
        assert_eq!(served.send("GET", path, &[], b"").status, 404, "{path}");
    }
    let view = served.ask("view_picture", json!({ "picture": picture["id"], "choice": { "model": model } }));
    assert!(view["tokens"].as_u64().unwrap() > 0 && view["side"].as_u64().unwrap() > 0, "{view}");

    let chat = served.ask("create_chat", json!({ "choice": { "model": model } }));
    let sampling = json!({ "temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0, "seed": 1, "max_new_tokens": 8, "stop": [] });
    served.ask("change_chat", json!({ "chat": chat["id"], "sampling": sampling }));
    let sent = served.ask(
        "send_message",
        json!({ "chat": chat["id"], "text": "What is this?", "pictures": [picture["id"]] }),
    );
    let done = served.settled(&chat["id"], Duration::from_secs(60));
    let answer = done["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["id"] == sent["answers"][0]["id"])
        .unwrap()
        .clone();
    assert!(answer["error"].is_null(), "{answer}");
    assert!(answer["stats"]["tokens"].as_u64().unwrap() > 0, "{answer}");
    assert_eq!(done["title"], "What is this?");
    assert_eq!(done["messages"][0]["pictures"][0]["name"], "a.png");

    // The same question with the same seed: a second branch with the same words.
    let again = served.ask("regenerate", json!({ "chat": chat["id"], "answer": answer["id"] }));
    let done = served.settled(&chat["id"], Duration::from_secs(60));
    let second = done["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["id"] == again["answers"][0]["id"])
        .unwrap()
        .clone();
    assert_eq!((&second["text"], &second["parent"]), (&answer["text"], &answer["parent"]));
    assert_eq!(done["current"], second["id"]);

    let filed = served.ask(
        "correct_answer",
        json!({ "chat": chat["id"], "answer": answer["id"], "text": "A test picture." }),
    );
    let rows = served.ask("list_rows", json!({ "dataset": filed["dataset"], "offset": 0, "limit": 10 }));
    assert_eq!(rows["rows"][0]["turns"][0]["text"], "<image>\nWhat is this?");
    assert_eq!(rows["rows"][0]["turns"][1]["text"], "A test picture.");
    assert!(rows["rows"][0]["problems"].as_array().unwrap().is_empty(), "{rows}");
}

/// Killed at a hundred different moments: while it starts, loads, writes, or has nothing to do.
#[test]
#[cfg(target_os = "linux")]
fn a_hundred_killed_workers_are_told_and_the_server_lives() {
    const KILLS: u64 = 100;
    let served = Served::start();
    let model = served.add_model();
    let asked = |tokens: u32, temperature: f64| {
        let chat = served.ask("create_chat", json!({ "choice": { "model": model } }))["id"].clone();
        let sampling = json!({ "temperature": temperature, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0, "seed": 1, "max_new_tokens": tokens, "stop": [] });
        served.ask("change_chat", json!({ "chat": chat, "sampling": sampling }));
        served.ask("send_message", json!({ "chat": chat, "text": "Tell me everything.", "pictures": [] }));
        chat
    };
    let mut interrupted = 0;
    for kill in 1..=KILLS {
        let chat = asked(100_000, 1.0);
        let started = Instant::now();
        let pid = loop {
            if let Some(pid) = served.worker() {
                break pid;
            }
            assert!(started.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(2));
        };
        std::thread::sleep(Duration::from_millis(kill * 7 % 80));
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
        let killed = Instant::now();
        let done = served.settled(&chat, Duration::from_secs(10));
        assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
        // A quick answer may have ended before the signal came; the kill is told all the same.
        let answer = done["messages"].as_array().unwrap().last().unwrap();
        if answer["finish"] == "failed" {
            assert_eq!(answer["error"]["code"], "worker_stopped", "{answer}");
            interrupted += 1;
        }
        let status = loop {
            let status = served.ask("worker_status", json!({}));
            if status["crashes"] == kill || killed.elapsed() > Duration::from_secs(3) {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!((&status["state"], &status["crashes"]), (&json!("stopped"), &json!(kill)), "{status}");
    }
    assert!(interrupted > KILLS / 4, "only {interrupted} kills met work");
    // The next question starts another process, in the same server.
    let done = served.settled(&asked(4, 0.0), Duration::from_secs(60));
    assert!(done["messages"][1]["stats"]["tokens"].as_u64().unwrap() > 0, "{done}");
}

#[test]
fn only_our_own_page_with_its_cookie_gets_in() {
    let served = Served::start();
    let json = ("Content-Type", "application/json");
    let own = format!("http://{}", served.address);
    let good = served.send("POST", "/api/app_info", &[json, ("Origin", &own)], b"{}");
    assert_eq!(good.status, 200);
    assert!(good.header("content-security-policy").unwrap().contains("default-src 'none'"));
    for headers in [
        vec![json, ("Origin", "http://evil.com")],
        vec![json, ("Origin", "null")],
        vec![json, ("Host", "evil.com")],
        vec![json, ("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(served.send("POST", "/api/app_info", &headers, b"{}").status, 403, "{headers:?}");
    }
    assert_eq!(served.send("POST", "/api/app_info", &[("Content-Type", "text/plain")], b"{}").status, 415);
    let stranger = served.stranger();
    for path in ["/api/app_info", "/api/pictures"] {
        assert_eq!(stranger.send("POST", path, &[json], b"{}").status, 401, "{path}");
    }
    for path in ["/api/events", "/thumb/1/96"] {
        assert_eq!(stranger.send("GET", path, &[], b"").status, 401, "{path}");
    }
    assert_eq!(stranger.send("GET", "/v1/models", &[], b"").status, 401);
    assert_eq!(stranger.send("GET", "/v1/models", &[("Authorization", "Bearer x")], b"").status, 401);
    assert_eq!(stranger.send("GET", "/health", &[], b"").status, 200);
    assert_eq!(served.call("no_such_command", &json!({})).json()["code"], "unknown_command");
}

#[test]
fn five_hundred_mixed_requests_leave_the_api_alive() {
    let served = Served::start();
    let model = served.add_model();
    let image = format!("data:image/png;base64,{}", base64(&picture()));
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    let good = |more: Value| {
        let mut request =
            json!({ "model": model, "max_tokens": 3, "temperature": 0, "messages": user(json!("Hi")) });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    // What is asked, and which statuses may come: under load the queue's 429 is right too.
    let rows: Vec<(Value, u16)> = vec![
        (good(json!({})), 200),
        (
            good(
                json!({ "messages": user(json!([{ "type": "text", "text": "What?" }, { "type": "image_url", "image_url": { "url": image } }])) }),
            ),
            200,
        ),
        (good(json!({ "stream": true, "stream_options": { "include_usage": true } })), 200),
        (good(json!({ "model": "default" })), 200),
        (good(json!({ "model": "no-such-model" })), 404),
        (good(json!({ "temperature": 9 })), 400),
        (good(json!({ "max_tokens": -1 })), 400),
        (good(json!({ "messages": [] })), 400),
        (
            good(
                json!({ "messages": user(json!([{ "type": "image_url", "image_url": { "url": "http://127.0.0.1/x" } }])) }),
            ),
            400,
        ),
        (
            good(
                json!({ "messages": user(json!([{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }])) }),
            ),
            400,
        ),
        (json!([]), 400),
    ];
    let first = served.api(&rows[0].0);
    assert_eq!(first.status, 200, "{}", String::from_utf8_lossy(&first.body));
    let first = first.json();
    assert_eq!(first["object"], "chat.completion");
    assert!(first["usage"]["completion_tokens"].as_u64().unwrap() <= 3, "{first}");
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let (served, rows) = (served.again(), &rows);
            scope.spawn(move || {
                for round in 0..50 {
                    let (request, expected) = &rows[(thread + round) % rows.len()];
                    let reply = served.api(request);
                    let text = String::from_utf8_lossy(&reply.body);
                    assert!(
                        reply.status == *expected || reply.status == 429,
                        "{request}: {} {text}",
                        reply.status
                    );
                    if reply.status == 429 {
                        assert!(reply.header("retry-after").is_some());
                    }
                    if reply.status >= 400 {
                        assert!(reply.json()["error"]["message"].is_string(), "{text}");
                    } else if request["stream"] == true {
                        assert!(text.ends_with("data: [DONE]\n\n") && text.contains("\"usage\""), "{text}");
                    } else {
                        assert_eq!(reply.json()["choices"][0]["message"]["role"], "assistant");
                    }
                }
            });
        }
    });
    assert_eq!(served.send("GET", "/health", &[], b"").status, 200);
    assert_eq!(served.ask("worker_status", json!({}))["crashes"], 0);
    // A client that goes away gives its place back.
    let long = good(json!({ "stream": true, "max_tokens": 100000, "temperature": 2 })).to_string();
    for _ in 0..20 {
        let mut stream = served.open();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{long}",
            served.address,
            served.key,
            long.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        drop(stream);
    }
    let started = Instant::now();
    while served.api(&rows[0].0).status != 200 {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_body_that_is_too_long_is_not_read() {
    let served = Served::start();
    let mut stream = served.open();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 4000000000\r\n\r\n",
        served.address, served.key
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn other_machines_are_kept_out() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_eyewright"))
        .args(["serve", "--ui", "--listen", "0.0.0.0:0", "--home"])
        .arg(home.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("loopback") && text.contains("ssh -L"), "{text}");
}

#[test]
fn a_model_leaves_in_another_form_and_is_read_back() {
    let served = Served::start();
    let model = served.add_model();
    let source = json!({ "choice": { "model": model } });
    let cards = served.ask("list_export_formats", json!({ "source": source }));
    let of = |format: &str| {
        cards.as_array().unwrap().iter().find(|card| card["format"] == format).unwrap().clone()
    };
    for format in ["llava_hf", "llava", "eyewright"] {
        assert_eq!(of(format)["available"], json!(true), "{cards}");
    }
    assert_eq!(of("gguf")["dtypes"], json!(["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m"]));
    assert!(of("llava_hf")["bytes"].as_u64().unwrap() > 0 && of("xtuner")["bytes"].is_null(), "{cards}");
    let strange = json!({ "source": source, "format": "peft", "dtype": "q8_0" });
    assert_eq!(served.call("start_export", &strange).json()["code"], "bad_request");
    let job = served.ask("start_export", json!({ "source": source, "format": "llava_hf" }));
    let started = Instant::now();
    let done = loop {
        let now = served.ask("get_job", json!({ "job": job["id"] }));
        if now["state"] != "running" && now["state"] != "waiting" {
            break now;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{now}");
        std::thread::sleep(Duration::from_millis(30));
    };
    assert_eq!(done["state"], "finished", "{done}");
    let report = &done["outcome"]["report"];
    assert_eq!(report["verified"], true, "{report}");
    let folder = Path::new(report["folder"].as_str().unwrap());
    for file in report["files"].as_array().unwrap() {
        let about = std::fs::metadata(folder.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(Some(about.len()), file["bytes"].as_u64(), "{file}");
    }
    // What was written is a model again.
    let again = served.ask("add_model", json!({ "paths": { "model": folder.to_str().unwrap() } }));
    assert_eq!((&again["kind"], &again["fault"]), (&json!("stack"), &json!(null)));
    // A run that is not there, and no source at all, are refused.
    let missing = json!({ "source": { "checkpoint": { "run": "none" } }, "format": "peft" });
    assert_eq!(served.call("start_export", &missing).json()["code"], "not_found");
    assert_eq!(
        served.call("start_export", &json!({ "source": {}, "format": "peft" })).json()["code"],
        "bad_request"
    );
}
