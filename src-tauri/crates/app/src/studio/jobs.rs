//! Which work is going on, how far is it, and how is it asked to stop?

use std::collections::BTreeMap;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use std::thread;
use std::time::{Duration, Instant};

use eyewright_infer::CancelToken;
use eyewright_protocol::{
    ErrorBody, ErrorCode, Event, JobId, JobInfo, JobKind, JobOutcome, JobRef, JobState,
};

use super::{Events, Inner, Reply, dispatch::panic_text, lock, now};

/// Jobs that are remembered after their end.
const REMEMBERED: usize = 200;
/// A job tells about its progress at most this often.
const PACE: Duration = Duration::from_millis(100);

/// All jobs of this session.
#[derive(Clone)]
pub(crate) struct Jobs {
    events: Events,
    next: Arc<AtomicU32>,
    table: Arc<Mutex<BTreeMap<JobId, Entry>>>,
}

struct Entry {
    info: JobInfo,
    cancel: CancelToken,
    told: Option<Instant>,
    /// Told when the job is asked to stop; wakes whoever waits for another process.
    on_cancel: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// A job's own view of itself.
#[derive(Clone)]
pub(crate) struct JobHandle {
    jobs: Jobs,
    pub(crate) id: JobId,
    pub(crate) cancel: CancelToken,
}

impl Jobs {
    pub(crate) fn new(events: Events) -> Self {
        Self { events, next: Arc::default(), table: Arc::default() }
    }

    /// A new job that waits.
    pub(crate) fn add(&self, kind: JobKind, title: impl Into<String>, subject: Option<String>) -> JobHandle {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let info = JobInfo {
            id,
            kind,
            title: title.into(),
            state: JobState::Waiting,
            done: 0,
            total: 0,
            unit: String::new(),
            started: now(),
            outcome: None,
            error: None,
            subject,
        };
        let cancel = CancelToken::default();
        let entry = Entry { info: info.clone(), cancel: cancel.clone(), told: None, on_cancel: None };
        let mut table = lock(&self.table);
        table.insert(id, entry);
        if table.len() > REMEMBERED {
            let over = |entry: &Entry| !matches!(entry.info.state, JobState::Waiting | JobState::Running);
            let oldest = table.iter().find(|(_, entry)| over(entry)).map(|(id, _)| *id);
            oldest.and_then(|id| table.remove(&id));
        }
        drop(table);
        self.events.tell(Event::Job { job: info });
        JobHandle { jobs: self.clone(), id, cancel }
    }

    /// A job with a thread of its own. A panic in it is that job's failure alone.
    pub(crate) fn spawn(
        &self,
        kind: JobKind,
        title: impl Into<String>,
        subject: Option<String>,
        work: impl FnOnce(&JobHandle) -> Reply<JobOutcome> + Send + 'static,
    ) -> JobInfo {
        let handle = self.add(kind, title, subject);
        let id = handle.id;
        let inside = handle.clone();
        let started = thread::Builder::new().name(format!("job-{id}")).spawn(move || {
            inside.start();
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&inside)));
            inside.end(worked.unwrap_or_else(|panic| {
                Err(ErrorBody::new(ErrorCode::Internal, panic_text(panic.as_ref())))
            }));
        });
        if let Err(error) = started {
            handle
                .end(Err(ErrorBody::new(ErrorCode::Internal, format!("no thread can be started: {error}"))));
        }
        handle.info()
    }

    fn change(&self, id: JobId, always: bool, change: impl FnOnce(&mut JobInfo)) {
        let mut table = lock(&self.table);
        let Some(entry) = table.get_mut(&id) else { return };
        change(&mut entry.info);
        if !always && entry.told.is_some_and(|told| told.elapsed() < PACE) {
            return;
        }
        entry.told = Some(Instant::now());
        let job = entry.info.clone();
        drop(table);
        self.events.tell(Event::Job { job });
    }

    pub(crate) fn info(&self, id: JobId) -> Option<JobInfo> {
        lock(&self.table).get(&id).map(|entry| entry.info.clone())
    }

    /// Whether work of a kind is going on.
    pub(crate) fn busy(&self, kind: JobKind) -> bool {
        let at_work = |state| matches!(state, JobState::Waiting | JobState::Running);
        lock(&self.table).values().any(|entry| entry.info.kind == kind && at_work(entry.info.state))
    }

    fn all(&self) -> Vec<JobInfo> {
        lock(&self.table).values().rev().map(|entry| entry.info.clone()).collect()
    }
}

impl JobHandle {
    pub(crate) fn start(&self) {
        self.jobs.change(self.id, true, |info| info.state = JobState::Running);
    }

    /// How far it is; told at most ten times a second.
    pub(crate) fn progress(&self, done: u64, total: u64, unit: &str) {
        self.jobs.change(self.id, false, |info| {
            (info.done, info.total) = (done, total);
            unit.clone_into(&mut info.unit);
        });
    }

    /// Ends the job, once.
    pub(crate) fn end(&self, result: Reply<JobOutcome>) {
        self.jobs.change(self.id, true, |info| {
            if !matches!(info.state, JobState::Waiting | JobState::Running) {
                return;
            }
            match result {
                Ok(outcome) => {
                    (info.state, info.outcome) = (JobState::Finished, Some(outcome));
                }
                Err(error) if error.code == ErrorCode::Cancelled => info.state = JobState::Cancelled,
                Err(error) => (info.state, info.error) = (JobState::Failed, Some(error)),
            }
        });
    }

    pub(crate) fn info(&self) -> JobInfo {
        self.jobs.info(self.id).unwrap_or_else(|| JobInfo {
            id: self.id,
            kind: JobKind::Load,
            title: String::new(),
            state: JobState::Cancelled,
            done: 0,
            total: 0,
            unit: String::new(),
            started: 0,
            outcome: None,
            error: None,
            subject: None,
        })
    }

    /// Called when the job is asked to stop.
    pub(crate) fn on_cancel(&self, act: impl Fn() + Send + Sync + 'static) {
        if let Some(entry) = lock(&self.jobs.table).get_mut(&self.id) {
            entry.on_cancel = Some(Arc::new(act));
        }
    }
}

impl Inner {
    pub(crate) fn list_jobs(&self, _: eyewright_protocol::Nothing) -> Reply<Vec<JobInfo>> {
        Ok(self.jobs.all())
    }

    pub(crate) fn get_job(&self, request: JobRef) -> Reply<JobInfo> {
        self.jobs.info(request.job).ok_or_else(|| no_job(request.job))
    }

    pub(crate) fn cancel_job(&self, request: JobRef) -> Reply<JobInfo> {
        let told = {
            let table = lock(&self.jobs.table);
            let entry = table.get(&request.job).ok_or_else(|| no_job(request.job))?;
            entry.cancel.cancel();
            entry.on_cancel.clone()
        };
        // Without the table: this writes to another process, which may be slow to read, and no job may wait for that.
        if let Some(tell) = told {
            tell();
        }
        self.get_job(request)
    }
}

fn no_job(job: JobId) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotFound, format!("there is no job {job} in this session"))
}
