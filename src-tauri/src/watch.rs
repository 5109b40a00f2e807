//! What does the rest of the desktop hear of a run? That it has ended.

use std::time::Duration;

use eyewright_app::Studio;
use eyewright_protocol::{Event, TrainEvent};
use tauri::{AppHandle, Manager, UserAttentionType};

use crate::MAIN;

/// Follows the runs of this window until the program ends.
pub(crate) fn start(app: &AppHandle, studio: &Studio) {
    let (app, studio) = (app.clone(), studio.clone());
    std::thread::spawn(move || {
        let stream = studio.events();
        while let Ok(next) = stream.next(Duration::from_secs(2)) {
            let Some(envelope) = next else { continue };
            let Event::Train { run, event } = &envelope.event else { continue };
            // Two languages, as the words of the page are not known here.
            let text = match event {
                TrainEvent::Finished => "Finished · 训练完成",
                TrainEvent::Failed { .. } => "Failed · 训练失败",
                _ => continue,
            };
            if studio.settings().notify {
                tell(&app, run.as_str(), text);
            }
        }
    });
}

/// Somebody who looks at the window sees it there.
fn tell(app: &AppHandle, title: &str, text: &str) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    if window.is_visible().unwrap_or(false) && window.is_focused().unwrap_or(false) {
        return;
    }
    let _ = window.request_user_attention(Some(UserAttentionType::Informational));
    #[cfg(target_os = "linux")]
    let _ = notify(title, text);
    #[cfg(not(target_os = "linux"))]
    let _ = (title, text);
}

/// A note of the desktop, by the interface that all of them share.
#[cfg(target_os = "linux")]
fn notify(title: &str, text: &str) -> zbus::Result<()> {
    use std::collections::HashMap;

    use zbus::zvariant::Value;

    const NOTES: &str = "org.freedesktop.Notifications";
    let hints = HashMap::from([("desktop-entry", Value::from("Eyewright"))]);
    let note = ("Eyewright", 0_u32, "eyewright-desktop", title, text, Vec::<&str>::new(), hints, -1_i32);
    let bus = zbus::blocking::Connection::session()?;
    bus.call_method(Some(NOTES), "/org/freedesktop/Notifications", Some(NOTES), "Notify", &note)?;
    Ok(())
}
