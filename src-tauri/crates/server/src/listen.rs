//! The listening socket: loopback only, so many connections at a time, stopped at once.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::thread;
use std::time::Duration;

use eyewright_app::{Studio, secret};

use crate::http::{Exchange, Response};
use crate::{interface, openai};

/// Connections that are served at a time.
const CONNECTIONS: usize = 256;

/// What is served, and where.
pub struct ServerConfig {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The interface and its commands.
    pub interface: bool,
    /// The API for other programs.
    pub api: bool,
    /// Told every new link that opens the interface; each works once.
    pub on_link: Box<dyn Fn(&str) + Send + Sync>,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Others could reach it.
    #[error(
        "`{address}` can be reached by other machines; Eyewright listens on loopback addresses only. \
         Take 127.0.0.1:{port} and an SSH tunnel: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE",
        port = address.port()
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}: {source}. Is another Eyewright running? Choose another port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// No thread.
    #[error("the server cannot be started: {0}")]
    Start(#[from] io::Error),
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What handlers share.
pub(crate) struct Shared {
    pub(crate) studio: Studio,
    pub(crate) address: SocketAddr,
    interface: bool,
    api: bool,
    gate: Mutex<Gate>,
    on_link: Box<dyn Fn(&str) + Send + Sync>,
    /// Answers that are written or wait.
    pub(crate) waiting: AtomicUsize,
    connections: AtomicUsize,
}

/// Who was let in.
#[derive(Default)]
pub(crate) struct Gate {
    /// The secret of the next link.
    pub(crate) link: String,
    pub(crate) sessions: HashSet<String>,
}

impl Shared {
    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next link and tells it.
    pub(crate) fn new_link(&self) {
        let token = secret();
        let link = format!("http://{}/?token={token}", self.address);
        self.gate().link = token;
        (self.on_link)(&link);
    }
}

impl Server {
    /// Starts listening.
    ///
    /// # Errors
    /// If the address is no loopback one, or taken.
    pub fn start(config: ServerConfig, studio: Studio) -> Result<Self, ServerError> {
        let address = config.listen;
        if !address.ip().is_loopback() {
            return Err(ServerError::NotLoopback { address });
        }
        let refused = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let shared = Arc::new(Shared {
            studio,
            address,
            interface: config.interface,
            api: config.api,
            gate: Mutex::default(),
            on_link: config.on_link,
            waiting: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        if config.interface {
            shared.new_link();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("server".into())
            .spawn(move || accept(&listener, &shared, &stopped))?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)); // wakes it
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A place among the connections, given back when it is dropped.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, stopped: &AtomicBool) {
    for stream in listener.incoming() {
        if stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            // Too many open files, as a rule: wait for some to close.
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        if shared.connections.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::AcqRel);
            continue; // dropping it closes it
        }
        let place = Place(Arc::clone(shared));
        // Without a thread the connection is closed, and the place given back, by being dropped.
        let _ = thread::Builder::new().name("connection".into()).spawn(move || {
            if let Some(exchange) = Exchange::read(stream) {
                route(&place.0, exchange);
            }
        });
    }
}

fn route(shared: &Arc<Shared>, exchange: Exchange) {
    let path = &exchange.head.path;
    if shared.api && (path == "/health" || path.starts_with("/v1/")) {
        openai::serve(shared, exchange);
    } else if shared.interface {
        interface::serve(shared, exchange);
    } else {
        exchange.answer(&Response::empty(404));
    }
}
