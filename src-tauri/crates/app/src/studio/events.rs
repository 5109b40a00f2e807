//! Who is told what happens? Every open interface, in the same order, with numbers that show a gap.

use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
};
use std::time::Duration;

use eyewright_protocol::{Envelope, Event};

use super::lock;

/// Events kept for a listener that is slow; later ones are lost for it, and the numbers tell.
const BACKLOG: usize = 8192;

/// The place all events go through.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    seq: u64,
    listeners: Vec<SyncSender<Arc<Envelope>>>,
}

/// What happens, for one listener.
#[derive(Debug)]
pub struct EventStream(Receiver<Arc<Envelope>>);

impl Events {
    pub(crate) fn listen(&self) -> EventStream {
        let (sender, receiver) = sync_channel(BACKLOG);
        lock(&self.0).listeners.push(sender);
        EventStream(receiver)
    }

    pub(crate) fn tell(&self, event: Event) {
        let mut state = lock(&self.0);
        state.seq += 1;
        let envelope = Arc::new(Envelope { seq: state.seq, event });
        state.listeners.retain(|listener| {
            !matches!(listener.try_send(Arc::clone(&envelope)), Err(TrySendError::Disconnected(_)))
        });
    }
}

impl EventStream {
    /// The next event; `None` when none came in time.
    ///
    /// # Errors
    /// When there will be no more.
    pub fn next(&self, wait: Duration) -> Result<Option<Arc<Envelope>>, Closed> {
        match self.0.recv_timeout(wait) {
            Ok(envelope) => Ok(Some(envelope)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Closed),
        }
    }
}

/// The studio is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there will be no more events")]
pub struct Closed;

#[cfg(test)]
mod tests {
    use super::*;
    use eyewright_protocol::ListName;

    #[test]
    fn every_listener_hears_everything_from_its_beginning() {
        let events = Events::default();
        let first = events.listen();
        events.tell(Event::Changed { list: ListName::Chats });
        let second = events.listen();
        events.tell(Event::Changed { list: ListName::Runs });
        let wait = Duration::ZERO;
        let seqs = |stream: &EventStream| {
            std::iter::from_fn(|| stream.next(wait).unwrap().map(|e| e.seq)).collect::<Vec<_>>()
        };
        assert_eq!((seqs(&first), seqs(&second)), (vec![1, 2], vec![2]));
        drop(events);
        assert_eq!(first.next(wait), Err(Closed));
    }

    #[test]
    fn a_listener_that_sleeps_sees_a_gap_and_holds_nobody_up() {
        let events = Events::default();
        let sleeper = events.listen();
        for _ in 0..BACKLOG + 10 {
            events.tell(Event::Changed { list: ListName::Chats });
        }
        while sleeper.next(Duration::ZERO).unwrap().is_some_and(|e| e.seq < BACKLOG as u64) {}
        events.tell(Event::Changed { list: ListName::Chats });
        assert_eq!(sleeper.next(Duration::ZERO).unwrap().unwrap().seq, BACKLOG as u64 + 11);
    }
}
