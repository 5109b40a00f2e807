//! `eyewright serve`: the API for other programs, or with `--ui` the interface in a browser; and `eyewright worker`,
//! the process that computes for them.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use eyewright_app::{
    Host, Keyring, Reply, Studio, StudioConfig, WorkerProgram, bundled_models, default_home, desktop,
};
use eyewright_protocol::{ChangeSettings, Door, ErrorBody, ErrorCode};
use eyewright_server::{Server, ServerConfig};

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Serve the interface for a browser, and the API beside it.
    #[arg(long)]
    ui: bool,
    /// Loopback address and port; port 0 takes a free one [default: 127.0.0.1:8640].
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8640")]
    listen: SocketAddr,
    /// Folder of the model to answer with; the library's usual one if absent.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Folder of settings and library [default: EYEWRIGHT_HOME, or the system's place for data].
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Where to compute, for this and later starts: auto, cpu, cuda, cuda:N, vulkan, metal or wgpu.
    #[arg(long, value_name = "D")]
    device: Option<String>,
}

/// A browser: no dialogs, no clipboard; an API server can be switched on beside the interface.
#[derive(Default)]
struct BrowserDoor {
    api: Mutex<Option<Server>>,
}

impl Host for BrowserDoor {
    fn door(&self) -> Door {
        Door::Browser
    }

    fn keyring(&self) -> Reply<Box<dyn Keyring>> {
        desktop::keyring()
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
        *self.api.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(server);
        Ok(())
    }

    fn stop_api(&self) {
        self.api.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }
}

pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    let config = StudioConfig {
        home: arguments.home.clone().unwrap_or_else(default_home),
        bundled: bundled_models(),
        worker: WorkerProgram::own().context("the program's own path is unknown")?,
        opened_with: Vec::new(),
    };
    let studio = Studio::open(config, Box::new(BrowserDoor::default()))?;
    choose(arguments, &studio)?;
    let server_config = ServerConfig {
        listen: arguments.listen,
        interface: arguments.ui,
        api: true,
        on_link: Box::new(|link| {
            say(&format!("open this in a browser of this machine (it works once):\n{link}"))
        }),
    };
    let server = Server::start(server_config, studio.clone())?;
    let address = format!("http://{}/v1", server.address());
    studio.api().always_at(address.clone());
    say(&format!("API: {address}\nkey: {}\nCtrl-C ends it.", studio.api().key()));
    if arguments.ui && !eyewright_server::has_interface() {
        say("the interface was not built; `npm ci && npm run build` in ui/ builds it");
    }
    let (ended, wait) = std::sync::mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = ended.send(());
    })
    .context("Ctrl-C cannot be watched")?;
    let _ = wait.recv();
    drop(server);
    studio.close(Duration::from_secs(30)); // a run saves what it has
    Ok(())
}

/// Model and device of the command line.
fn choose(arguments: &ServeArguments, studio: &Studio) -> anyhow::Result<()> {
    let nothing = || serde_json::from_str::<ChangeSettings>("{}");
    if let Some(device) = &arguments.device {
        let change = ChangeSettings { device: Some(device.clone()), ..nothing()? };
        studio.call("change_settings", &serde_json::to_vec(&change)?)?;
    }
    let Some(model) = &arguments.model else { return Ok(()) };
    let path = std::path::absolute(model).with_context(|| format!("`{}`", model.display()))?;
    let Some(path) = path.to_str() else { bail!("the path `{}` is not text", path.display()) };
    let request = serde_json::json!({ "paths": { "model": path } });
    let added: serde_json::Value =
        serde_json::from_str(&studio.call("add_model", request.to_string().as_bytes())?)?;
    let change = serde_json::json!({ "choice": { "model": added["id"] } });
    studio.call("change_settings", change.to_string().as_bytes())?;
    Ok(())
}

/// Lines for people and for programs that start this one; a closed pipe is no fault.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The process that computes; it speaks with the one that started it and with nobody else.
pub(crate) fn worker() -> anyhow::Result<()> {
    // Ctrl-C in a terminal reaches both processes; the other one decides what is saved.
    let _ = ctrlc::set_handler(|| {});
    eyewright_app::work()?;
    Ok(())
}
