//! The window: two commands, a protocol for pictures, and what the operating system must be asked for.
//!
//! A thin coat over `eyewright-app`. Paths and bytes from drops and the clipboard stay on this side; the page gets
//! numbers. It has no plugin for files, shells or HTTP.

mod bridge;
mod closing;
mod door;
mod pages;
mod pictures;
mod watch;

use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use eyewright_app::{Studio, StudioConfig, WorkerProgram, bundled_models, default_home};
use eyewright_protocol::Event;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, RunEvent, Url, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_window_state::StateFlags;

/// The window's label; there is one.
pub(crate) const MAIN: &str = "main";

const NO_SCREEN: &str = "There is no screen for a window here. `eyewright serve --ui` shows the same in a browser, \
                         also on another machine through `ssh -L`.";

/// What the commands find in the application.
pub(crate) struct Held {
    pub(crate) studio: Studio,
    /// Rises with every page that listens, so that an older one is not spoken to.
    pub(crate) listening: AtomicU64,
    /// Files to show as soon as a page listens.
    waiting: Mutex<Vec<PathBuf>>,
}

impl Held {
    /// Shows pictures in the page that listens now; without one they wait for it.
    pub(crate) fn hand_over(&self, files: Vec<PathBuf>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(files);
        if self.listening.load(Ordering::Acquire) == 0 || waiting.is_empty() {
            return;
        }
        let (studio, files) = (self.studio.clone(), std::mem::take(&mut *waiting));
        std::thread::spawn(move || {
            let pictures = studio.add_files(&files);
            studio.tell(Event::Opened { pictures });
        });
    }
}

/// Opens the window and stays until it is closed.
#[must_use]
pub fn run() -> ExitCode {
    if !has_screen() {
        let _ = writeln!(std::io::stderr(), "{NO_SCREEN}");
        return ExitCode::FAILURE;
    }
    let mut context = tauri::generate_context!();
    context.set_assets(Box::new(pages::Pages));
    let builder = tauri::Builder::default()
        // First of all: a second start hands its files over and ends.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, folder| {
            show(app);
            open_files(app, arguments.into_iter().map(PathBuf::from), Path::new(&folder));
        }))
        // The window comes back where it was; whether it is shown is not remembered, as it may close into the tray.
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
                .build(),
        )
        .register_asynchronous_uri_scheme_protocol("thumb", pictures::serve)
        .invoke_handler(tauri::generate_handler![bridge::rpc, bridge::subscribe])
        .on_window_event(closing::on_window_event);
    // A screen that is named and does not answer is a panic of the toolkit; nobody needs its backtrace.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let built = panic::catch_unwind(AssertUnwindSafe(|| builder.build(context)));
    panic::set_hook(hook);
    let app = match built {
        Ok(Ok(app)) => app,
        Ok(Err(error)) => {
            show_failure(&error.to_string());
            return ExitCode::FAILURE;
        }
        Err(_) => {
            let _ = writeln!(std::io::stderr(), "{NO_SCREEN}");
            return ExitCode::FAILURE;
        }
    };
    let code = app.run_return(|app, event| match event {
        // Here and not in Tauri's own `setup`, which makes a panic of an error.
        RunEvent::Ready => {
            if let Err(error) = open(app) {
                let (app, text) = (app.clone(), error.to_string());
                // The dialog needs this thread to be drawn.
                std::thread::spawn(move || {
                    show_failure(&text);
                    app.exit(1);
                });
            }
        }
        RunEvent::Exit => {
            if let Some(held) = app.try_state::<Held>() {
                held.studio.close(std::time::Duration::from_secs(20));
            }
        }
        _ => {}
    });
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Opens the library, then the window on it.
fn open(app: &AppHandle) -> Result<(), Box<dyn std::error::Error>> {
    let home = default_home();
    let config = StudioConfig {
        home: home.clone(),
        bundled: bundled_models(),
        worker: WorkerProgram::own()?,
        opened_with: Vec::new(),
    };
    let studio = Studio::open(config, Box::new(door::WindowDoor::new(app.clone())))?;
    watch::start(app, &studio);
    app.manage(Held { studio, listening: AtomicU64::new(0), waiting: Mutex::default() });
    WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Eyewright")
        .inner_size(1280.0, 820.0)
        .min_inner_size(760.0, 520.0)
        .data_directory(home.join("window"))
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()?;
    let words = std::env::args_os().map(PathBuf::from);
    open_files(app, words, &std::env::current_dir().unwrap_or_default());
    Ok(())
}

/// The window shows the program's own pages; the host is compared as a whole.
fn is_own_page(url: &Url) -> bool {
    match (url.scheme(), url.host_str()) {
        ("tauri", Some("localhost")) => true,
        ("http" | "https", Some("tauri.localhost")) => true,
        ("about", None) => url.as_str() == "about:blank",
        _ => false,
    }
}

/// Brings the window to the front.
pub(crate) fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        let _ = window.show();
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
}

/// Pictures named on a command line, its first word being the program.
fn open_files(app: &AppHandle, words: impl Iterator<Item = PathBuf>, folder: &Path) {
    let named = words.skip(1).filter(|word| !word.as_os_str().as_encoded_bytes().starts_with(b"-"));
    let files = named.map(|name| folder.join(name)).filter(|path| path.exists()).collect();
    if let Some(held) = app.try_state::<Held>() {
        held.hand_over(files);
    }
}

/// Elsewhere than on Linux a session has a screen.
fn has_screen() -> bool {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

/// Without a window there is only a dialog to say so.
fn show_failure(message: &str) {
    let text = format!("The window cannot be opened: {message}");
    let _ = writeln!(std::io::stderr(), "{text}");
    let _ = rfd::MessageDialog::new().set_title("Eyewright").set_description(&text).show();
}

#[cfg(test)]
mod tests {
    use super::is_own_page;

    #[test]
    fn only_own_pages_are_shown() {
        for (url, good) in [
            ("tauri://localhost/index.html", true),
            ("http://tauri.localhost/", true),
            ("http://tauri.localhost.evil.com/", false),
            ("http://tauri.evil.com/", false),
            ("https://example.org/", false),
            ("file:///etc/passwd", false),
            ("tauri://evil/", false),
            ("data:text/html,x", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_own_page(&url.parse().unwrap()), good, "{url}");
        }
    }
}
