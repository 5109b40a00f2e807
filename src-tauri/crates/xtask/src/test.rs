//! How do the test suites run, and how many tests passed and failed?

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;

use anyhow::Result;

use crate::{packages, step, ui};

/// Tests counted over several suites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// No test failed, and there was one to pass.
    pub(crate) fn is_success(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// The closing line of `test` and `ci`.
    pub(crate) fn print(self) {
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}

/// `cargo xtask test`: packages, suites, and the sum as the last line.
pub(crate) fn test(root: &Path, filter: Option<&str>) -> Result<ExitCode> {
    packages::ensure()?;
    let tally = suites(root, filter)?;
    println!();
    if tally == Tally::default() {
        println!(
            "no test was run{}",
            filter.map(|filter| format!(": none is named like `{filter}`")).unwrap_or_default()
        );
    }
    tally.print();
    Ok(if tally.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs unit and integration tests, then the examples in the documentation. Nothing stops at a first failure.
pub(crate) fn suites(root: &Path, filter: Option<&str>) -> Result<Tally> {
    let mut tally = Tally::default();
    // tests/window shows it.
    if ui::is_there(root) && (filter.is_none() || !ui::is_built(root)) {
        let built = ui::build(root).unwrap_or_else(|error| {
            println!("the interface cannot be built: {error:#}");
            false
        });
        tally.failed += u64::from(!built);
    }
    for mut args in commands(has_nextest(root)) {
        args.extend(filter);
        tally.add(suite(&mut step::cargo(root, &args))?);
    }
    // A filter names Rust tests; the interface has its own words.
    if filter.is_none() && ui::is_there(root) {
        tally.add(ui::suites(root).unwrap_or_else(|error| {
            println!("the interface cannot be tested: {error:#}");
            Tally { passed: 0, failed: 1 }
        }));
    }
    Ok(tally)
}

/// The command lines of the suites. Both runners build with the same profile.
fn commands(nextest: bool) -> [Vec<&'static str>; 2] {
    let tests = if nextest {
        vec!["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"]
    } else {
        vec!["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]
    };
    // nextest cannot run documentation examples.
    [tests, vec!["test", "--workspace", "--doc", "--no-fail-fast"]]
}

fn suite(command: &mut Command) -> Result<Tally> {
    let tally = Mutex::new(Tally::default());
    let succeeded = step::succeeds_observed(command, |line| {
        if let (Some(found), Ok(mut tally)) = (closing_line(line), tally.lock()) {
            tally.add(found);
        }
    })?;
    let tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(judged(tally, succeeded))
}

/// A suite that did not even build, or crashed, names no failed test and must not pass for it.
fn judged(mut tally: Tally, succeeded: bool) -> Tally {
    if !succeeded && tally.failed == 0 {
        println!("this suite ended without naming a failed test; it counts as one failure");
        tally.failed = 1;
    }
    tally
}

/// Reads `test result: ok. 3 passed; 1 failed; …` of cargo and
/// `Summary [ 0.1s] 4 tests run: 3 passed (1 slow), 1 failed, …` of nextest.
fn closing_line(line: &str) -> Option<Tally> {
    let line = line.trim_start();
    let counts = match line.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None => line.strip_prefix("Summary [")?.split_once("run: ")?.1,
    };
    let mut tally = Tally::default();
    for part in counts.split([';', ',']) {
        let mut words = part.split_whitespace();
        let Some(Ok(count)) = words.next().map(str::parse::<u64>) else { continue };
        match words.collect::<Vec<_>>().as_slice() {
            ["passed", ..] => tally.passed += count,
            // nextest counts tests that never came back beside those that failed.
            ["failed", ..] | ["timed", "out", ..] | ["exec", "failed", ..] => tally.failed += count,
            _ => {}
        }
    }
    Some(tally)
}

fn has_nextest(root: &Path) -> bool {
    let mut command = step::cargo(root, &["nextest", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners() {
        let rows = [
            (
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s",
                Some((3, 0)),
            ),
            (
                "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
                Some((12, 2)),
            ),
            ("     Summary [   0.012s] 3 tests run: 3 passed, 0 skipped", Some((3, 0))),
            (
                "     Summary [  61.0s] 6/7 tests run: 3 passed (1 slow), 1 failed, 2 timed out, 4 skipped",
                Some((3, 3)),
            ),
            ("test parity::closing ... ok", None),
            ("running 3 tests", None),
        ];
        for (line, expected) in rows {
            let found = closing_line(line).map(|tally| (tally.passed, tally.failed));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn a_suite_that_breaks_counts_as_a_failure() {
        let rows = [
            ((2, 0), true, (2, 0)),
            ((1, 1), false, (1, 1)),
            ((0, 0), false, (0, 1)),
            ((5, 0), false, (5, 1)),
        ];
        for ((passed, failed), succeeded, expected) in rows {
            let tally = judged(Tally { passed, failed }, succeeded);
            assert_eq!((tally.passed, tally.failed), expected, "{passed} {failed} {succeeded}");
        }
    }

    #[test]
    fn both_runners_go_through_every_suite() {
        for nextest in [true, false] {
            let [tests, examples] = commands(nextest);
            for args in [&tests, &examples] {
                assert!(args.contains(&"--workspace") && args.contains(&"--no-fail-fast"), "{args:?}");
            }
            assert!(examples.contains(&"--doc") && !tests.contains(&"--doc"));
        }
    }
}
