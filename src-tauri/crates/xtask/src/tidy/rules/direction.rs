//! Who may depend on whom? The table of the architecture, checked against the manifests.

use crate::tidy::manifest::Dependency;
use crate::tidy::{Finding, Tree};

/// Which of our packages a package may name. Crates that do not exist yet have their row already.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("cubecl-llvm", &[]),
    ("eyewright-protocol", &[]),
    ("eyewright-ops", &[]),
    ("eyewright-hub", &[]),
    ("eyewright-model", &["eyewright-ops"]),
    ("eyewright-data", &["eyewright-ops"]),
    ("eyewright-infer", BELOW_WORK),
    ("eyewright-train", BELOW_WORK),
    ("eyewright-interop", BELOW_WORK),
    (
        "eyewright-app",
        &[
            "eyewright-protocol",
            "eyewright-train",
            "eyewright-infer",
            "eyewright-interop",
            "eyewright-model",
            "eyewright-data",
            "eyewright-hub",
            "eyewright-ops",
        ],
    ),
    // The doors know the use cases and the words of the protocol; what they cannot do belongs in `app`.
    ("eyewright-server", &["eyewright-app", "eyewright-protocol"]),
    ("eyewright-cli", &["eyewright-app", "eyewright-protocol", "eyewright-server"]),
    ("eyewright-desktop", &["eyewright-app", "eyewright-protocol", "eyewright-server"]),
    (
        "eyewright-tests",
        &[
            "eyewright-protocol",
            "eyewright-server",
            "eyewright-app",
            "eyewright-train",
            "eyewright-infer",
            "eyewright-interop",
            "eyewright-model",
            "eyewright-data",
            "eyewright-ops",
        ],
    ),
    ("xtask", &["eyewright-protocol"]),
];

/// What training, inference and interchange stand on.
const BELOW_WORK: &[&str] = &["eyewright-model", "eyewright-data", "eyewright-ops"];

/// Packages that never touch a tensor.
const WITHOUT_TENSORS: &[&str] =
    &["eyewright-cli", "eyewright-server", "eyewright-desktop", "eyewright-protocol", "xtask"];

/// All that the leaf may use, so that bindings and other programs can take it alone.
const PROTOCOL_USES: &[&str] = &["serde", "ts-rs"];

const TABLE: &str = "src-tauri/crates/xtask/src/tidy/rules/direction.rs";

/// Families of crates, and the only manifest that names them.
const STAY: &[(&[&str], &str)] = &[
    (&["tauri"], "src-tauri/Cargo.toml"),
    (&["ureq", "reqwest", "hyper", "curl", "hf-hub"], "src-tauri/crates/hub/Cargo.toml"),
];

/// `desktop, cli, server, tests → app → train, infer, interop → model, data → ops`; `protocol` is a leaf.
pub(super) fn crates_point_down(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.manifests() {
        let Some(package) = &manifest.package else { continue };
        let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(name, _)| *name == package.name) else {
            let what = format!("package `{}` has no place in the dependency direction", package.name);
            findings.push(Finding::new(
                &manifest.path,
                package.line,
                what,
                format!("give it a row in {TABLE}"),
            ));
            continue;
        };
        for row in &manifest.dependencies {
            let ours =
                MAY_DEPEND_ON.iter().any(|(name, _)| *name == row.name) || row.name.starts_with("eyewright-");
            if let Some(mend) = objection(&package.name, row, ours && !allowed.contains(&row.name.as_str())) {
                let what = format!("`{}` may not depend on `{}`", package.name, row.name);
                findings.push(Finding::new(&manifest.path, row.line, what, mend));
            }
        }
    }
    findings
}

fn objection(package: &str, row: &Dependency, upwards: bool) -> Option<&'static str> {
    if upwards {
        return Some("move the shared part down, or let the caller pass it in");
    }
    let tensors = row.name == "burn" || row.name.starts_with("burn-") || row.name.starts_with("cubecl");
    if tensors && WITHOUT_TENSORS.contains(&package) {
        return Some("move the tensor work behind a use case of `eyewright-app`");
    }
    let leaf = package == "eyewright-protocol" && row.shipped;
    (leaf && !PROTOCOL_USES.contains(&row.name.as_str())).then_some("keep the leaf to serde and ts-rs")
}

/// `tauri` and its plugins are named by the window crate alone, HTTP clients by the crate that asks other machines.
pub(super) fn some_crates_stay_in_one_place(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.manifests() {
        for row in manifest.dependencies.iter().chain(&manifest.shared) {
            let is = |name: &&str| {
                row.name.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            let Some((_, place)) = STAY.iter().find(|(names, _)| names.iter().any(is)) else {
                continue;
            };
            if manifest.path != *place {
                let what = format!("`{}` is named outside its crate", row.name);
                findings.push(Finding::new(&manifest.path, row.line, what, format!("move it to {place}")));
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
    fn only_downward_edges_pass() {
        let rows = [
            ("eyewright-model", "eyewright-ops.workspace = true", false),
            ("eyewright-app", "eyewright-infer.workspace = true", false),
            ("eyewright-cli", "eyewright-server.workspace = true", false),
            ("eyewright-protocol", "serde.workspace = true", false),
            ("eyewright-ops", "burn.workspace = true", false),
            ("eyewright-ops", "eyewright-model.workspace = true", true),
            ("eyewright-model", "eyewright-data.workspace = true", true),
            ("eyewright-model", "eyewright-new.workspace = true", true),
            ("eyewright-cli", "eyewright-infer.workspace = true", true),
            ("eyewright-cli", "burn.workspace = true", true),
            ("eyewright-cli", "tensor = { package = \"burn\", version = \"1\" }", true),
            ("eyewright-protocol", "serde_json.workspace = true", true),
            ("xtask", "eyewright-app.workspace = true", true),
        ];
        for (package, dependency, found) in rows {
            let text = format!("[package]\nname = \"{package}\"\n[dependencies]\n{dependency}\n");
            let expected: &[&str] = if found { &["a/Cargo.toml:4"] } else { &[] };
            assert_eq!(
                places(crates_point_down, &[("a/Cargo.toml", &text)]),
                expected,
                "{package} {dependency}"
            );
        }
    }

    #[test]
    fn a_package_without_a_row_is_found() {
        let text = "[package]\nname = \"eyewright-new\"\n";
        assert_eq!(places(crates_point_down, &[("a/Cargo.toml", text)]), ["a/Cargo.toml:2"]);
    }

    #[test]
    fn the_table_has_no_circle() {
        // Rows are sorted from the ground up: a row names only rows above it.
        for (at, (name, allowed)) in MAY_DEPEND_ON.iter().enumerate() {
            for target in *allowed {
                let above = MAY_DEPEND_ON[..at].iter().any(|(name, _)| name == target);
                assert!(above, "{name} → {target}");
            }
        }
    }

    #[test]
    fn window_and_network_stay_in_their_crates() {
        let package =
            "[package]\nname = \"x\"\n[dependencies]\ntauri = \"2\"\nureq = \"2\"\ntaurine = \"1\"\n";
        let root = "[workspace.dependencies]\ntauri-plugin-dialog = \"2\"\n";
        let find = |path: &str, text: &str| places(some_crates_stay_in_one_place, &[(path, text)]);
        let app = "src-tauri/crates/app/Cargo.toml";
        assert_eq!(find(app, package), [format!("{app}:4"), format!("{app}:5")]);
        assert_eq!(find("Cargo.toml", root), ["Cargo.toml:2"]);
        assert_eq!(find("src-tauri/Cargo.toml", package), ["src-tauri/Cargo.toml:5"]);
        assert_eq!(find("src-tauri/crates/hub/Cargo.toml", package), ["src-tauri/crates/hub/Cargo.toml:4"]);
    }
}
