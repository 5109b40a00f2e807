//! How does one file come whole and right into its place? Into `NAME.part`, from where the last attempt ended, and under
//! its name when length and checksum are what the hub says.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::address::{Address, Repository};
use crate::checksum::Sum;
use crate::http::{Answer, Client};
use crate::listing::RemoteFile;
use crate::meter::Meter;
use crate::{Checksum, HubError};

/// Attempts in a row that bring nothing before a file is given up.
const ATTEMPTS: u32 = 5;
/// Before anything came, somebody who is offline wants to know soon.
pub(crate) const FIRST_ATTEMPTS: u32 = 2;
/// Longest wait before the next one, also if the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A file whose length is known.
#[derive(Clone, Debug)]
pub(crate) struct KnownFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    /// Unknown on some mirrors; the length alone is looked at then.
    pub(crate) checksum: Option<Checksum>,
}

/// Fetches the files of one commit.
pub(crate) struct Fetcher<'a> {
    pub(crate) client: &'a Client,
    pub(crate) address: &'a Address,
    pub(crate) repository: &'a Repository,
    pub(crate) commit: &'a str,
    /// The first pause between attempts; it doubles.
    pub(crate) pause: Duration,
}

/// `NAME.part` while it grows.
struct Part<'a> {
    file: &'a KnownFile,
    path: PathBuf,
    out: File,
    have: u64,
    sum: Option<Sum>,
    /// Whether some of it was there before this attempt.
    mixed: bool,
}

impl Fetcher<'_> {
    /// Asks the hub for what its list does not say.
    pub(crate) fn know(&self, file: RemoteFile, meter: &mut Meter) -> Result<KnownFile, HubError> {
        if let (Some(size), Some(_)) = (file.size, &file.checksum) {
            return Ok(KnownFile { path: file.path, size, checksum: file.checksum });
        }
        let url = self.url(&file.path);
        let head = self.patiently(ATTEMPTS, meter, |meter| self.client.head(&url, meter))?;
        let size = file.size.or(head.linked_size).or(head.length);
        let size = size.ok_or_else(|| HubError::Answer {
            host: crate::address::host(&url),
            problem: format!("it does not say how long `{}` is", file.path),
        })?;
        Ok(KnownFile { path: file.path, size, checksum: file.checksum.or(head.checksum) })
    }

    /// Fetches a file into a folder, unless it is there.
    pub(crate) fn fetch(&self, file: &KnownFile, folder: &Path, meter: &mut Meter) -> Result<(), HubError> {
        let place = folder.join(&file.path);
        file.path.clone_into(&mut meter.progress.file);
        if place.is_file() {
            return meter.glance();
        }
        if let Some(above) = place.parent() {
            fs::create_dir_all(above).map_err(HubError::file("make", above))?;
        }
        let before = meter.progress.done;
        let mut part = Part::open(file, &place, meter)?;
        loop {
            self.fill(&mut part, before, meter)?;
            match part.fault() {
                None => break,
                // Bytes of an earlier day may be of another file; all of it from one go cannot be.
                Some(_) if part.mixed => part.empty()?,
                Some(error) => {
                    let _ = fs::remove_file(&part.path);
                    return Err(error);
                }
            }
        }
        part.out.sync_all().map_err(HubError::file("write", &part.path))?;
        fs::rename(&part.path, &place).map_err(HubError::file("name", &place))
    }

    fn url(&self, path: &str) -> url::Url {
        let parts = self.repository.name.split('/').chain(["resolve", self.commit]);
        self.address.below(parts.chain(path.split('/')))
    }

    /// Goes on until all bytes are there.
    fn fill(&self, part: &mut Part, before: u64, meter: &mut Meter) -> Result<(), HubError> {
        let url = self.url(&part.file.path);
        while part.have < part.file.size {
            self.patiently(ATTEMPTS, meter, |meter| {
                let start = part.have;
                meter.progress.done = before + start;
                let answer = self.client.get(&url, start, meter)?;
                match part.take(&answer, meter) {
                    // What came is kept: the next attempt starts behind it.
                    Err(error) if error.passes() && part.have > start => Ok(()),
                    other => other,
                }
            })?;
        }
        meter.progress.done = before + part.have;
        Ok(())
    }

    /// Tries again where that may help, with pauses that double.
    pub(crate) fn patiently<T>(
        &self,
        attempts: u32,
        meter: &mut Meter,
        mut work: impl FnMut(&mut Meter) -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        let mut pause = self.pause;
        for _ in 1..attempts {
            match work(meter) {
                Err(error) if error.passes() => {
                    let asked = match error {
                        HubError::Status { wait: Some(seconds), .. } => Duration::from_secs(seconds),
                        _ => Duration::ZERO,
                    };
                    meter.wait(pause.max(asked).min(LONGEST_PAUSE))?;
                    pause *= 2;
                }
                other => return other,
            }
        }
        work(meter)
    }
}

impl<'a> Part<'a> {
    /// Opens what an earlier attempt has left, and adds up its bytes.
    fn open(file: &'a KnownFile, place: &Path, meter: &mut Meter) -> Result<Self, HubError> {
        let path = place.with_added_extension("part");
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let out = opened.map_err(HubError::file("write", &path))?;
        let mut part = Self { file, path, out, have: 0, sum: None, mixed: false };
        let length = part.out.metadata().map_err(HubError::file("read", &part.path))?.len();
        if length > file.size || file.checksum.is_none() {
            // Nothing would tell whether the rest belongs to it.
            part.empty()?;
            return Ok(part);
        }
        part.sum = file.checksum.as_ref().map(|checksum| checksum.begin(file.size));
        part.mixed = length > 0;
        let mut bytes = vec![0; 1 << 20];
        loop {
            meter.glance()?;
            let got = part.out.read(&mut bytes).map_err(HubError::file("read", &part.path))?;
            if got == 0 {
                break;
            }
            part.add(&bytes[..got]);
        }
        Ok(part)
    }

    /// Begins again.
    fn empty(&mut self) -> Result<(), HubError> {
        self.out.set_len(0).and_then(|()| self.out.rewind()).map_err(HubError::file("write", &self.path))?;
        (self.have, self.mixed) = (0, false);
        self.sum = self.file.checksum.as_ref().map(|checksum| checksum.begin(self.file.size));
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) {
        self.have += bytes.len() as u64;
        if let Some(sum) = &mut self.sum {
            sum.add(bytes);
        }
    }

    /// Writes an answer behind what is there.
    fn take(&mut self, answer: &Answer, meter: &mut Meter) -> Result<(), HubError> {
        let file = self.file;
        let changed = |found| HubError::Changed { file: file.path.clone(), expected: file.size, found };
        match (answer.head.status, answer.head.range) {
            (206, Some((_, whole))) if whole != file.size => return Err(changed(whole)),
            (206, Some((start, _))) if start == self.have => {}
            (200, _) => {
                // The server does not continue, or was asked for everything.
                if let Some(length) = answer.head.length.filter(|length| *length != file.size) {
                    return Err(changed(length));
                }
                meter.progress.done -= self.have;
                self.empty()?;
            }
            (status, _) => return Err(answer.unexpected(status)),
        }
        while let Some(piece) = answer.next(meter)? {
            let whole = self.have + piece.len() as u64;
            if whole > file.size {
                return Err(changed(whole));
            }
            self.out.write_all(&piece).map_err(HubError::file("write", &self.path))?;
            self.add(&piece);
            meter.progress.done += piece.len() as u64;
        }
        if self.have < file.size { Err(answer.cut()) } else { Ok(()) }
    }

    /// What is wrong with a complete file.
    fn fault(&mut self) -> Option<HubError> {
        let expected = self.file.checksum.as_ref()?.text();
        let found = self.sum.take()?.text();
        let (file, expected) = (self.file.path.clone(), expected.to_owned());
        (found != expected).then_some(HubError::Checksum { file, expected, found })
    }
}
