//! Is the checkout still small enough to clone in a moment?

use crate::tidy::{Finding, Tree};

/// The largest file that may be tracked, in bytes.
const LIMIT: u64 = 4 << 20;
/// The bundled model, the one thing that is larger on purpose.
const DEMO_MODEL: &str = "models/demo/";

/// No tracked file is larger than 4 MiB, the bundled model apart.
pub(super) fn files_are_small(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .iter()
        .filter(|file| file.size > LIMIT && !file.path.starts_with(DEMO_MODEL))
        .map(|file| {
            let what = format!("{} bytes, the limit is {LIMIT}", file.size);
            Finding::new(&file.path, 1, what, "make it smaller, or write it with a script when it is needed")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn only_the_demo_model_is_large() {
        let limit = "x".repeat(4 << 20);
        let over = format!("{limit}x");
        let rows = [
            ("tests/golden/a.json", &limit, false),
            ("tests/golden/a.json", &over, true),
            ("models/demo/a.json", &over, false),
            ("models/demonstration/a.json", &over, true),
        ];
        for (path, text, found) in rows {
            assert_eq!(!places(files_are_small, &[(path, text)]).is_empty(), found, "{path} {}", text.len());
        }
    }
}
