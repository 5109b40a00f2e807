//! Does every reference number say where it came from?

use std::collections::BTreeSet;

use crate::tidy::{Finding, Tree};

const FOLDER: &str = "tests/golden/";
const PROVENANCE: &str = "tests/golden/PROVENANCE.md";

/// Each folder under `tests/golden` is named in `PROVENANCE.md`.
pub(super) fn goldens_have_a_provenance(tree: &Tree) -> Vec<Finding> {
    let text = tree.text(PROVENANCE).unwrap_or_default();
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-');
    let named: BTreeSet<&str> = text.split(|char| !is_part(char)).collect();
    let folders: BTreeSet<&str> = tree
        .files()
        .iter()
        .filter_map(|file| file.path.strip_prefix(FOLDER)?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    folders
        .into_iter()
        .filter(|folder| !named.contains(folder))
        .map(|folder| {
            let what = format!("`{FOLDER}{folder}` is not mentioned");
            Finding::new(PROVENANCE, 1, what, "say which script, library versions and seed wrote it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn each_folder_is_named_whole() {
        let golden = ("tests/golden/clip/tiny.json", "{}");
        let rows = [
            (vec![golden, (PROVENANCE, "| `clip/` | tests/reference/clip.py |")], 0),
            (vec![golden, (PROVENANCE, "| `clip-large/` | … |")], 1),
            (vec![golden], 1),
            (vec![(PROVENANCE, "")], 0),
        ];
        for (tree, expected) in rows {
            assert_eq!(places(goldens_have_a_provenance, &tree).len(), expected, "{tree:?}");
        }
    }
}
