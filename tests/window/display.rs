//! A screen that nobody looks at, with a session bus of its own, for one window.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, MapState, Window};
use x11rb::rust_connection::RustConnection;

/// Ended with its owner, whatever the test came to.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Display {
    pub(crate) name: String,
    pub(crate) bus: String,
    pub(crate) x: RustConnection,
    pub(crate) root: Window,
    _processes: [Process; 2],
}

impl Display {
    pub(crate) fn open() -> Self {
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts; `cargo xtask test` installs it");
        let name = format!(":{}", first_line(&mut xvfb));
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon starts");
        let address = first_line(&mut bus);
        let (x, screen) = RustConnection::connect(Some(&name)).unwrap();
        let root = x.setup().roots[screen].root;
        Self { name, bus: address, x, root, _processes: [Process(xvfb), Process(bus)] }
    }

    /// What a program needs to appear here and nowhere else.
    pub(crate) fn dress(&self, command: &mut Command, home: &Path) {
        command
            .env("DISPLAY", &self.name)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("EYEWRIGHT_HOME", home)
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("GDK_BACKEND", "x11")
            .env("LC_ALL", "C.UTF-8")
            .env("NO_AT_BRIDGE", "1")
            .env("EYEWRIGHT_NO_KEYRING", "1")
            .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("XDG_DATA_HOME");
    }

    pub(crate) fn atom(&self, name: &str) -> u32 {
        self.x.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    /// The program's window, drawn or hidden.
    pub(crate) fn window(&self) -> Option<Window> {
        let protocols = self.atom("WM_PROTOCOLS");
        self.x.query_tree(self.root).unwrap().reply().unwrap().children.into_iter().find(|window| {
            let text = |property| {
                let reply = self.x.get_property(false, *window, property, AtomEnum::STRING, 0, 64);
                reply.ok().and_then(|cookie| cookie.reply().ok()).map(|reply| reply.value).unwrap_or_default()
            };
            let kind = self.x.get_property(false, *window, protocols, AtomEnum::ATOM, 0, 1);
            let is_managed =
                kind.ok().and_then(|cookie| cookie.reply().ok()).is_some_and(|reply| reply.length > 0);
            is_managed && text(u32::from(AtomEnum::WM_NAME)) == b"Eyewright"
        })
    }

    pub(crate) fn is_shown(&self, window: Window) -> bool {
        let attributes = self.x.get_window_attributes(window).unwrap().reply();
        attributes.is_ok_and(|attributes| attributes.map_state == MapState::VIEWABLE)
    }

    /// What a click on the window's closing button sends.
    pub(crate) fn press_close(&self, window: Window) {
        let data = [self.atom("WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, self.atom("WM_PROTOCOLS"), data);
        self.x.send_event(false, window, EventMask::NO_EVENT, event).unwrap();
        self.x.flush().unwrap();
    }

    /// Puts a file's content on the clipboard, as another program does. It stays there as long as the process.
    pub(crate) fn copy(&self, kind: &str, file: &Path) -> Process {
        let mut command = Command::new("xclip");
        command.args(["-quiet", "-selection", "clipboard", "-t", kind, "-i"]).arg(file);
        command.env("DISPLAY", &self.name).stdout(Stdio::null()).stderr(Stdio::null());
        let owner = || {
            let cookie = self.x.get_selection_owner(self.atom("CLIPBOARD")).unwrap();
            cookie.reply().unwrap().owner
        };
        let before = owner();
        let process = Process(command.spawn().expect("xclip starts; `cargo xtask test` installs it"));
        while owner() == before {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        process
    }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// Processes below another one whose command line has this word, from `/proc`.
pub(crate) fn processes_below(parent: u32, word: &str) -> Vec<u32> {
    let numbers =
        |entry: std::fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
    let all: Vec<u32> = std::fs::read_dir("/proc").unwrap().flatten().filter_map(numbers).collect();
    let read = |pid: u32, name: &str| std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/{name}")));
    let parent_of = |pid: u32| {
        let text = read(pid, "stat").ok()?;
        text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let is_below = |mut pid: u32| {
        while pid > 1 {
            match parent_of(pid) {
                Some(above) if above == parent => return true,
                Some(above) => pid = above,
                None => return false,
            }
        }
        false
    };
    let has =
        |pid: u32| read(pid, "cmdline").is_ok_and(|text| text.split('\0').any(|part| part.ends_with(word)));
    all.into_iter().filter(|pid| is_below(*pid) && has(*pid)).collect()
}
