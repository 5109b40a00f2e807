//! Which files and functions have grown long enough to deserve a look? A sense of proportion, not a gate.

use crate::tidy::source::Source;
use crate::tidy::{Finding, Tree};

/// Lines of a file, tests apart.
const FILE_LINES: usize = 400;
/// Lines of a function from its name to its closing brace.
const FUNCTION_LINES: usize = 80;

/// Source files of more than 400 lines.
pub(super) fn long_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(&["rs", "ts", "svelte", "py"]) {
        let lines =
            if path.ends_with(".rs") { Source::scan(text).shipped_lines() } else { text.lines().count() };
        if lines > FILE_LINES {
            let what = format!("{lines} lines outside inline tests");
            findings.push(Finding::new(path, 1, what, "see whether the file answers two questions"));
        }
    }
    findings
}

/// Rust functions of more than 80 lines, tests apart.
pub(super) fn long_functions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts(&["rs"]) {
        for function in Source::scan(text).functions() {
            if function.lines > FUNCTION_LINES {
                let what = format!("function `{}` has {} lines", function.name, function.lines);
                findings.push(Finding::new(path, function.line, what, "see whether a step in it has a name"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn tests_do_not_make_a_file_long() {
        let lines = |count: usize| "// a\n".repeat(count);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(300));
        let rows = [
            ("a.rs", lines(400), false),
            ("a.rs", lines(401), true),
            ("a.rs", format!("{}{tests}", lines(300)), false),
            ("a.ts", lines(401), true),
            ("a.json", lines(401), false),
        ];
        for (path, text, found) in rows {
            assert_eq!(places(long_files, &[(path, &text)]).len(), usize::from(found), "{path}");
        }
    }

    #[test]
    fn a_function_is_measured_to_its_brace() {
        for (inner, found) in [(78, false), (79, true)] {
            let text = format!("//! a\nfn a() {{\n{}}}\n", "    b();\n".repeat(inner));
            let expected: &[&str] = if found { &["a.rs:2"] } else { &[] };
            assert_eq!(places(long_functions, &[("a.rs", &text)]), expected, "{inner}");
        }
    }
}
