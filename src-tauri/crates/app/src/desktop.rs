//! The system's keyring: is there one, and does it answer in time?
//!
//! Doors that run on a user's machine hand it to the studio; tests do not.

use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use eyewright_protocol::{ErrorBody, ErrorCode};

use crate::library::Keyring;
use crate::studio::{Reply, lock};

/// The name under which keys are known to the system.
const NAME: &str = "Eyewright";
/// Set by tests and by whoever wants keys in memory alone.
const SWITCHED_OFF: &str = "EYEWRIGHT_NO_KEYRING";
/// A bus may be there and say nothing; the program's start waits for it.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// A locked keyring asks its owner for a password first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The system's keyring: Secret Service, Keychain or Credential Manager.
///
/// # Errors
/// If there is none, it does not answer, or `EYEWRIGHT_NO_KEYRING` is set.
pub fn keyring() -> Reply<Box<dyn Keyring>> {
    if std::env::var_os(SWITCHED_OFF).is_some() {
        return Err(missing(&format!("`{SWITCHED_OFF}` is set")));
    }
    let open = || keyring::Entry::store_status().as_ref().map(drop).map_err(ToString::to_string);
    match within(OPENS_WITHIN, open) {
        Some(Ok(())) => Ok(Box::new(Patient::new(SystemKeyring, ANSWERS_WITHIN))),
        Some(Err(error)) => Err(missing(&error)),
        None => Err(missing("it does not answer")),
    }
}

fn missing(why: &str) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotHere, format!("no keyring can be used: {why}"))
}

struct SystemKeyring;

impl SystemKeyring {
    fn entry(name: &str) -> keyring::Result<keyring::Entry> {
        keyring::Entry::new(NAME, name)
    }
}

impl Keyring for SystemKeyring {
    fn get(&self, name: &str) -> Option<String> {
        Self::entry(name).and_then(|entry| entry.get_password()).ok()
    }

    fn set(&self, name: &str, key: &str) -> bool {
        Self::entry(name).and_then(|entry| entry.set_password(key)).is_ok()
    }

    fn forget(&self, name: &str) {
        let _ = Self::entry(name).and_then(|entry| entry.delete_credential());
    }
}

/// Waits for a keyring, but not for ever; while it owes an answer, nobody else waits for it.
struct Patient<K> {
    keyring: Arc<K>,
    limit: Duration,
    /// Alive while the question that took too long is.
    owed: Mutex<Weak<()>>,
}

impl<K: Keyring + 'static> Patient<K> {
    fn new(keyring: K, limit: Duration) -> Self {
        Self { keyring: Arc::new(keyring), limit, owed: Mutex::default() }
    }

    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&K) -> T + Send + 'static) -> Option<T> {
        if lock(&self.owed).strong_count() > 0 {
            return None;
        }
        let (keyring, asked) = (Arc::clone(&self.keyring), Arc::new(()));
        let asking = Arc::downgrade(&asked);
        let answer = within(self.limit, move || {
            let _asked = asked;
            question(&keyring)
        });
        if answer.is_none() {
            *lock(&self.owed) = asking;
        }
        answer
    }
}

impl<K: Keyring + 'static> Keyring for Patient<K> {
    fn get(&self, name: &str) -> Option<String> {
        let name = name.to_owned();
        self.ask(move |keyring| keyring.get(&name)).flatten()
    }

    fn set(&self, name: &str, key: &str) -> bool {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.ask(move |keyring| keyring.set(&name, &key)).unwrap_or(false)
    }

    fn forget(&self, name: &str) {
        let name = name.to_owned();
        self.ask(move |keyring| keyring.forget(&name));
    }
}

fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, wait) = mpsc::channel();
    let work = move || drop(done.send(work()));
    std::thread::Builder::new().name("keyring".into()).spawn(work).ok()?;
    wait.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Answers when told to.
    struct Locked(Mutex<mpsc::Receiver<()>>);

    impl Keyring for Locked {
        fn get(&self, name: &str) -> Option<String> {
            lock(&self.0).recv().ok().map(|()| format!("key of {name}"))
        }
        fn set(&self, _: &str, _: &str) -> bool {
            lock(&self.0).recv().is_ok()
        }
        fn forget(&self, _: &str) {}
    }

    #[test]
    fn a_locked_keyring_is_waited_for_once_and_used_again_when_it_opens() {
        let (open, opens) = mpsc::channel();
        let keyring = Patient::new(Locked(Mutex::new(opens)), Duration::from_millis(200));
        let began = Instant::now();
        assert!(!keyring.set("hub", "x")); // waits
        assert!(began.elapsed() >= Duration::from_millis(200));
        let waited = Instant::now();
        for _ in 0..8 {
            assert_eq!(keyring.get("hub"), None); // does not
        }
        assert!(waited.elapsed() < Duration::from_millis(200), "{:?}", waited.elapsed());

        open.send(()).unwrap(); // for the question that is owed
        while lock(&keyring.owed).strong_count() > 0 {
            assert!(began.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
        open.send(()).unwrap();
        assert_eq!(keyring.get("hub").as_deref(), Some("key of hub"));
    }
}
