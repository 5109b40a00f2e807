//! Who prepares the batches that come next? Threads, a few batches ahead, in a fixed order.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use eyewright_data::dataset::Order;

use super::{FeedError, HostBatch, RowSource};

/// Says of a picture file whether its pixels are needed.
pub(super) type WantsPixels = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// Defines a [`Feed`].
pub struct FeedConfig {
    /// Where rows come from.
    pub source: Arc<RowSource>,
    /// In which order.
    pub order: Order,
    /// Rows of a batch.
    pub batch: usize,
    /// Threads; 0 prepares batches when they are asked for.
    pub workers: usize,
    /// The first batch that will be asked for, counted through all epochs.
    pub first: u64,
    /// Batches of the whole run.
    pub end: u64,
    /// Pictures whose features are known need no pixels.
    pub wants_pixels: Arc<dyn Fn(&Path) -> bool + Send + Sync>,
}

impl std::fmt::Debug for FeedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedConfig").field("workers", &self.workers).field("first", &self.first).finish()
    }
}

/// Batches of a run, one after the other.
pub struct Feed {
    schedule: Schedule,
    source: Arc<RowSource>,
    wants_pixels: WantsPixels,
    next: u64,
    end: u64,
    /// One queue per thread; batch `n` comes from thread `n % threads`.
    queues: VecDeque<Receiver<Result<HostBatch, FeedError>>>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("next", &self.next).field("end", &self.end).finish()
    }
}

/// Batches that a thread may be ahead.
const AHEAD: usize = 2;

/// Which rows a batch has.
struct Schedule {
    order: Arc<Order>,
    batch: usize,
    /// The epoch that was asked for last, and its rows.
    epoch: Option<(u64, Vec<u32>)>,
}

impl Schedule {
    fn rows(&mut self, number: u64) -> Vec<u32> {
        let per_epoch = self.order.batches().max(1) as u64;
        let (epoch, within) = (number / per_epoch, (number % per_epoch) as usize);
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            self.epoch = Some((epoch, self.order.epoch(epoch)));
        }
        let rows = self.epoch.as_ref().and_then(|(_, rows)| rows.chunks(self.batch.max(1)).nth(within));
        rows.map(<[u32]>::to_vec).unwrap_or_default()
    }
}

impl FeedConfig {
    /// Starts the threads.
    pub fn init(self) -> Feed {
        let Self { source, order, batch, workers, first, end, wants_pixels } = self;
        let order = Arc::new(order);
        let schedule = || Schedule { order: Arc::clone(&order), batch, epoch: None };
        let queues = (0..workers as u64).map(|worker| {
            let (send, receive) = sync_channel(AHEAD);
            let (source, wants_pixels) = (Arc::clone(&source), Arc::clone(&wants_pixels));
            let mut schedule = schedule();
            thread::spawn(move || {
                for number in (first..end).skip(worker as usize).step_by(workers) {
                    let batch = source.load(&schedule.rows(number), &*wants_pixels);
                    // The run has ended when nobody waits any more.
                    if send.send(batch).is_err() {
                        return;
                    }
                }
            });
            receive
        });
        let queues = queues.collect();
        Feed { schedule: schedule(), source, wants_pixels, next: first, end, queues }
    }
}

impl Feed {
    /// The next batch; `None` after the last one.
    ///
    /// # Errors
    /// A row or its file, see [`RowSource::load`].
    #[allow(clippy::should_implement_trait)] // read in one loop alone, which asks for more than an iterator gives
    pub fn next(&mut self) -> Option<Result<HostBatch, FeedError>> {
        if self.next >= self.end {
            return None;
        }
        let batch = match self.queues.pop_front() {
            None => self.source.load(&self.schedule.rows(self.next), &*self.wants_pixels),
            Some(queue) => {
                let batch = queue.recv().unwrap_or(Err(FeedError::ThreadGone));
                self.queues.push_back(queue);
                batch
            }
        };
        self.next += 1;
        Some(batch)
    }
}
