//! A model from a hub into the library, for every door.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use eyewright_hub::{Address, DownloadConfig, Downloaded, HubError, Progress, Repository};

use crate::desktop;
use crate::library::{Library, SettingsFile, make_folder};
use crate::studio::{Reply, hub_fault};

/// The first pause before another attempt.
const PAUSE: Duration = Duration::from_millis(500);

/// Which model, for a program without a studio.
#[derive(Clone, Debug)]
pub struct DownloadRequest {
    /// The folder of the settings, which name the library and the hub.
    pub home: PathBuf,
    /// Such as `openai/clip-vit-large-patch14-336`.
    pub repository: String,
    /// A branch, tag or commit; `main` if absent.
    pub revision: Option<String>,
    /// Another hub than that of the settings.
    pub address: Option<String>,
}

/// Downloads into the library's folder of models.
///
/// # Errors
/// If the hub refuses, the network fails for good, or the disk does; what came is kept for the next attempt.
pub fn download(
    request: &DownloadRequest,
    told: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Reply<Downloaded> {
    let settings = SettingsFile::open(&request.home)?.get();
    let library = Library::new(settings.library.as_ref())?;
    let address = request.address.as_ref().unwrap_or(&settings.hub);
    // The key in the keyring was given for the hub of the settings.
    let key = if *address == settings.hub {
        desktop::keyring().ok().and_then(|keyring| keyring.get("hub"))
    } else {
        None
    };
    let revision = request.revision.as_deref();
    let config = download_config(&library, address, key, &request.repository, revision)?;
    config.download(told).map_err(|error| hub_fault(&error))
}

/// A download that was understood and has not begun.
pub(crate) fn download_config(
    library: &Library,
    address: &str,
    key: Option<String>,
    repository: &str,
    revision: Option<&str>,
) -> Reply<DownloadConfig> {
    let fault = |error: HubError| hub_fault(&error);
    make_folder(&library.models())?;
    Ok(DownloadConfig {
        address: Address::parse(address).map_err(fault)?,
        token: key.or_else(|| std::env::var("HF_TOKEN").ok()),
        repository: Repository::parse(repository, revision).map_err(fault)?,
        models: library.models(),
        pause: PAUSE,
    })
}
