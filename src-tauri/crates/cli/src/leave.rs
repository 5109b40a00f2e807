//! Is a signal a second wish to stop, and how does the program leave while others still compute?

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::Context;

/// Exit code of a program that was interrupted.
pub(crate) const INTERRUPTED: i32 = 130;

/// Nobody presses Ctrl-C twice in so short a time; `timeout` and process groups deliver one wish twice.
const SAME_WISH: Duration = Duration::from_millis(500);

/// When somebody first asked to stop.
#[derive(Debug, Default)]
struct FirstWish(OnceLock<Instant>);

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Stop,
    /// The same wish, delivered again.
    Echo,
    LeaveAtOnce,
}

impl FirstWish {
    /// What a signal that arrives now means.
    fn signal(&self) -> Wish {
        self.signal_at(Instant::now())
    }

    fn signal_at(&self, now: Instant) -> Wish {
        let mut first = false;
        let since = *self.0.get_or_init(|| {
            first = true;
            now
        });
        match (first, now.duration_since(since) < SAME_WISH) {
            (true, _) => Wish::Stop,
            (false, true) => Wish::Echo,
            (false, false) => Wish::LeaveAtOnce,
        }
    }
}

/// Calls `stop` at the first Ctrl-C; a second wish leaves at once.
pub(crate) fn on_ctrl_c(stop: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let wish = FirstWish::default();
    ctrlc::set_handler(move || match wish.signal() {
        Wish::Stop => stop(),
        Wish::Echo => {}
        Wish::LeaveAtOnce => at_once(),
    })
    .context("Ctrl-C cannot be watched")
}

/// Ends the process without the clean-up of libraries, which would pull the graphics card from under threads that
/// still use it.
pub(crate) fn at_once() -> ! {
    signal_hook::low_level::exit(INTERRUPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_that_comes_twice_at_once_is_one_wish() {
        let (wish, start) = (FirstWish::default(), Instant::now());
        let after = |ms| wish.signal_at(start + Duration::from_millis(ms));
        assert_eq!([after(0), after(1), after(499)], [Wish::Stop, Wish::Echo, Wish::Echo]);
        assert_eq!([after(500), after(90_000)], [Wish::LeaveAtOnce, Wish::LeaveAtOnce]);
    }
}
