//! What the operating system is asked for: dialogs, the clipboard, the file manager, the API server's switch.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};

use eyewright_app::{Host, Keyring, Pasted, Reply, Studio, desktop};
use eyewright_protocol::{CloseChoice, Door, ErrorBody, ErrorCode, PickFor};
use eyewright_server::{Server, ServerConfig};
use rfd::AsyncFileDialog;
use tauri::AppHandle;

use crate::closing;

/// The window's own abilities.
pub(crate) struct WindowDoor {
    app: AppHandle,
    api: Mutex<Option<Server>>,
}

impl WindowDoor {
    pub(crate) fn new(app: AppHandle) -> Self {
        Self { app, api: Mutex::new(None) }
    }

    /// A dialog is made on the thread that draws, and waited for on this one.
    fn dialog<T, F>(&self, open: impl FnOnce(AsyncFileDialog) -> F + Send + 'static) -> Reply<Option<T>>
    where
        T: Send + 'static,
        F: Future<Output = Option<T>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let made = self.app.run_on_main_thread(move || {
            let waiting = open(AsyncFileDialog::new());
            tauri::async_runtime::spawn(async move {
                let _ = sender.send(waiting.await);
            });
        });
        made.map_err(|error| fault(&format!("the dialog cannot be opened: {error}")))?;
        Ok(receiver.recv().ok().flatten())
    }
}

fn fault(message: &str) -> ErrorBody {
    ErrorBody::new(ErrorCode::Internal, message)
}

impl Host for WindowDoor {
    fn door(&self) -> Door {
        Door::Window
    }

    fn keyring(&self) -> Reply<Box<dyn Keyring>> {
        desktop::keyring()
    }

    fn pick_files(&self, purpose: PickFor) -> Reply<Vec<PathBuf>> {
        if purpose == PickFor::Folder {
            let folder = self.dialog(|dialog| dialog.pick_folder())?;
            return Ok(folder.map(|folder| folder.path().to_owned()).into_iter().collect());
        }
        let files = self.dialog(move |dialog| {
            let (name, endings): (&str, &[&str]) = match purpose {
                PickFor::Pictures => {
                    ("Pictures", &["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"])
                }
                PickFor::Dataset => ("Data sets", &["json", "jsonl"]),
                PickFor::Weights => ("Weights", &["pth", "safetensors", "bin"]),
                PickFor::Plan | PickFor::Folder => ("Plans", &["toml"]),
            };
            let dialog = dialog.add_filter(name, endings);
            async move {
                if purpose == PickFor::Pictures {
                    dialog.pick_files().await
                } else {
                    dialog.pick_file().await.map(|file| vec![file])
                }
            }
        })?;
        Ok(files.unwrap_or_default().iter().map(|file| file.path().to_owned()).collect())
    }

    fn pick_new_file(&self, name: &str) -> Reply<Option<PathBuf>> {
        let name = name.to_owned();
        let file = self.dialog(move |dialog| dialog.set_file_name(name).save_file())?;
        Ok(file.map(|file| file.path().to_owned()))
    }

    fn show_folder(&self, folder: &Path) -> Reply<()> {
        start_viewer(folder.as_os_str())
    }

    fn open_link(&self, url: &str) -> Reply<()> {
        start_viewer(url.as_ref())
    }

    fn paste(&self) -> Reply<Pasted> {
        let mut clipboard = arboard::Clipboard::new()
            .map_err(|error| fault(&format!("the clipboard cannot be read: {error}")))?;
        if let Ok(files) = clipboard.get().file_list()
            && !files.is_empty()
        {
            return Ok(Pasted::Files(files));
        }
        let Ok(image) = clipboard.get_image() else { return Ok(Pasted::Nothing) };
        let side = |length: usize| u32::try_from(length).unwrap_or(0);
        Ok(Pasted::Pixels(side(image.width), side(image.height), image.bytes.into_owned()))
    }

    fn answer_close(&self, choice: CloseChoice) -> Reply<()> {
        closing::answer(&self.app, choice);
        Ok(())
    }

    fn start_api(&self, studio: &Studio, port: u16) -> Reply<()> {
        let config = ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            interface: false,
            api: true,
            on_link: Box::new(|_| {}),
        };
        let server = Server::start(config, studio.clone())
            .map_err(|error| ErrorBody::new(ErrorCode::File, error.to_string()))?;
        studio.api().listening(Some(format!("http://{}/v1", server.address())));
        *self.api.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }

    fn stop_api(&self) {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The system's own program for folders and pages, given one checked argument and no shell.
fn start_viewer(what: &std::ffi::OsStr) -> Reply<()> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(target_os = "windows") {
        "explorer"
    } else {
        "xdg-open"
    };
    let started = Command::new(program)
        .arg(what)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(mut child) => {
            std::thread::spawn(move || child.wait());
            Ok(())
        }
        Err(error) => {
            Err(ErrorBody::new(ErrorCode::NotHere, format!("`{program}` cannot be started: {error}")))
        }
    }
}
