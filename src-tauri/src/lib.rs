//! The window: two commands, a protocol for pictures, and what the operating system must be asked for.
//!
//! A thin coat over `eyewright-app`. Paths and bytes from drops and the clipboard stay on this side; the page gets
//! numbers. It has no plugin for files, shells or HTTP.

mod bridge;
mod closing;
mod door;
mod pages;
mod pictures;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;

use eyewright_app::{Studio, StudioConfig, WorkerProgram, bundled_models, default_home};
use eyewright_protocol::Event;
use tauri::{AppHandle, Manager, RunEvent, Url, WebviewUrl, WebviewWindowBuilder};

/// The window's label; there is one.
pub(crate) const MAIN: &str = "main";

/// What the commands find in the application.
pub(crate) struct Held {
    pub(crate) studio: Studio,
    /// Rises with every page that listens, so that an older one is not spoken to.
    pub(crate) listening: AtomicU64,
}

/// Opens the window and stays until it is closed.
#[must_use]
pub fn run() -> ExitCode {
    let mut context = tauri::generate_context!();
    context.set_assets(Box::new(pages::Pages));
    let built = tauri::Builder::default()
        // First of all: a second start hands its files over and ends.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, folder| {
            show(app);
            open_files(app, &arguments, &PathBuf::from(folder));
        }))
        .register_asynchronous_uri_scheme_protocol("thumb", pictures::serve)
        .invoke_handler(tauri::generate_handler![bridge::rpc, bridge::subscribe])
        .setup(|app| setup(app.handle()))
        .on_window_event(closing::on_window_event)
        .build(context);
    let app = match built {
        Ok(app) => app,
        Err(error) => return failed(&error.to_string()),
    };
    app.run(|app, event| {
        if let RunEvent::Exit = event
            && let Some(held) = app.try_state::<Held>()
        {
            held.studio.close(std::time::Duration::from_secs(20));
        }
    });
    ExitCode::SUCCESS
}

fn setup(app: &AppHandle) -> Result<(), Box<dyn std::error::Error>> {
    let config = StudioConfig {
        home: default_home(),
        bundled: app
            .path()
            .resource_dir()
            .map(|folder| folder.join("models"))
            .into_iter()
            .filter(|folder| folder.join("demo").is_dir())
            .chain(bundled_models())
            .collect(),
        worker: WorkerProgram::own()?,
        opened_with: Vec::new(),
    };
    let studio = Studio::open(config, Box::new(door::WindowDoor::new(app.clone())))?;
    app.manage(Held { studio, listening: AtomicU64::new(0) });
    WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Eyewright")
        .inner_size(1280.0, 820.0)
        .min_inner_size(760.0, 520.0)
        .on_navigation(is_own_page)
        .build()?;
    let arguments: Vec<String> = std::env::args().collect();
    open_files(app, &arguments, &std::env::current_dir().unwrap_or_default());
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

/// Pictures named on the command line.
fn open_files(app: &AppHandle, arguments: &[String], folder: &std::path::Path) {
    let named = arguments.iter().skip(1).filter(|word| !word.starts_with('-'));
    let files: Vec<PathBuf> = named.map(|name| folder.join(name)).filter(|path| path.exists()).collect();
    if let Some(held) = app.try_state::<Held>().filter(|_| !files.is_empty()) {
        let studio = held.studio.clone();
        std::thread::spawn(move || {
            let pictures = studio.add_files(&files);
            studio.tell(Event::Opened { pictures });
        });
    }
}

/// Without a window there is only a dialog to say so.
fn failed(message: &str) -> ExitCode {
    let text = format!("The window cannot be opened: {message}");
    let _ = rfd::MessageDialog::new().set_title("Eyewright").set_description(&text).show();
    ExitCode::FAILURE
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
