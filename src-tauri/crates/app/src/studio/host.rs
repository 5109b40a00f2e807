//! What does a door do that the studio cannot: dialogs, the clipboard, the file manager, an API server?

use std::path::{Path, PathBuf};

use eyewright_protocol::{CloseChoice, Door, ErrorBody, ErrorCode, PickFor};

use super::{Reply, Studio};
use crate::library::Keyring;

/// A picture on the clipboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pasted {
    /// Copied files.
    Files(Vec<PathBuf>),
    /// The bytes of a picture file.
    Bytes(Vec<u8>),
    /// Raw pixels: width, height, RGBA.
    Pixels(u32, u32, Vec<u8>),
    /// No picture.
    Nothing,
}

/// A door's own abilities; a browser has none of them.
pub trait Host: Send + Sync {
    /// Which door this is.
    fn door(&self) -> Door;

    /// The operating system's keyring.
    ///
    /// # Errors
    /// If there is none that can be used.
    fn keyring(&self) -> Reply<Box<dyn Keyring>> {
        Err(not_here("a keyring"))
    }

    /// Opens a dialog and waits for it.
    ///
    /// # Errors
    /// If this door has none.
    fn pick_files(&self, _purpose: PickFor) -> Reply<Vec<PathBuf>> {
        Err(not_here("dialogs of the system"))
    }

    /// Opens a dialog for a new file and waits for it.
    ///
    /// # Errors
    /// If this door has none.
    fn pick_new_file(&self, _name: &str) -> Reply<Option<PathBuf>> {
        Err(not_here("dialogs of the system"))
    }

    /// Shows a folder in the file manager.
    ///
    /// # Errors
    /// If this door cannot.
    fn show_folder(&self, _folder: &Path) -> Reply<()> {
        Err(not_here("a file manager"))
    }

    /// Opens a page in the user's browser.
    ///
    /// # Errors
    /// If this door cannot.
    fn open_link(&self, _url: &str) -> Reply<()> {
        Err(not_here("a way to open links; open it in a new tab"))
    }

    /// What is on the clipboard.
    ///
    /// # Errors
    /// If this door cannot read it.
    fn paste(&self) -> Reply<Pasted> {
        Err(not_here("access to the clipboard of that machine"))
    }

    /// The answer to the question at closing.
    ///
    /// # Errors
    /// If this door has no window.
    fn answer_close(&self, _choice: CloseChoice) -> Reply<()> {
        Err(not_here("a window to close"))
    }

    /// Starts the API server.
    ///
    /// # Errors
    /// If the port is taken, or this door has none.
    fn start_api(&self, _studio: &Studio, _port: u16) -> Reply<()> {
        Err(not_here("a switch for the API server; start `eyewright serve` there"))
    }

    /// Stops the API server.
    fn stop_api(&self) {}
}

fn not_here(what: &str) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotHere, format!("this door has no {what}"))
}
