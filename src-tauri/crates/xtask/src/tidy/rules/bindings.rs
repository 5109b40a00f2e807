//! Does the user interface speak the protocol as it is now?

use eyewright_protocol::{BINDINGS_FILE, bindings};

use crate::tidy::{Finding, Tree};

/// The committed bindings are those the protocol makes.
pub(super) fn bindings_are_current(tree: &Tree) -> Vec<Finding> {
    let found = tree.files().iter().find(|file| file.path == BINDINGS_FILE);
    // A made-up tree of another rule's test has no interface and no protocol.
    let has_protocol = tree.files().iter().any(|file| file.path.starts_with("src-tauri/crates/protocol/"));
    let expected = bindings();
    let text = found.and_then(|file| file.text.as_deref()).unwrap_or_default();
    if !has_protocol || text == expected {
        return Vec::new();
    }
    let same = text.lines().zip(expected.lines()).take_while(|(one, other)| one == other).count();
    vec![Finding::new(BINDINGS_FILE, same + 1, "not what the protocol says", "run `cargo xtask codegen`")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn old_and_missing_bindings_are_found() {
        let (good, old) = (bindings(), bindings().replacen("export", "exprot", 1));
        let line = old.lines().position(|line| line.contains("exprot")).unwrap() + 1;
        let protocol = ("src-tauri/crates/protocol/src/lib.rs", "//! x");
        let find = |files: &[(&str, &str)]| places(bindings_are_current, files);
        assert!(find(&[protocol, (BINDINGS_FILE, &good)]).is_empty());
        assert_eq!(find(&[protocol, (BINDINGS_FILE, &old)]), [format!("{BINDINGS_FILE}:{line}")]);
        assert_eq!(find(&[protocol]), [format!("{BINDINGS_FILE}:1")]);
    }
}
