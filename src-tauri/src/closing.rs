//! Drops on the window, and what happens to work when it is closed.

use std::sync::atomic::Ordering;

use eyewright_protocol::{CloseChoice, DropEvent, Event};
use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, DragDropEvent, Manager, Window, WindowEvent};

use crate::{Held, MAIN, show};

const TRAY: &str = "tray";

pub(crate) fn on_window_event(window: &Window, event: &WindowEvent) {
    let Some(held) = window.try_state::<Held>() else { return };
    let studio = held.studio.clone();
    let drop = |event| Event::Drop { event };
    match event {
        WindowEvent::CloseRequested { api, .. } => {
            // A page that never came cannot ask; then the run is saved at the end, as without a question.
            let asks = held.listening.load(Ordering::Acquire) > 0;
            if let Some(run) = studio.running().filter(|_| asks) {
                api.prevent_close();
                studio.tell(Event::CloseAsked { run: Some(run) });
            }
        }
        // The page of Linux's web view is not given what is dropped on it, so drops are taken here.
        WindowEvent::DragDrop(DragDropEvent::Enter { paths, .. }) => {
            let count = u32::try_from(paths.len()).unwrap_or(u32::MAX);
            studio.tell(drop(DropEvent::Over { count }));
        }
        WindowEvent::DragDrop(DragDropEvent::Leave) => studio.tell(drop(DropEvent::Left)),
        WindowEvent::DragDrop(DragDropEvent::Drop { paths, .. }) => {
            let paths = paths.clone();
            std::thread::spawn(move || {
                let pictures = studio.add_files(&paths);
                studio.tell(Event::Drop { event: DropEvent::Added { pictures } });
            });
        }
        _ => {}
    }
}

/// The user's answer to the question at closing.
pub(crate) fn answer(app: &AppHandle, choice: CloseChoice) {
    match choice {
        CloseChoice::Stay => {}
        CloseChoice::StopAndSave => {
            let app = app.clone();
            std::thread::spawn(move || {
                if let Some(held) = app.try_state::<Held>() {
                    held.studio.close(std::time::Duration::from_secs(120));
                }
                app.exit(0);
            });
        }
        CloseChoice::KeepRunning => {
            let here = app.clone();
            let shown = has_tray();
            let _ = app.run_on_main_thread(move || {
                let Some(window) = here.get_webview_window(MAIN) else { return };
                // A desktop without a tray keeps the window reachable in its task bar.
                let hidden = shown && add_tray(&here) && window.hide().is_ok();
                if !hidden {
                    let _ = window.minimize();
                }
            });
        }
    }
}

/// Whether somebody draws signs in a tray; on Linux many desktops have none.
#[cfg(target_os = "linux")]
fn has_tray() -> bool {
    const BUS: &str = "org.freedesktop.DBus";
    let asked = zbus::blocking::Connection::session().and_then(|bus| {
        let watcher = "org.kde.StatusNotifierWatcher";
        bus.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), "NameHasOwner", &watcher)
    });
    asked.and_then(|reply| reply.body().deserialize()).unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
fn has_tray() -> bool {
    true
}

/// A sign in the tray that opens the window again or ends the program; `false` where there is no tray.
fn add_tray(app: &AppHandle) -> bool {
    if app.tray_by_id(TRAY).is_some() {
        return true;
    }
    // The library behind it is looked for at run time, and its absence is a panic.
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let open = MenuItem::with_id(app, "open", "Eyewright", true, None::<&str>)?;
        let quit = MenuItem::with_id(app, "quit", "Stop and save · 停止并保存", true, None::<&str>)?;
        let mut tray = TrayIconBuilder::with_id(TRAY)
            .menu(&Menu::with_items(app, &[&open, &quit])?)
            .tooltip("Eyewright")
            .on_menu_event(|app, event| match event.id().as_ref() {
                "open" => show(app),
                _ => answer(app, CloseChoice::StopAndSave),
            });
        if let Some(icon) = app.default_window_icon() {
            tray = tray.icon(icon.clone());
        }
        tray.build(app).map(drop)
    }));
    matches!(made, Ok(Ok(())))
}
