//! `models download` from a mirror on this machine: a folder that is a model at once, found again by its name, and
//! words for what goes wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Output;

use super::program::{model, program};

/// A mirror that knows names of files and no more, for as long as the test lives. Its one repository is `owner/tiny`.
fn mirror() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let folder = model("llava_hf_new");
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let path = first.split(' ').nth(1).unwrap_or_default();
            let body = match path.strip_prefix("/owner/tiny/resolve/main/") {
                Some(name) => std::fs::read(Path::new(&folder).join(name)).ok(),
                None if path.starts_with("/api/models/owner/tiny/revision/main") => Some(listing(&folder)),
                None => None,
            };
            let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
            let body = body.unwrap_or_default();
            let head =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes());
            if !first.starts_with("HEAD") {
                let _ = stream.write_all(&body);
            }
        }
    });
    address
}

fn listing(folder: &str) -> Vec<u8> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<_> = names.map(|name| serde_json::json!({ "rfilename": name })).collect();
    serde_json::json!({ "siblings": files }).to_string().into_bytes()
}

fn run(home: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        program().args(words).env("EYEWRIGHT_HOME", home).env_remove("HF_TOKEN").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_downloaded_model_is_used_by_its_folder_and_its_name() {
    let home = tempfile::tempdir().unwrap();
    let endpoint = format!("http://{}", mirror());
    let download = ["models", "download", "owner/tiny", "--endpoint", &endpoint];
    let (code, out, err) = run(home.path(), &download);
    assert_eq!(code, Some(0), "{err}");
    let folder = home.path().join("models/tiny");
    assert_eq!(Path::new(out.trim()), folder);
    assert!(err.contains("no checksum for") && err.contains("model.safetensors"), "{err}");
    let (code, out, err) = run(home.path(), &["models", "inspect", folder.to_str().unwrap()]);
    assert_eq!((code, out.lines().next()), (Some(0), Some("llava-hf")), "{err}");
    let (code, out, err) = run(home.path(), &download);
    assert_eq!((code, Path::new(out.trim())), (Some(0), folder.as_path()), "{err}");
    assert!(err.contains("it is here already"), "{err}");
    // A plan finds it by the repository's name, and says how to fetch one that is not there.
    let plan = |llm| run(home.path(), &["plan", "--recipe", "pretrain", "--llm", llm, "--data", "x.json"]);
    let (_, _, missing) = plan("owner/other");
    assert!(missing.contains("eyewright models download owner/other"), "{missing}");
    let (_, out, here) = plan("owner/tiny");
    assert!(!here.contains("models download"), "{out}{here}");
}

#[test]
fn what_goes_wrong_is_said() {
    let home = tempfile::tempdir().unwrap();
    let endpoint = format!("http://{}", mirror());
    let rows: &[(&str, &str, &str)] = &[
        ("owner/none", &endpoint, "has no `owner/none`"),
        ("../owner", &endpoint, "is not the name of a repository"),
        ("owner/tiny", "models.example.org", "the download address `models.example.org` cannot be used"),
        ("owner/tiny", "http://127.0.0.1:9", "`127.0.0.1:9` cannot be reached"),
    ];
    for (name, endpoint, expected) in rows {
        let (code, out, err) = run(home.path(), &["models", "download", name, "--endpoint", endpoint]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(expected), "{err}");
        assert!(!home.path().join("models/tiny").exists());
    }
}
