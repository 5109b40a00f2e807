//! The services of a desktop that the window speaks with: notes, a tray. They only listen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::blocking::{Connection, connection::Builder};
use zbus::zvariant::OwnedValue;

use super::display::Display;

#[derive(Clone, Default)]
pub(crate) struct Heard {
    notes: Arc<Mutex<Vec<String>>>,
}

struct Notes(Heard);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Notes {
    #[allow(clippy::too_many_arguments, reason = "the interface of all desktops")]
    fn notify(
        &self,
        _program: String,
        _replaces: u32,
        _icon: String,
        title: String,
        text: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _milliseconds: i32,
    ) -> u32 {
        self.0.notes.lock().unwrap().push(format!("{title}: {text}"));
        1
    }
}

impl Heard {
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

/// A desktop that hears notes, for as long as its connection lives.
pub(crate) fn open(display: &Display) -> (Connection, Heard) {
    let heard = Heard::default();
    let connection = Builder::address(display.bus.as_str())
        .and_then(|builder| builder.name("org.freedesktop.Notifications"))
        .and_then(|builder| builder.serve_at("/org/freedesktop/Notifications", Notes(heard.clone())))
        .and_then(Builder::build);
    (connection.unwrap(), heard)
}

struct Tray;

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Tray {
    fn register_status_notifier_item(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }
}

/// Somebody who says that he draws a tray.
pub(crate) fn open_tray(display: &Display) -> Connection {
    let named = Builder::address(display.bus.as_str())
        .and_then(|builder| builder.name("org.kde.StatusNotifierWatcher"))
        .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Tray));
    named.and_then(Builder::build).unwrap()
}
