//! Can shipped code end the program or write to the terminal by accident?
//!
//! Clippy denies the same where it sees the code; this also covers targets and features nobody built.

use crate::tidy::source::Source;
use crate::tidy::{Finding, Tree};

const MEND: &str = "return a typed error instead";
const PRINT_MEND: &str = "return the text, or send it as an event";

/// Words that are never right outside tests.
const PANICS: &[&str] = &[".unwrap()", ".unwrap_err()", "panic!", "todo!", "unimplemented!"];
/// Words for the terminal programs only.
const PRINTS: &[&str] = &["println!", "print!", "eprintln!", "eprint!", "dbg!"];
/// Packages that talk with a person.
const MAY_PRINT: &[&str] = &["src-tauri/crates/cli/", "src-tauri/crates/xtask/"];
/// Code that is the registry's, not ours.
const NOT_OURS: &[&str] = &["src-tauri/crates/cubecl-llvm/"];

/// No `unwrap`, `expect` or `panic!` outside tests, and no printing outside the terminal programs.
pub(super) fn shipped_code_does_not_panic_or_print(tree: &Tree) -> Vec<Finding> {
    let sources: Vec<_> = tree
        .texts(&["rs"])
        .filter(|(path, _)| is_shipped(path))
        .map(|(path, text)| (path, Source::scan(text)))
        .collect();
    let test_only: Vec<String> = sources
        .iter()
        .flat_map(|(path, source)| source.test_modules.iter().map(|name| module(path, name)))
        .collect();
    let mut findings = Vec::new();
    for (path, source) in &sources {
        let own_module = path.trim_end_matches(".rs");
        if test_only.iter().any(|test| own_module == test || own_module.starts_with(&format!("{test}/"))) {
            continue;
        }
        for (line, word) in expects(source) {
            findings.push(Finding::new(path, line, format!("`{word}` in shipped code"), MEND));
        }
        for word in PANICS {
            findings.extend(hits(path, source, word, MEND));
        }
        if !MAY_PRINT.iter().any(|package| path.starts_with(package)) {
            for word in PRINTS {
                findings.extend(hits(path, source, word, PRINT_MEND));
            }
        }
    }
    findings
}

fn hits(path: &str, source: &Source, word: &str, mend: &str) -> Vec<Finding> {
    let finding = |(line, _)| Finding::new(path, line, format!("`{word}` in shipped code"), mend);
    source.places_of(word).into_iter().map(finding).collect()
}

/// `.expect(` with a message. A parser's own `expect(b':')` is another method and a good name.
fn expects(source: &Source) -> Vec<(usize, &'static str)> {
    let word = ".expect(";
    let with_message = |at: usize| {
        let argument = source.from(at + word.len()).trim_ascii_start();
        [&b"\""[..], b"r\"", b"r#", b"&format!", b"concat!"].iter().any(|start| argument.starts_with(start))
    };
    source
        .places_of(word)
        .into_iter()
        .filter(|(_, at)| with_message(*at))
        .map(|(line, _)| (line, word))
        .collect()
}

/// A source folder of ours that is not for tests.
fn is_shipped(path: &str) -> bool {
    let ours = path.starts_with("src-tauri/") && !NOT_OURS.iter().any(|package| path.starts_with(package));
    let for_tests = path.contains("/tests/") || path.ends_with("/tests.rs");
    ours && path.contains("/src/") && !for_tests
}

/// The path, without extension, of the module `name` that the file at `path` declares.
fn module(path: &str, name: &str) -> String {
    let stem = path.trim_end_matches(".rs");
    let (folder, file) = stem.rsplit_once('/').unwrap_or(("", stem));
    if matches!(file, "mod" | "lib" | "main") { format!("{folder}/{name}") } else { format!("{stem}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    const RULE: crate::tidy::rules::Rule = shipped_code_does_not_panic_or_print;

    #[test]
    fn only_shipped_code_is_searched() {
        let library = "src-tauri/crates/ops/src/rope.rs";
        let rows = [
            (library, "fn a() {\n    b.unwrap();\n}\n", Some(2)),
            (library, "fn a() { b.expect(\"there\"); }\n", Some(1)),
            (library, "fn a() { b.expect(\n    \"there\") }\n", Some(1)),
            (library, "fn a() { core::panic!(\"no\") }\n", Some(1)),
            (library, "fn a() { todo!() }\n", Some(1)),
            (library, "fn a() { dbg!(1); }\n", Some(1)),
            (library, "fn a() { println!(); }\n", Some(1)),
            ("src-tauri/src/lib.rs", "fn a() { b.unwrap(); }\n", Some(1)),
            ("src-tauri/crates/cli/src/main.rs", "fn a() { b.unwrap(); }\n", Some(1)),
            ("src-tauri/crates/cli/src/main.rs", "fn a() { println!(); }\n", None),
            (library, "// b.unwrap()\nfn a() { \"panic!\"; b.unwrap_or(1); self.expect(b':'); }\n", None),
            (library, "#[cfg(test)]\nmod tests { fn a() { b.unwrap(); } }\n", None),
            ("src-tauri/crates/ops/src/tests.rs", "fn a() { b.unwrap(); }\n", None),
            ("src-tauri/crates/ops/tests/a.rs", "fn a() { b.unwrap(); }\n", None),
            ("tests/parity/main.rs", "fn a() { b.unwrap(); }\n", None),
        ];
        for (path, text, line) in rows {
            let expected: Vec<_> = line.map(|line| format!("{path}:{line}")).into_iter().collect();
            assert_eq!(places(RULE, &[(path, text)]), expected, "{path}: {text}");
        }
    }

    #[test]
    fn a_module_declared_for_tests_is_a_test() {
        let bad = "fn a() { b.unwrap(); }\n";
        let tree = |declaration| {
            [("src-tauri/crates/ops/src/lib.rs", declaration), ("src-tauri/crates/ops/src/rows.rs", bad)]
        };
        assert!(places(RULE, &tree("#[cfg(test)]\nmod rows;\n")).is_empty());
        assert_eq!(places(RULE, &tree("mod rows;\n")), ["src-tauri/crates/ops/src/rows.rs:1"]);
    }
}
