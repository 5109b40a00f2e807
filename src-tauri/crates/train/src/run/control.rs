//! How is a run asked for something while it works?

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

/// What a run is asked to do next about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Go on.
    None,
    /// Finish the step, save, and stop.
    Stop,
    /// Stop after the step without saving; the last checkpoint stays.
    StopNow,
}

/// A handle on a run; clones ask the same run. The run looks at it once a step.
#[derive(Clone, Debug, Default)]
pub struct RunControl(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    stop: AtomicU8,
    sample: AtomicBool,
    save: AtomicBool,
}

impl RunControl {
    /// Asks to save and stop.
    pub fn stop(&self) {
        self.0.stop.fetch_max(1, Ordering::Relaxed);
    }

    /// Asks to stop without saving. What the last checkpoint holds is not lost.
    pub fn stop_now(&self) {
        self.0.stop.fetch_max(2, Ordering::Relaxed);
    }

    /// Asks for test answers after this step.
    pub fn sample_now(&self) {
        self.0.sample.store(true, Ordering::Relaxed);
    }

    /// Asks for a checkpoint after this step.
    pub fn save_now(&self) {
        self.0.save.store(true, Ordering::Relaxed);
    }

    /// What it was asked about its end.
    pub fn request(&self) -> Request {
        match self.0.stop.load(Ordering::Relaxed) {
            0 => Request::None,
            1 => Request::Stop,
            _ => Request::StopNow,
        }
    }

    /// Whether it should end in any way.
    pub fn is_stopping(&self) -> bool {
        self.request() != Request::None
    }

    /// Whether test answers were asked for; asking is over then.
    pub fn take_sample(&self) -> bool {
        self.0.sample.swap(false, Ordering::Relaxed)
    }

    /// Whether a checkpoint was asked for; asking is over then.
    pub fn take_save(&self) -> bool {
        self.0.save.swap(false, Ordering::Relaxed)
    }
}
