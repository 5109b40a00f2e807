//! A hub of the test's own: files of one repository, and faults on request. It keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a server does with a request before it thinks of answering it rightly.
pub(crate) type Fault = Box<dyn Fn(&Asked, usize) -> Option<Answer> + Send + Sync>;

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

/// An answer; `cut` ends the connection after so many bytes of the body, `hang` keeps it open in silence instead.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) cut: Option<usize>,
    pub(crate) hang: bool,
}

pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Content of a repository, by name.
pub(crate) type Files = BTreeMap<&'static str, Vec<u8>>;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    pub(crate) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// A file from the byte that was asked for.
    pub(crate) fn file(asked: &Asked, bytes: &[u8]) -> Self {
        let from = asked
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match from {
            Some(from) => Self { status: 206, body: bytes[from..].to_vec(), ..Self::default() }
                .with("Content-Range", format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len())),
            None => Self { status: 200, body: bytes.to_vec(), ..Self::default() },
        }
    }
}

/// A repository in the form of the hub's API: safetensors are large files with a SHA-256, the rest has none.
pub(crate) fn listing(files: &Files) -> Value {
    let siblings: Vec<Value> = files
        .iter()
        .map(|(name, bytes)| {
            let large = name.ends_with(".safetensors");
            let lfs =
                large.then(|| json!({ "sha256": sha256(bytes), "size": bytes.len(), "pointerSize": 135 }));
            json!({ "rfilename": name, "size": bytes.len(), "blobId": git_blob(bytes), "lfs": lfs })
        })
        .collect();
    json!({ "id": "owner/tiny", "sha": COMMIT, "siblings": siblings })
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn git_blob(bytes: &[u8]) -> String {
    use sha1::Sha1;
    let sum = Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize();
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Hub {
    /// Serves files; `fault` is asked first, with the number of earlier requests for the same path.
    pub(crate) fn start(
        files: Files,
        fault: impl Fn(&Asked, usize) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, fault, files) = (Arc::clone(&asked), Arc::new(Box::new(fault) as Fault), Arc::new(files));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, fault, files) = (Arc::clone(&seen), Arc::clone(&fault), Arc::clone(&files));
                std::thread::spawn(move || serve(&stream, &seen, &fault, &files));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests for paths that end so.
    pub(crate) fn asked_for(&self, ending: &str) -> Vec<Asked> {
        self.all().into_iter().filter(|asked| asked.path.ends_with(ending)).collect()
    }

    pub(crate) fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Asked>>, fault: &Fault, files: &Files) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let headers = lines.take_while(|line| !line.is_empty());
    let headers = headers
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
    let asked =
        Asked { method: words.next().unwrap(), path: words.next().unwrap(), headers: headers.collect() };
    let earlier = {
        let mut seen = seen.lock().unwrap();
        seen.push(asked.clone());
        seen.iter().filter(|other| other.path == asked.path).count() - 1
    };
    let answer = fault(&asked, earlier).unwrap_or_else(|| right(&asked, files));
    let mut head = format!("HTTP/1.1 {} Words\r\nConnection: close\r\n", answer.status);
    if !answer.headers.iter().any(|(name, _)| name == "Content-Length") {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = stream;
    let body =
        if asked.method == "HEAD" { &[] } else { &answer.body[..answer.cut.unwrap_or(answer.body.len())] };
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(body).and_then(|()| stream.flush());
    if answer.hang {
        std::thread::sleep(std::time::Duration::from_secs(30));
    }
}

fn right(asked: &Asked, files: &Files) -> Answer {
    if asked.path == "/api/models/owner/tiny/revision/main?blobs=true" {
        return Answer { status: 200, body: listing(files).to_string().into_bytes(), ..Answer::default() };
    }
    let name = asked.path.strip_prefix(&format!("/owner/tiny/resolve/{COMMIT}/"));
    match name.and_then(|name| files.get(name)) {
        Some(bytes) => Answer::file(asked, bytes),
        None => Answer::of(404).with("X-Error-Code", "EntryNotFound"),
    }
}
