//! Drags files onto the window as a file manager does: the source's side of XDND 5, and nothing of GTK.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

use super::display::Display;

const VERSION: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(10);

/// Files held above the window.
pub(crate) struct Drag<'a> {
    display: &'a Display,
    source: Window,
    target: Window,
    uris: String,
    at: (u32, u32),
}

impl<'a> Drag<'a> {
    /// Takes hold of files and moves them over a place of the window.
    pub(crate) fn begin(display: &'a Display, target: Window, files: &[PathBuf], at: (u32, u32)) -> Self {
        let uris: Vec<String> = files.iter().map(|file| format!("file://{}", file.display())).collect();
        Self::of_addresses(display, target, &uris, at)
    }

    /// Takes hold of addresses, as a browser does.
    pub(crate) fn of_addresses(
        display: &'a Display,
        target: Window,
        uris: &[String],
        at: (u32, u32),
    ) -> Self {
        let x = &display.x;
        let source = x.generate_id().unwrap();
        let aux = CreateWindowAux::new();
        x.create_window(0, source, display.root, 0, 0, 1, 1, 0, WindowClass::INPUT_OUTPUT, 0, &aux).unwrap();
        x.set_selection_owner(source, display.atom("XdndSelection"), x11rb::CURRENT_TIME).unwrap();
        let uris = uris.iter().map(|uri| format!("{uri}\r\n")).collect();
        let drag = Self { display, source, target, uris, at };
        drag.send("XdndEnter", [VERSION << 24, display.atom("text/uri-list"), 0, 0]);
        drag
    }

    /// Moves until the window says that it would take the files; `false` if it never does.
    pub(crate) fn is_wanted(&self) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let (left, top) = self.at;
            let copy = self.display.atom("XdndActionCopy");
            self.send("XdndPosition", [0, left << 16 | top, x11rb::CURRENT_TIME, copy]);
            let status = self.answers_until("XdndStatus", Duration::from_millis(500));
            if status.is_some_and(|status| status[1] & 1 == 1) {
                return true;
            }
        }
        false
    }

    /// Lets go; waits until the window is done with them.
    pub(crate) fn drop_here(self) {
        self.send("XdndDrop", [0, x11rb::CURRENT_TIME, 0, 0]);
        assert!(self.answers_until("XdndFinished", PATIENCE).is_some(), "the window never finished the drop");
    }

    /// Moves away.
    pub(crate) fn leave(self) {
        self.send("XdndLeave", [0; 4]);
        self.answers_until("XdndFinished", Duration::from_millis(200));
    }

    fn send(&self, kind: &str, data: [u32; 4]) {
        let data = [self.source, data[0], data[1], data[2], data[3]];
        let event = ClientMessageEvent::new(32, self.target, self.display.atom(kind), data);
        self.display.x.send_event(false, self.target, EventMask::NO_EVENT, event).unwrap();
        self.display.x.flush().unwrap();
    }

    /// Hands the files' names to whoever asks, until a message of this kind comes.
    fn answers_until(&self, kind: &str, longest: Duration) -> Option<[u32; 5]> {
        let wanted = self.display.atom(kind);
        let began = Instant::now();
        while began.elapsed() < longest {
            match self.display.x.poll_for_event().unwrap() {
                Some(Event::SelectionRequest(request)) => self.hand_over(&request),
                Some(Event::ClientMessage(message)) if message.type_ == wanted => {
                    return Some(message.data.as_data32());
                }
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    }

    fn hand_over(&self, request: &SelectionRequestEvent) {
        let x = &self.display.x;
        let list = self.display.atom("text/uri-list");
        let mut property = request.property;
        if request.target == list {
            x.change_property8(PropMode::REPLACE, request.requestor, property, list, self.uris.as_bytes())
                .unwrap();
        } else if request.target == self.display.atom("TARGETS") {
            x.change_property32(PropMode::REPLACE, request.requestor, property, AtomEnum::ATOM, &[list])
                .unwrap();
        } else {
            property = x11rb::NONE;
        }
        let reply = SelectionNotifyEvent {
            response_type: x11rb::protocol::xproto::SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property,
        };
        x.send_event(false, request.requestor, EventMask::NO_EVENT, reply).unwrap();
        x.flush().unwrap();
    }
}
