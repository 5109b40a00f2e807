//! Is the window still locked down? Reads its configuration line by line; needs no web view.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn window() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(name: &str) -> Value {
    let file = window().join(name);
    serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap()
}

#[test]
fn the_policy_lets_in_nothing_from_outside() {
    let config = read("tauri.conf.json");
    let security = &config["app"]["security"];
    let policy = security["csp"].as_object().unwrap();
    assert_eq!(policy["default-src"], "'none'");
    let allowed =
        ["'none'", "'self'", "thumb:", "http://thumb.localhost", "blob:", "ipc:", "http://ipc.localhost"];
    for (directive, sources) in policy {
        for source in sources.as_str().unwrap().split(' ') {
            assert!(allowed.contains(&source), "{directive} {source}");
        }
    }
    for directive in ["object-src", "base-uri", "form-action", "frame-ancestors", "media-src"] {
        assert_eq!(policy[directive], "'none'", "{directive}");
    }
    assert_eq!(security["freezePrototype"], true);
    assert_eq!(security["dangerousDisableAssetCspModification"], false);
    assert_eq!(security["assetProtocol"], json!({ "enable": false, "scope": [] }));
    assert_eq!(security["capabilities"], json!(["main"]));
    assert_eq!(config["app"]["withGlobalTauri"], false);
    // No address of a development server, and no folder: pages come out of the program.
    assert!(config.get("build").is_none() && config.get("plugins").is_none());
    // Windows are made in code, where navigation is watched.
    assert_eq!(config["app"]["windows"], json!([]));
}

#[test]
fn the_one_capability_grants_our_two_commands() {
    let files: Vec<_> = fs::read_dir(window().join("capabilities"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(files, ["main.json"]);
    let capability = read("capabilities/main.json");
    assert_eq!(capability["windows"], json!(["main"]));
    assert_eq!(capability["permissions"], json!(["allow-rpc", "allow-subscribe"]));
    assert!(capability.get("remote").is_none());
    let source = fs::read_to_string(window().join("src/lib.rs")).unwrap();
    assert!(source.contains("generate_handler![bridge::rpc, bridge::subscribe]"));
    let build = fs::read_to_string(window().join("build.rs")).unwrap();
    assert!(build.contains(".commands(&[\"rpc\", \"subscribe\"])"));
}

#[test]
fn the_window_has_no_dangerous_parts() {
    let manifest = fs::read_to_string(window().join("Cargo.toml")).unwrap();
    for part in [
        "plugin-fs",
        "plugin-shell",
        "plugin-http",
        "plugin-opener",
        "plugin-process",
        "plugin-updater",
        "devtools",
    ] {
        assert!(!manifest.contains(part), "{part}");
    }
    let lock = fs::read_to_string(window().join("../Cargo.lock")).unwrap();
    assert!(!lock.contains("name = \"tauri-plugin-fs\"") && !lock.contains("name = \"tauri-plugin-shell\""));
    let at = lock.find("name = \"tauri\"\nversion = \"").unwrap();
    let version: Vec<u32> = lock[at..]
        .lines()
        .nth(1)
        .unwrap()
        .split('"')
        .nth(1)
        .unwrap()
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    assert!(version >= vec![2, 11, 1], "{version:?}");
    let workspace = fs::read_to_string(window().join("../Cargo.toml")).unwrap();
    assert!(workspace.contains("panic = \"unwind\"") && !workspace.contains("panic = \"abort\""));
    let default = workspace.lines().find(|line| line.starts_with("default-members")).unwrap();
    assert!(!default.contains("\"src-tauri\""), "core tests need no web view");
}
