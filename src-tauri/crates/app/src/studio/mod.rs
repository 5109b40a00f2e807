//! The program behind the window and the browser: one [`Studio`] that every command of the protocol is asked of.
//!
//! It holds the library folder, the work that is going on, and the process that computes; it computes nothing
//! itself. A door calls [`Studio::call`] and listens to [`Studio::events`].

mod dispatch;
mod events;
mod fault;
mod host;
mod jobs;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use eyewright_protocol::{ErrorBody, ErrorCode, Event, ListName, Settings};

pub(crate) use dispatch::panic_text;
pub use events::EventStream;
pub(crate) use events::Events;
pub(crate) use fault::{body, hub_fault, io_fault};
pub use host::{Host, Pasted};
pub(crate) use jobs::{JobHandle, Jobs};

use crate::{
    library::{KeyBox, Library, SettingsFile},
    rooms::{ApiDoor, ApiRoom, ChatRoom, DatasetRoom, MachineRoom, PictureRoom, RunRoom},
    worker::{Worker, WorkerProgram},
};

/// What a command gives, or why not.
pub type Reply<T> = Result<T, ErrorBody>;

/// Where things are and which door this is.
#[derive(Debug)]
pub struct StudioConfig {
    /// The folder of the settings, and of the library unless the settings name another one.
    pub home: PathBuf,
    /// Folders in which bundled models may be, the first that exists counts.
    pub bundled: Vec<PathBuf>,
    /// How the process that computes is started.
    pub worker: WorkerProgram,
    /// Files given on the command line.
    pub opened_with: Vec<String>,
}

/// Locks, also after a panic elsewhere: every room leaves its data whole between two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program behind a door. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Studio(Arc<Inner>);

/// What all rooms share.
pub(crate) struct Inner {
    pub(crate) config: StudioConfig,
    pub(crate) host: Box<dyn Host>,
    pub(crate) events: Events,
    pub(crate) jobs: Jobs,
    pub(crate) settings: SettingsFile,
    pub(crate) keys: KeyBox,
    pub(crate) worker: Worker,
    pub(crate) pictures: PictureRoom,
    pub(crate) chats: ChatRoom,
    pub(crate) datasets: DatasetRoom,
    pub(crate) machine: MachineRoom,
    pub(crate) runs: RunRoom,
    pub(crate) api: ApiRoom,
    me: OnceLock<Weak<Inner>>,
}

impl Studio {
    /// Opens the library, makes its folders, and marks work that a crash interrupted.
    ///
    /// # Errors
    /// If the folders cannot be made, or another Eyewright uses them.
    pub fn open(config: StudioConfig, host: Box<dyn Host>) -> Reply<Self> {
        let settings = SettingsFile::open(&config.home)?;
        let library = Library::new(Path::new(&settings.get().library))?;
        let events = Events::default();
        let worker = Worker::new(config.worker.clone(), events.clone(), library.logs());
        let keys = KeyBox::new(host.keyring());
        let studio = Self(Arc::new(Inner {
            jobs: Jobs::new(events.clone()),
            pictures: PictureRoom::default(),
            chats: ChatRoom::default(),
            datasets: DatasetRoom::default(),
            machine: MachineRoom::default(),
            runs: RunRoom::default(),
            api: ApiRoom::default(),
            config,
            host,
            events,
            settings,
            keys,
            worker,
            me: OnceLock::new(),
        }));
        let _ = studio.0.me.set(Arc::downgrade(&studio.0));
        studio.0.recover_runs();
        Ok(studio)
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> EventStream {
        self.0.events.listen()
    }

    /// Answers a command: its name and its request in JSON give its reply in JSON. Never panics.
    ///
    /// # Errors
    /// Whatever the command says.
    pub fn call(&self, command: &str, request: &[u8]) -> Reply<String> {
        dispatch::dispatch(self, command, request)
    }

    /// A picture's thumbnail as PNG or JPEG bytes with its media type.
    ///
    /// # Errors
    /// If there is no such picture, or it cannot be read.
    pub fn thumbnail(&self, picture: u32, side: u32) -> Reply<(Vec<u8>, &'static str)> {
        self.0.thumbnail(picture, side)
    }

    /// Adds a picture from bytes, as `add_picture_bytes` without base64.
    ///
    /// # Errors
    /// If it is no picture Eyewright can read.
    pub fn add_picture(&self, name: &str, bytes: &[u8]) -> Reply<eyewright_protocol::PictureInfo> {
        self.0.add_picture(name, bytes)
    }

    /// Adds files and folders, as `add_picture_files`.
    pub fn add_files(&self, paths: &[PathBuf]) -> eyewright_protocol::AddedPictures {
        self.0.add_files(paths)
    }

    /// Tells every open interface that something happened.
    pub fn tell(&self, event: Event) {
        self.0.events.tell(event);
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Settings {
        self.0.settings.get()
    }

    /// Ends the process that computes. A run in it saves a checkpoint first, for which it is given `patience`.
    pub fn close(&self, patience: std::time::Duration) {
        self.0.worker.close(patience);
    }

    /// The run that is computing now.
    pub fn running(&self) -> Option<eyewright_protocol::RunId> {
        self.0.runs.running()
    }

    /// The API's view: answers questions with the library's models.
    pub fn api(&self) -> ApiDoor {
        ApiDoor::new(Arc::clone(&self.0))
    }

    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }
}

impl std::fmt::Debug for Studio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Studio").field("home", &self.0.config.home).finish_non_exhaustive()
    }
}

impl Inner {
    /// The library folder as the settings say now.
    pub(crate) fn library(&self) -> Reply<Library> {
        Library::new(Path::new(&self.settings.get().library))
    }

    /// Another handle to this studio, for a thread.
    pub(crate) fn myself(&self) -> Option<Arc<Self>> {
        self.me.get().and_then(Weak::upgrade)
    }

    /// The same, for work that cannot do without.
    pub(crate) fn here(&self) -> Reply<Arc<Self>> {
        self.myself().ok_or_else(|| ErrorBody::new(ErrorCode::Internal, "the program is closing"))
    }

    pub(crate) fn changed(&self, list: ListName) {
        self.events.tell(Event::Changed { list });
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
