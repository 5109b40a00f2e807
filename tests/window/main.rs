//! The real window on a screen of its own: it starts, takes what is dropped and pasted, survives its computing
//! process, and asks before it closes on work.
//!
//! WebKitWebDriver clicks and reads; drops come over XDND, as from a file manager, and the closing button's message
//! from the X server, as from a window manager. Nothing of the program is replaced.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test")]

mod desktop;
mod display;
mod drag;
mod driver;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use display::{Display, processes_below};
use drag::Drag;
use driver::Driver;
use serde_json::json;
use x11rb::protocol::xproto::Window;

const PRESET: &str = include_str!("../fixtures/presets/tiny.toml");

/// A window with a library of its own. Fields fall in this order: the page, then the screen, then the files.
struct Desk {
    driver: Driver,
    display: Display,
    home: Rc<tempfile::TempDir>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn picture(name: &str) -> PathBuf {
    root().join("tests/fixtures/images").join(name)
}

impl Drop for Desk {
    /// What was on the page when a test failed lies beside the build, for people.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let test = std::thread::current().name().unwrap_or("window").to_owned();
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.png"));
            self.driver.picture(&file);
            eprintln!("the page as it was: {}", file.display());
        }
    }
}

impl Desk {
    fn open() -> Self {
        Self::open_in(&Rc::new(tempfile::tempdir().unwrap()))
    }

    /// Opens on what an earlier window left.
    fn open_in(home: &Rc<tempfile::TempDir>) -> Self {
        assert!(root().join("ui/dist/index.html").is_file(), "build the interface: `npm run build` in ui/");
        let home = Rc::clone(home);
        let display = Display::open();
        let driver = Driver::start(&display, home.path());
        let desk = Self { driver, display, home };
        desk.driver.until("the page is there", "document.querySelector('nav, main') !== null", json!([]));
        desk
    }

    fn window(&self) -> Window {
        self.display.window().expect("the window is on the screen")
    }

    /// Puts the smallest model with eyes on the list and gives its id.
    fn add_model(&self) -> String {
        let tiny = root().join("tests/golden/models/llava_xtuner");
        let paths = json!({ "model": tiny.join("llm"), "visual_encoder": tiny.join("clip"), "llava": tiny.join("llava") });
        let made = self.driver.core("add_model", json!({ "paths": paths, "name": "tiny" }));
        made["id"].as_str().unwrap().to_owned()
    }

    /// Trains the tiniest network and shows the run's page.
    fn start_run(&self, steps: u32) {
        let home = self.home.path();
        let tiny = root().join("tests/golden/models/llava_xtuner");
        let preset = PRESET
            .replace("LLM", &tiny.join("llm").display().to_string())
            .replace("TOWER", &tiny.join("clip").display().to_string());
        std::fs::create_dir_all(home.join("presets")).unwrap();
        std::fs::write(home.join("presets/tiny.toml"), preset).unwrap();
        let rows: Vec<_> = (0..12)
            .map(|row| {
                json!({ "id": row, "image": "odd.png", "conversations": [
                    { "from": "human", "value": "<image>\nWhat is this?" }, { "from": "gpt", "value": "a circle" },
                ] })
            })
            .collect();
        let data = home.join("rows.json");
        std::fs::write(&data, json!(rows).to_string()).unwrap();
        let values = json!({
            "data.json": data, "data.image_folder": root().join("tests/fixtures/images"),
            "train.max_steps": steps.to_string(), "train.batch": "2", "checkpoint.every": "20",
        });
        let draft = json!({ "recipe": "pretrain", "preset": "tiny", "values": values, "name": "long" });
        let runs = self.driver.core("start_run", json!({ "drafts": [draft], "queue": false }));
        let run = runs[0]["id"].as_str().unwrap().to_owned();
        self.driver.value("location.hash = arguments[0]", json!([format!("#/runs/{run}")]));
    }

    /// Pictures that wait in the composer.
    fn until_pending(&self, count: usize) {
        let list =
            "document.querySelectorAll('.composer [aria-label=\"Pictures of the question\"] li').length";
        self.driver.until("pictures in the composer", &format!("{list} === arguments[0]"), json!([count]));
    }

    fn worker(&self) -> Option<u32> {
        processes_below(self.driver.process(), "worker").first().copied()
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn pictures_come_by_drop_and_by_paste_and_are_answered() {
    let desk = Desk::open();
    let page = &desk.driver;
    page.until_said("Home");
    assert_eq!(page.core("app_info", json!({}))["door"], "window");
    desk.add_model();
    // Of the framework, the page has nothing but our two commands.
    let refused = page.value("Object.isFrozen(Object.prototype)", json!([]));
    assert_eq!(refused, true);

    let window = desk.window();
    let files = [picture("chroma_420.jpg"), picture("odd.png")];
    let drag = Drag::begin(&desk.display, window, &files, (600, 400));
    assert!(drag.is_wanted(), "files above the window are wanted");
    page.until_said("Drop pictures to ask about them");
    drag.drop_here();
    desk.until_pending(2);
    page.until("the overlay is gone", "!document.body.innerText.includes('Drop pictures to ask')", json!([]));
    let shown = "[...document.querySelectorAll('.composer img')].every((one) => one.naturalWidth > 1)";
    page.until("thumbnails are drawn", shown, json!([]));

    let drag = Drag::begin(&desk.display, window, &files[..1], (600, 400));
    assert!(drag.is_wanted());
    page.until_said("Drop pictures to ask about them");
    drag.leave();
    page.until(
        "a drag that leaves is forgotten",
        "!document.body.innerText.includes('Drop pictures to ask')",
        json!([]),
    );

    // A picture from a program for screenshots, then a file from a file manager.
    let question = "//textarea[@aria-label='Your question']";
    let list = desk.home.path().join("copied");
    std::fs::write(&list, format!("file://{}\r\n", picture("grey.jpg").display())).unwrap();
    for (count, kind, file) in [(3, "image/png", picture("rgba.png")), (4, "text/uri-list", list)] {
        let _clipboard = desk.display.copy(kind, &file);
        page.type_into(question, "\u{e009}v\u{e009}");
        desk.until_pending(count);
    }

    page.type_into(question, "What is this?\u{e007}");
    page.until_said("tokens/s");
    // The same picture once more, in another room.
    page.click("//nav//a[normalize-space(.)='Home']");
    page.until_said("This machine");
    page.until(
        "the chat's picture is drawn again",
        "document.querySelector('main img')?.naturalWidth > 1",
        json!([]),
    );
}

#[test]
fn the_bundled_model_answers_a_drop_and_the_chat_is_open_again_at_the_next_start() {
    let home = Rc::new(tempfile::tempdir().unwrap());
    let desk = Desk::open_in(&home);
    let page = &desk.driver;
    page.until_said("This machine");
    let window = desk.window();
    let drag = Drag::begin(&desk.display, window, &[picture("odd.png")], (600, 400));
    assert!(drag.is_wanted(), "files above the window are wanted");
    drag.drop_here();
    desk.until_pending(1);
    page.type_into("//textarea[@aria-label='Your question']", "What is in the picture?\u{e007}");
    page.until_said("tokens/s");
    let address = page.value("location.hash", json!([]));
    desk.display.press_close(window);
    until("the window closes", || !desk.display.is_shown(window));
    drop(desk);

    let desk = Desk::open_in(&home);
    let page = &desk.driver;
    page.until("the chat is open", "location.hash === arguments[0]", json!([address]));
    page.until_said("What is in the picture?");
    page.until_said("tokens/s");
    let drawn = "document.querySelector('main img')?.naturalWidth > 1";
    page.until("its picture is drawn", drawn, json!([]));
}

#[test]
fn an_address_that_is_dropped_is_explained() {
    let desk = Desk::open();
    let page = &desk.driver;
    page.until_said("This machine");
    let address = "https://example.org/cat.png".to_owned();
    let drag = Drag::of_addresses(&desk.display, desk.window(), &[address], (600, 400));
    assert!(drag.is_wanted(), "what a browser holds above the window is wanted");
    drag.drop_here();
    page.until_said("Only an address came");
}

#[test]
fn a_killed_worker_is_told_within_three_seconds_and_comes_back() {
    let desk = Desk::open();
    let page = &desk.driver;
    let model = desk.add_model();
    for _ in 0..3 {
        page.core("load_model", json!({ "choice": { "model": model } }));
        until("a process computes", || desk.worker().is_some());
        let worker = desk.worker().unwrap();
        page.until("the model is loaded", "true", json!([]));
        assert!(Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap().success());
        let told = page.until_said("The process that computes ended");
        assert!(told < Duration::from_secs(3), "{told:?}");
        page.press("Start it again");
        page.until(
            "the message is gone",
            "!document.body.innerText.includes('The process that computes ended')",
            json!([]),
        );
    }
    assert!(desk.display.is_shown(desk.window()));
}

#[test]
fn a_run_goes_on_after_its_process_was_killed() {
    let desk = Desk::open();
    let page = &desk.driver;
    desk.start_run(400);
    let step =
        "Number((document.body.innerText.match(/step ([\\d,]+) of 400/) ?? [])[1]?.replace(',', '') ?? 0)";
    page.until("a checkpoint is behind", &format!("{step} > 25"), json!([]));
    let worker = desk.worker().unwrap();
    assert!(Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap().success());
    let told = page.until_said("The process that computes ended");
    assert!(told < Duration::from_secs(3), "{told:?}");
    page.press("Resume the run");
    let longest = Duration::from_secs(60);
    let done = "document.body.innerText.includes('Look at the answers before and after')";
    page.until_within(longest, "the run ends", done, json!([]));
    let runs = page.core("list_runs", json!({}));
    assert_eq!((&runs[0]["state"], &runs[0]["step"]), (&json!("finished"), &json!(400)), "{runs}");
}

#[test]
fn the_desktop_hears_that_a_run_ended() {
    let desk = Desk::open();
    let (_connection, heard) = desktop::open(&desk.display);
    desk.start_run(1000);
    // Who looks at the window sees the end there.
    let _tray = desktop::open_tray(&desk.display);
    desk.driver.core("answer_close", json!({ "choice": "keep_running" }));
    until("the window is in the tray", || !desk.display.is_shown(desk.window()));
    until("the end is told", || !heard.notes().is_empty());
    assert_eq!(heard.notes(), ["long: Finished · 训练完成"]);
}

#[test]
fn closing_on_a_run_asks_and_a_second_start_brings_the_window_back() {
    let desk = Desk::open();
    let page = &desk.driver;
    let window = desk.window();
    desk.start_run(100_000);
    page.until_said("of 100,000");

    desk.display.press_close(window);
    page.until_said("Work is going on");
    page.press("Stay here");
    page.until("the question is gone", "!document.body.innerText.includes('Work is going on')", json!([]));
    assert!(desk.display.is_shown(window));

    desk.display.press_close(window);
    page.until_said("Work is going on");
    page.press("Keep running in the background");
    // Without a tray the window must not vanish where nothing brings it back.
    page.until("the question is gone", "!document.body.innerText.includes('Work is going on')", json!([]));
    std::thread::sleep(Duration::from_millis(300));
    assert!(desk.display.is_shown(window));
    assert!(desk.worker().is_some(), "the run goes on");

    let _tray = desktop::open_tray(&desk.display);
    desk.display.press_close(window);
    page.until_said("Work is going on");
    page.press_and_leave("Keep running in the background");
    until("the window is in the tray", || !desk.display.is_shown(window));
    assert!(desk.worker().is_some(), "the run goes on");

    let mut second = Command::new(env!("CARGO_BIN_EXE_eyewright-desktop"));
    desk.display.dress(&mut second, desk.home.path());
    let ended = second.arg(picture("odd.png")).status().unwrap();
    assert!(ended.success(), "a second start hands over and ends");
    until("the first window is in front", || desk.display.is_shown(window));
    // What the second start was given is in the first window.
    desk.until_pending(1);

    let worker = desk.worker().unwrap();
    desk.display.press_close(window);
    page.until_said("Work is going on");
    page.press_and_leave("Stop and save");
    until("the window closes", || !desk.display.is_shown(window));
    until("the worker ends", || !Path::new(&format!("/proc/{worker}")).exists());
    let run = std::fs::read_dir(desk.home.path().join("runs")).unwrap().flatten().next().unwrap().path();
    let checkpoints = std::fs::read_dir(run.join("checkpoints")).unwrap().count();
    assert!(checkpoints > 0, "what was learnt is saved");
}
