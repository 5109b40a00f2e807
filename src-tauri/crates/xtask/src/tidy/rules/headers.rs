//! Does every source file begin by saying which question it answers?

use crate::tidy::{Finding, Tree};

/// Rust files begin with `//!`, interface files with a comment, Python scripts with a docstring.
pub(super) fn files_begin_with_a_header(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut require = |path: &str, good: bool, header: &str| {
        if !good {
            let mend = format!("begin with {header} that says which question the file answers");
            findings.push(Finding::new(path, 1, "no header", mend));
        }
    };
    for (path, text) in tree.texts(&["rs"]) {
        require(path, first_line(text).starts_with("//!"), "a `//!` comment");
    }
    for (path, text) in tree.texts(&["ts", "svelte"]) {
        if path.starts_with("ui/src/") {
            require(path, begins_with_comment(text), "a comment");
        }
    }
    for (path, text) in tree.texts(&["py"]) {
        // An empty `__init__.py` only marks a package.
        require(path, text.trim().is_empty() || begins_with_docstring(text), "a docstring");
    }
    findings
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// A component may open its script block before the comment.
fn begins_with_comment(text: &str) -> bool {
    let is_comment = |line: &str| ["//", "/*", "<!--"].iter().any(|mark| line.starts_with(mark));
    let first = first_line(text);
    let after_script =
        || text.trim_start().split_once('\n').is_some_and(|(_, rest)| is_comment(first_line(rest)));
    is_comment(first) || (first.starts_with("<script") && first.ends_with('>') && after_script())
}

fn begins_with_docstring(text: &str) -> bool {
    let statement = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    statement.is_some_and(|line| {
        let line = line.trim_start_matches(['r', 'R']);
        line.starts_with("\"\"\"") || line.starts_with("'''")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn each_language_has_its_header() {
        let rows = [
            ("a.rs", "\n//! What is this?\n", true),
            ("a.rs", "// What is this?\n", false),
            ("a.rs", "use a;\n//! Late.\n", false),
            ("a.rs", "", false),
            ("ui/src/a.ts", "// What is this?\n", true),
            ("ui/src/a.ts", "import a;\n// Late.\n", false),
            ("ui/src/A.svelte", "<!-- What is this? -->\n", true),
            ("ui/src/A.svelte", "<script lang=\"ts\">\n  // What is this?\n", true),
            ("ui/src/A.svelte", "<script lang=\"ts\">\n  let a;\n  // Late.\n", false),
            ("ui/vite.config.ts", "import a;\n", true),
            ("a.py", "#!/usr/bin/env python3\n# Versions.\n\"\"\"What is this?\"\"\"\n", true),
            ("a.py", "# What is this?\nimport os\n", false),
            ("__init__.py", "", true),
        ];
        for (path, text, good) in rows {
            let expected = if good { vec![] } else { vec![format!("{path}:1")] };
            assert_eq!(places(files_begin_with_a_header, &[(path, text)]), expected, "{path}: {text:?}");
        }
    }
}
