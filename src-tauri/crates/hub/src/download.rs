//! A whole download: what is there, is there room, fetch it beside its place, and give it its name at the end.
//!
//! ```text
//! models/.downloads/<owner>--<name>@<commit>/   while it grows; found again by the next attempt
//! models/<name>/                                complete, with download.json about where it is from
//! ```

use std::fs::{self, File, TryLockError};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::{Address, Repository};
use crate::choose::choose;
use crate::fetch::{FIRST_ATTEMPTS, Fetcher, KnownFile};
use crate::http::Client;
use crate::listing::Listing;
use crate::meter::{Meter, Progress};
use crate::{Checksum, HubError};

/// Bytes that stay free on the disk.
const RESERVE: u64 = 16 << 20;
/// Where downloads grow, below the folder of models.
const GROWING: &str = ".downloads";
/// The file in which a complete download says where it is from.
pub const ORIGIN: &str = "download.json";

/// What to download, from where, to where.
pub struct DownloadConfig {
    /// The hub or mirror.
    pub address: Address,
    /// The key for it, if it wants one; sent to this address alone.
    pub token: Option<String>,
    /// Which repository.
    pub repository: Repository,
    /// The folder of models; the model becomes a folder in it.
    pub models: PathBuf,
    /// The first pause before another attempt.
    pub pause: Duration,
}

/// A download that is complete.
#[derive(Clone, Debug)]
pub struct Downloaded {
    /// The model's folder.
    pub folder: PathBuf,
    /// The commit it is of.
    pub commit: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether it had been here before.
    pub already: bool,
    /// Files for which the hub gave no checksum, so that their length alone was checked.
    pub unchecked: Vec<String>,
}

/// What it says.
#[derive(Serialize, Deserialize)]
struct Origin {
    address: String,
    repository: String,
    revision: String,
    commit: String,
    files: Vec<OriginFile>,
}

#[derive(Serialize, Deserialize)]
struct OriginFile {
    path: String,
    size: u64,
    checksum: Option<Checksum>,
}

/// The repository that a folder was downloaded from.
pub fn downloaded_from(folder: &Path) -> Option<String> {
    Origin::read(folder).map(|origin| origin.repository)
}

impl Origin {
    fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(ORIGIN)).ok()?).ok()
    }
}

impl DownloadConfig {
    /// Downloads, tells how far it is, and stops when told to break. What came stays for the next attempt.
    ///
    /// # Errors
    /// If the hub refuses, the network fails for good, or the disk does; nothing is under the model's name then.
    pub fn download(
        &self,
        told: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Downloaded, HubError> {
        let meter = &mut Meter::new(told);
        let client = &Client::new(self.address.clone(), self.token.clone())?;
        let (address, repository) = (&self.address, &self.repository);
        let fetcher = |commit| Fetcher { client, address, repository, commit, pause: self.pause };
        let ask = |meter: &mut Meter| Listing::ask(client, address, repository, meter);
        let listing = fetcher("").patiently(FIRST_ATTEMPTS, meter, ask)?;
        let places = self.places(&listing.commit);
        if let Some(folder) = places.into_iter().find(|place| self.is_this(place, &listing.commit)) {
            return Ok(there_already(folder, listing.commit));
        }
        let names: Vec<String> = listing.files.iter().map(|file| file.path.clone()).take(8).collect();
        let chosen = choose(listing.files);
        if chosen.is_empty() {
            return Err(HubError::NothingToRead { repository: repository.name.clone(), found: names });
        }
        let fetcher = fetcher(&listing.commit);
        let files: Vec<KnownFile> =
            chosen.into_iter().map(|file| fetcher.know(file, meter)).collect::<Result<_, _>>()?;

        let (growing, lock) = self.growing(&listing.commit)?;
        self.make_room(&files, &growing, meter)?;
        for file in &files {
            fetcher.fetch(file, &growing, meter)?;
        }
        let origin = self.origin(&listing.commit, &files);
        let folder = self.finish(&growing, &listing.commit, &origin)?;
        drop(lock);
        let _ = fs::remove_file(growing.with_added_extension("lock"));
        let unchecked = files.iter().filter(|file| file.checksum.is_none()).map(|file| file.path.clone());
        Ok(Downloaded {
            folder,
            commit: listing.commit,
            bytes: files.iter().map(|file| file.size).sum(),
            already: false,
            unchecked: unchecked.collect(),
        })
    }

    /// The folder it grows in, kept by one download at a time.
    fn growing(&self, commit: &str) -> Result<(PathBuf, File), HubError> {
        let name = self.repository.name.replace('/', "--");
        let folder = self.models.join(GROWING).join(format!("{name}@{}", short(commit)));
        fs::create_dir_all(&folder).map_err(HubError::file("make", &folder))?;
        let path = folder.with_added_extension("lock");
        let lock = File::create(&path).map_err(HubError::file("write", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok((folder, lock)),
            Err(TryLockError::WouldBlock) => Err(HubError::Busy { repository: self.repository.name.clone() }),
            Err(TryLockError::Error(source)) => Err(HubError::File { action: "lock", path, source }),
        }
    }

    /// Counts what is there and refuses to begin what the disk cannot hold. Files of another length are not of this
    /// commit.
    fn make_room(&self, files: &[KnownFile], growing: &Path, meter: &mut Meter) -> Result<(), HubError> {
        let length =
            |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|about| about.len());
        let mut here = 0u64;
        for file in files {
            let place = growing.join(&file.path);
            match length(&place) {
                Some(bytes) if bytes == file.size => {
                    here += bytes;
                    meter.progress.done += bytes;
                }
                Some(_) => fs::remove_file(&place).map_err(HubError::file("delete", &place))?,
                None => here += length(&place.with_added_extension("part")).unwrap_or(0).min(file.size),
            }
        }
        let total = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.size));
        meter.progress.total = total;
        let needed = total.saturating_sub(here).saturating_add(RESERVE);
        match fs4::available_space(growing) {
            Ok(free) if free < needed => Err(HubError::Space { folder: self.models.clone(), needed, free }),
            _ => Ok(()),
        }
    }

    fn origin(&self, commit: &str, files: &[KnownFile]) -> Origin {
        let file = |file: &KnownFile| OriginFile {
            path: file.path.clone(),
            size: file.size,
            checksum: file.checksum.clone(),
        };
        Origin {
            address: self.address.text().to_owned(),
            repository: self.repository.name.clone(),
            revision: self.repository.revision.clone(),
            commit: commit.to_owned(),
            files: files.iter().map(file).collect(),
        }
    }

    /// Gives the complete folder its name.
    fn finish(&self, growing: &Path, commit: &str, origin: &Origin) -> Result<PathBuf, HubError> {
        let path = growing.join(ORIGIN);
        let text = serde_json::to_vec_pretty(origin).unwrap_or_default();
        let written = File::create(&path).and_then(|mut file| {
            std::io::Write::write_all(&mut file, &text)?;
            file.sync_all()
        });
        written.map_err(HubError::file("write", &path))?;
        let [named, others @ ..] = self.places(commit);
        let place = std::iter::once(&named).chain(&others).find(|place| !place.exists()).unwrap_or(&named);
        fs::rename(growing, place).map_err(HubError::file("name", place))?;
        #[cfg(unix)]
        let _ = File::open(&self.models).and_then(|folder| folder.sync_all());
        Ok(place.clone())
    }

    /// Where it may be: under its own name, or with its owner or commit if another model has that.
    fn places(&self, commit: &str) -> [PathBuf; 4] {
        let last = self.repository.last();
        let whole = self.repository.name.replace('/', "-");
        let commit = short(commit);
        let names = [last.to_owned(), whole.clone(), format!("{last}-{commit}"), format!("{whole}-{commit}")];
        names.map(|name| self.models.join(name))
    }

    /// Whether a folder is a complete download of just this.
    fn is_this(&self, folder: &Path, commit: &str) -> bool {
        Origin::read(folder).is_some_and(|origin| {
            let whole = |file: &OriginFile| {
                fs::metadata(folder.join(&file.path)).is_ok_and(|about| about.len() == file.size)
            };
            origin.repository == self.repository.name
                && origin.commit == commit
                && origin.files.iter().all(whole)
        })
    }
}

fn there_already(folder: PathBuf, commit: String) -> Downloaded {
    Downloaded { folder, commit, bytes: 0, already: true, unchecked: Vec::new() }
}

/// A commit in a folder's name.
fn short(commit: &str) -> String {
    let letter = |char: char| if char.is_ascii_alphanumeric() { char } else { '-' };
    commit.chars().take(12).map(letter).collect()
}
