//! Do names of files, folders and modules say what is inside?

use crate::tidy::source::Source;
use crate::tidy::{Finding, Tree};

/// Words that fit any content and so tell nothing.
const EMPTY_WORDS: &[&str] =
    &["manager", "service", "helper", "util", "utils", "common", "misc", "base", "handler"];

/// Folders whose names come from elsewhere.
const FOREIGN: &[&str] = &["models/", "tests/fixtures/", "tests/golden/", "ui/src/bindings/"];

/// No file, folder or module is called `utils` or the like.
pub(super) fn names_say_what_is_inside(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        if FOREIGN.iter().any(|folder| file.path.starts_with(folder)) {
            continue;
        }
        if let Some(word) = file.path.split('/').find_map(empty_word) {
            findings.push(finding(&file.path, 1, &word));
        }
    }
    for (path, text) in tree.texts(&["rs"]) {
        let source = Source::scan(text);
        for (line, at) in source.places_of("mod ") {
            let after = source.from(at + "mod ".len());
            let end = after.iter().position(|byte| matches!(byte, b'{' | b';')).unwrap_or(0);
            if after.get(end) == Some(&b'{') {
                let name = String::from_utf8_lossy(&after[..end]);
                findings.extend(empty_word(name.trim()).map(|word| finding(path, line, &word)));
            }
        }
    }
    findings
}

fn finding(path: &str, line: usize, word: &str) -> Finding {
    Finding::new(
        path,
        line,
        format!("the name says `{word}`"),
        "use the word of the field for what is inside",
    )
}

/// The empty word in a name, which may be spelt `snake_case`, `kebab-case`, `camelCase` or in the plural.
fn empty_word(name: &str) -> Option<String> {
    let mut words = vec![String::new()];
    let mut after_lowercase = false;
    for char in name.chars() {
        let separates = !char.is_alphanumeric();
        if separates || (char.is_uppercase() && after_lowercase) {
            words.push(String::new());
        }
        if !separates {
            words.last_mut()?.extend(char.to_lowercase());
        }
        after_lowercase = char.is_lowercase();
    }
    let is_empty = |word: &String| {
        let singular = word.strip_suffix('s').unwrap_or(word);
        EMPTY_WORDS.contains(&word.as_str()) || EMPTY_WORDS.contains(&singular)
    };
    words.into_iter().find(is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn names_are_read_word_by_word() {
        let rows = [
            ("a/rope.rs", "", None),
            ("a/baseline.rs", "", None),
            ("a/database.ts", "", None),
            ("tests/golden/clip-base/x.json", "", None),
            ("a/utils.rs", "", Some(1)),
            ("a/helpers/x.ts", "", Some(1)),
            ("a/event-handler.ts", "", Some(1)),
            ("a/RunManager.svelte", "", Some(1)),
            ("a/x.rs", "//! x\n// mod util {}\nmod rows {}\nuse a::common;\n", None),
            ("a/x.rs", "//! x\npub mod util {\n}\n", Some(2)),
        ];
        for (path, text, line) in rows {
            let expected: Vec<_> = line.map(|line| format!("{path}:{line}")).into_iter().collect();
            assert_eq!(places(names_say_what_is_inside, &[(path, text)]), expected, "{path}");
        }
    }
}
