//! What must hold before a change is merged?
//!
//! Every check runs even after one has failed, so that one run names all that is wrong.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::test::{self, Tally};
use crate::{packages, step, tidy, ui};

/// A check that is one cargo command. Cheap ones first.
struct Check {
    name: &'static str,
    args: &'static [&'static str],
    env: Option<(&'static str, &'static str)>,
}

const EVERY_BACK_END: &str = "eyewright-cli/cuda,eyewright-cli/wgpu";

/// Lints and documentation see every back end, so that both take the same checked dependencies; the tests compile the
/// build without.
const BEFORE_TESTS: &[Check] = &[
    Check { name: "format", args: &["fmt", "--all", "--check"], env: None },
    Check {
        name: "lints",
        args: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            EVERY_BACK_END,
            "--",
            "-D",
            "warnings",
        ],
        env: None,
    },
    Check {
        name: "documentation",
        args: &["doc", "--workspace", "--no-deps", "--features", EVERY_BACK_END],
        env: Some(("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links -D rustdoc::private_intra_doc_links")),
    },
];

/// How a check went.
#[derive(Debug)]
struct Verdict {
    name: &'static str,
    passed: bool,
    seconds: u64,
}

/// `cargo xtask ci`: all checks, then the suites of `cargo xtask test`, whose sum is the last line.
pub(crate) fn ci(root: &Path) -> Result<ExitCode> {
    packages::ensure()?;
    let mut verdicts = vec![timed("tidy", || Ok(tidy::tidy(root)? == ExitCode::SUCCESS))];
    for check in BEFORE_TESTS {
        let mut command = step::cargo(root, check.args);
        command.envs(check.env);
        verdicts.push(timed(check.name, || step::succeeds(&mut command)));
    }
    if ui::is_there(root) {
        verdicts.push(timed("interface", || ui::checks(root)));
    }
    let mut tally = Tally::default();
    verdicts.push(timed("tests", || {
        tally = test::suites(root, None)?;
        Ok(tally.is_success())
    }));
    Ok(report(&verdicts, tally))
}

/// A check that cannot even start has failed; the others still run.
fn timed(name: &'static str, check: impl FnOnce() -> Result<bool>) -> Verdict {
    let began = Instant::now();
    let passed = check().unwrap_or_else(|error| {
        println!("{name}: {error:#}");
        false
    });
    Verdict { name, passed, seconds: began.elapsed().as_secs() }
}

fn report(verdicts: &[Verdict], tally: Tally) -> ExitCode {
    println!();
    for Verdict { name, passed, seconds } in verdicts {
        println!("{} {name}, {seconds} s", if *passed { "ok    " } else { "FAILED" });
    }
    tally.print();
    if verdicts.iter().all(|verdict| verdict.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_fails_the_run() {
        let rows = [([true, true], ExitCode::SUCCESS), ([false, true], ExitCode::FAILURE)];
        for (passed, expected) in rows {
            let verdicts = passed.map(|passed| timed("a check", || Ok(passed)));
            assert_eq!(report(&verdicts, Tally { passed: 4, failed: 0 }), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn a_check_that_cannot_start_has_failed() {
        assert!(!timed("a check", || anyhow::bail!("no such program")).passed);
    }

    #[test]
    fn warnings_and_broken_links_are_denied() {
        for check in BEFORE_TESTS {
            let strict = match check.args[0] {
                "clippy" => check.args.ends_with(&["-D", "warnings"]),
                "doc" => check.env.is_some_and(|(_, flags)| flags.contains("broken_intra_doc_links")),
                _ => check.args.contains(&"--check"),
            };
            assert!(strict, "{}", check.name);
        }
    }
}
