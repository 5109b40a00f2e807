//! What does a `Cargo.toml` say about its package and its dependencies, and on which line?

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The three tables that name dependencies, here and under `[target.*]`.
const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// A parsed `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) path: String,
    /// Missing in a virtual workspace.
    pub(crate) package: Option<Package>,
    /// From every section and target.
    pub(crate) dependencies: Vec<Dependency>,
    /// `[workspace.dependencies]`, in the root only.
    pub(crate) shared: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// `version.workspace = true`
    pub(crate) inherits_version: bool,
    /// `[lints] workspace = true`
    pub(crate) inherits_lints: bool,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    /// The name in the registry, which `package = "…"` may set apart from the key.
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Whether the dependency is `workspace = true`.
    pub(crate) inherits: bool,
    /// A version number spelt out here.
    pub(crate) version: Option<String>,
    /// Part of what users of the package build: not a `dev-dependencies` row.
    pub(crate) shipped: bool,
}

impl Manifest {
    /// Reads a manifest; nothing if the text is not valid TOML.
    pub(crate) fn parse(path: &str, text: &str) -> Option<Self> {
        let document = DeTable::parse(text).ok()?;
        let root = document.get_ref();
        let mut dependencies = sections(root, text);
        for (_, target) in table(root, "target").into_iter().flatten() {
            dependencies
                .extend(target.get_ref().as_table().into_iter().flat_map(|target| sections(target, text)));
        }
        let shared = table(root, "workspace").and_then(|workspace| table(workspace, "dependencies"));
        let inherits_lints = table(root, "lints").is_some_and(|lints| is_true(lints.get("workspace")));
        Some(Self {
            path: path.to_owned(),
            package: table(root, "package").map(|package| Package {
                name: string(package.get("name")).unwrap_or_default(),
                line: package.get("name").map_or(1, |name| line(text, name)),
                inherits_version: table(package, "version")
                    .is_some_and(|version| is_true(version.get("workspace"))),
                inherits_lints,
            }),
            dependencies,
            shared: shared.map(|shared| rows(shared, text, true)).unwrap_or_default(),
        })
    }
}

fn sections(parent: &DeTable<'_>, text: &str) -> Vec<Dependency> {
    SECTIONS
        .iter()
        .filter_map(|section| Some(rows(table(parent, section)?, text, *section != "dev-dependencies")))
        .flatten()
        .collect()
}

fn rows(section: &DeTable<'_>, text: &str, shipped: bool) -> Vec<Dependency> {
    section
        .iter()
        .map(|(key, value)| {
            let detail = value.get_ref().as_table();
            let get = |name: &str| detail.and_then(|detail| detail.get(name));
            Dependency {
                name: string(get("package")).unwrap_or_else(|| key.get_ref().to_string()),
                line: line(text, key),
                inherits: is_true(get("workspace")),
                version: string(Some(value)).or_else(|| string(get("version"))),
                shipped,
            }
        })
        .collect()
}

fn table<'a, 'i>(parent: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    parent.get(key)?.get_ref().as_table()
}

fn string(value: Option<&Spanned<DeValue<'_>>>) -> Option<String> {
    value?.get_ref().as_str().map(str::to_owned)
}

fn is_true(value: Option<&Spanned<DeValue<'_>>>) -> bool {
    value.and_then(|value| value.get_ref().as_bool()) == Some(true)
}

fn line<T>(text: &str, place: &Spanned<T>) -> usize {
    1 + text.bytes().take(place.span().start).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_dependency_is_read() {
        let text = "[package]\nname = \"x\"\nversion.workspace = true\n\n[dependencies]\nhalf.workspace = true\n\
                    image = \"0.25\"\npng = { package = \"lodepng\", version = \"3\" }\n\n[dev-dependencies.tempfile]\n\
                    workspace = true\n\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n";
        let manifest = Manifest::parse("Cargo.toml", text).unwrap();
        let found: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|row| (row.name.as_str(), row.line, row.inherits, row.version.as_deref(), row.shipped))
            .collect();
        let expected = [
            ("half", 6, true, None, true),
            ("image", 7, false, Some("0.25"), true),
            ("lodepng", 8, false, Some("3"), true),
            ("tempfile", 10, true, None, false),
            ("rustix", 14, false, Some("1"), true),
        ];
        assert_eq!(found, expected);
        let package = manifest.package.unwrap();
        assert_eq!((package.line, package.inherits_version, package.inherits_lints), (2, true, false));
    }
}
