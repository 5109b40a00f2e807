//! How far is the download, and shall it stop? Asked at every piece and ten times a second while nothing comes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::HubError;

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are on the disk.
    pub done: u64,
    /// Bytes in all; 0 while unknown.
    pub total: u64,
    /// The file that is being fetched.
    pub file: String,
}

/// How often somebody who wants to stop is listened to.
pub(crate) const GLANCE: Duration = Duration::from_millis(100);

/// Tells the progress, and hears whether to stop.
pub(crate) struct Meter<'a> {
    pub(crate) progress: Progress,
    told: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(told: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>) -> Self {
        Self { progress: Progress { done: 0, total: 0, file: String::new() }, told }
    }

    /// # Errors
    /// If the download shall stop.
    pub(crate) fn glance(&mut self) -> Result<(), HubError> {
        match (self.told)(&self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(HubError::Cancelled),
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) -> Result<(), HubError> {
        let end = Instant::now() + time;
        loop {
            self.glance()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}
