//! Speaks WebDriver with the window's web view: starts it, clicks, types, reads.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::display::{Display, Process};

/// The longest wait for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);
/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Driver {
    port: u16,
    session: String,
    process: Process,
}

impl Driver {
    /// Starts the program and takes hold of its page.
    pub(crate) fn start(display: &Display, home: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("WebKitWebDriver");
        command.args(["--host=127.0.0.1", &format!("--port={port}")]).stdout(Stdio::null());
        display.dress(&mut command, home);
        command.env("TAURI_WEBVIEW_AUTOMATION", "true");
        let process =
            Process(command.spawn().expect("WebKitWebDriver starts; `cargo xtask test` installs it"));
        let mut driver = Self { port, session: String::new(), process };
        let binary = env!("CARGO_BIN_EXE_eyewright-desktop");
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "webkitgtk:browserOptions": { "binary": binary, "args": [] },
        } } });
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "WebKitWebDriver does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        let made =
            driver.http("POST", "/session", &wanted).unwrap_or_else(|error| panic!("no session: {error}"));
        driver.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        driver
    }

    /// The process under which the window runs.
    pub(crate) fn process(&self) -> u32 {
        self.process.0.id()
    }

    /// The value of an expression in the page; `arguments` are its arguments.
    pub(crate) fn value(&self, expression: &str, arguments: Value) -> Value {
        let body = json!({ "script": format!("return ({expression})"), "args": arguments });
        self.ask("POST", "/execute/sync", &body).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Asks the core over the page's own bridge; used to set the scene and to look, never to do what people do.
    pub(crate) fn core(&self, command: &str, request: Value) -> Value {
        let script = "const done = arguments[2]; window.__TAURI_INTERNALS__.invoke('rpc', { command: arguments[0], \
                      request: arguments[1] }).then((good) => done({ good }), (bad) => done({ bad }));";
        let body = json!({ "script": script, "args": [command, request] });
        let mut reply = self.ask("POST", "/execute/async", &body).unwrap();
        assert!(reply["bad"].is_null(), "{command}: {}", reply["bad"]);
        reply["good"].take()
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&self, what: &str, expression: &str, arguments: Value) -> Duration {
        self.until_within(PATIENCE, what, expression, arguments)
    }

    pub(crate) fn until_within(
        &self,
        longest: Duration,
        what: &str,
        expression: &str,
        arguments: Value,
    ) -> Duration {
        let began = Instant::now();
        while self.value(expression, arguments.clone()) != true {
            let text = || self.value("document.body.innerText", json!([]));
            assert!(
                began.elapsed() < longest,
                "after {longest:?}: {what}\n{}",
                text().as_str().unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        began.elapsed()
    }

    /// Waits until these words can be read.
    pub(crate) fn until_said(&self, words: &str) -> Duration {
        self.until(words, "document.body.innerText.includes(arguments[0])", json!([words]))
    }

    /// Clicks what XPath finds.
    pub(crate) fn click(&self, path: &str) {
        let element = self.find(path);
        self.ask("POST", &format!("/element/{element}/click"), &json!({})).unwrap();
    }

    /// Clicks the button that is named so.
    pub(crate) fn press(&self, name: &str) {
        self.click(&button(name));
    }

    /// Clicks the button that is named so, from inside the page and a moment later, and does not wait for it: a click
    /// of the driver's ends when the page has drawn itself again, which a page whose window it hid never does.
    pub(crate) fn press_and_leave(&self, name: &str) {
        let element = self.find(&button(name));
        let body = json!({
            "script": "setTimeout((button) => button.click(), 0, arguments[0]);",
            "args": [{ ELEMENT: element }],
        });
        self.ask("POST", "/execute/sync", &body).unwrap();
    }

    /// Types into what XPath finds.
    pub(crate) fn type_into(&self, path: &str, text: &str) {
        let element = self.find(path);
        self.ask("POST", &format!("/element/{element}/value"), &json!({ "text": text })).unwrap();
    }

    /// Writes what the page shows.
    pub(crate) fn picture(&self, file: &Path) {
        let shown = self.ask("GET", "/screenshot", &json!({})).unwrap_or_default();
        let bytes = BASE64_STANDARD.decode(shown.as_str().unwrap_or_default()).unwrap_or_default();
        let _ = std::fs::write(file, bytes);
    }

    fn find(&self, path: &str) -> String {
        let began = Instant::now();
        loop {
            match self.ask("POST", "/element", &json!({ "using": "xpath", "value": path })) {
                Ok(found) => return found[ELEMENT].as_str().unwrap().to_owned(),
                Err(error) => assert!(began.elapsed() < PATIENCE, "{path}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.http(method, &format!("{}{path}", self.session), body)
    }

    fn http(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let say = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(say)?;
        stream.set_read_timeout(Some(2 * PATIENCE)).map_err(say)?;
        let body = body.to_string();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .map_err(say)?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).map_err(say)?;
        let reply = String::from_utf8_lossy(&reply);
        let (head, text) = reply.split_once("\r\n\r\n").ok_or("no whole reply")?;
        let mut reply: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        let value = reply["value"].take();
        if head.starts_with("HTTP/1.1 200") { Ok(value) } else { Err(value.to_string()) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.ask("DELETE", "", &json!({}));
        }
    }
}

/// The XPath of the button that is named so.
fn button(name: &str) -> String {
    format!("//button[normalize-space(.)='{name}' or @aria-label='{name}']")
}
