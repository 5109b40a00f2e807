//! Do all packages share one set of lints, one version, and one version of each dependency?

use std::collections::BTreeMap;

use crate::tidy::{Finding, Tree};

/// Packages that stand in for one of the registry: version and code follow theirs.
const STAND_INS: &[&str] = &["cubecl-llvm"];

/// Every package takes its version and its lints from the workspace.
pub(super) fn packages_inherit(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.manifests() {
        let Some(package) = &manifest.package else { continue };
        if STAND_INS.contains(&package.name.as_str()) {
            continue;
        }
        if !package.inherits_lints {
            let what = format!("package `{}` does not use the workspace's lints", package.name);
            findings.push(Finding::new(
                &manifest.path,
                package.line,
                what,
                "add `[lints]` with `workspace = true`",
            ));
        }
        if !package.inherits_version {
            let what = format!("package `{}` has a version of its own", package.name);
            findings.push(Finding::new(
                &manifest.path,
                package.line,
                what,
                "write `version.workspace = true`",
            ));
        }
    }
    findings
}

/// A version number stands in `[workspace.dependencies]` as soon as two packages need it, and only there.
pub(super) fn one_version_per_dependency(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.manifests();
    let shared: Vec<_> =
        manifests.iter().flat_map(|manifest| &manifest.shared).map(|row| &row.name).collect();
    let mut first_seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for manifest in &manifests {
        let stand_in =
            manifest.package.as_ref().is_some_and(|package| STAND_INS.contains(&package.name.as_str()));
        for row in manifest.dependencies.iter().filter(|row| !row.inherits && !stand_in) {
            if shared.contains(&&row.name) {
                let version = row.version.as_deref().unwrap_or("a path");
                let what = format!("`{}` is given {version} here although the workspace names it", row.name);
                let mend = format!("write `{}.workspace = true`", row.name);
                findings.push(Finding::new(&manifest.path, row.line, what, mend));
                continue;
            }
            let first = first_seen.entry(&row.name).or_insert(&manifest.path);
            if *first != manifest.path {
                let what = format!("`{}` has a version here and in {first}", row.name);
                findings.push(Finding::new(
                    &manifest.path,
                    row.line,
                    what,
                    "move it to `[workspace.dependencies]`",
                ));
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
    fn lints_and_version_are_inherited() {
        let rows = [
            ("name = \"a\"\nversion.workspace = true\n[lints]\nworkspace = true\n", 0),
            ("name = \"a\"\nversion.workspace = true\n", 1),
            ("name = \"a\"\nversion = \"1.0.0\"\n[lints]\nworkspace = true\n", 1),
            ("name = \"a\"\n", 2),
            ("name = \"cubecl-llvm\"\nversion = \"0.11.3\"\n", 0),
        ];
        for (text, expected) in rows {
            let text = format!("[package]\n{text}");
            assert_eq!(places(packages_inherit, &[("a/Cargo.toml", &text)]).len(), expected, "{text}");
        }
    }

    #[test]
    fn a_version_is_written_once() {
        let root = ("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n");
        let rows: [(&str, &str, &[&str]); 5] = [
            ("serde.workspace = true", "image = \"1\"", &[]),
            ("serde = \"1\"", "", &["a/Cargo.toml:4"]),
            ("serde = { version = \"1\", features = [] }", "", &["a/Cargo.toml:4"]),
            ("image = \"1\"", "image = \"2\"", &["b/Cargo.toml:4"]),
            ("image = \"1\"\n[dev-dependencies]\nimage = \"1\"", "", &[]),
        ];
        for (in_a, in_b, expected) in rows {
            let a = format!("[package]\nname = \"a\"\n[dependencies]\n{in_a}\n");
            let b = format!("[package]\nname = \"b\"\n[dependencies]\n{in_b}\n");
            let tree = [root, ("a/Cargo.toml", &a), ("b/Cargo.toml", &b)];
            assert_eq!(places(one_version_per_dependency, &tree), expected, "{in_a} | {in_b}");
        }
    }
}
