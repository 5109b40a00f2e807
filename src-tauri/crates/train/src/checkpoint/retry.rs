//! When is a refused rename worth another try?
//!
//! On Windows a virus scanner or a synchroniser may hold a new file open for a moment: error 5 (access denied) or 32
//! (sharing violation). On Unix the same numbers mean something else (5 is an input/output error) and are final.

use std::io;
use std::time::Duration;

/// Which errors of the operating system are tried again, and after which pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryPolicy {
    pub(super) codes: &'static [i32],
    pub(super) pauses: &'static [Duration],
}

const PAUSES: &[Duration] = &[
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(70),
    Duration::from_millis(100),
    Duration::from_secs(2),
];

impl RetryPolicy {
    pub(super) const fn of_this_system() -> Self {
        Self { codes: if cfg!(windows) { &[5, 32] } else { &[] }, pauses: PAUSES }
    }

    /// Runs `attempt` until it succeeds, fails for good, or the pauses are used up.
    pub(super) fn run<T>(
        self,
        mut pause: impl FnMut(Duration),
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        for &length in self.pauses {
            match attempt() {
                Err(error) if error.raw_os_error().is_some_and(|code| self.codes.contains(&code)) => {
                    pause(length)
                }
                result => return result,
            }
        }
        attempt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passing_refusals_are_tried_again() {
        let windows = RetryPolicy { codes: &[5, 32], pauses: PAUSES };
        // failures before success, their code, policy, attempts, succeeds
        let rows = [
            (0, 5, windows, 1, true),
            (3, 5, windows, 4, true),
            (6, 32, windows, 7, true),
            (7, 32, windows, 7, false),
            (1, 2, windows, 1, false),
            (1, 5, RetryPolicy { codes: &[], pauses: PAUSES }, 1, false),
        ];
        for (failures, code, policy, expected, succeeds) in rows {
            let (mut attempts, mut waited) = (0, Vec::new());
            let result = policy.run(
                |length| waited.push(length),
                || {
                    attempts += 1;
                    if attempts <= failures { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
                },
            );
            assert_eq!((attempts, result.is_ok()), (expected, succeeds), "{failures} x {code}");
            assert_eq!(waited, PAUSES[..expected.min(7) - 1], "{failures} x {code}");
        }
    }
}
