//! Does a text depend on the machine it was written on: its folders, its sources of packages?

use crate::tidy::{Finding, Tree};

/// Folders of people and of their machines. Spelt in two parts, so that this file does not find itself.
const MACHINE_FOLDERS: &[&str] =
    &[concat!("/", "home/"), concat!("/", "root/"), concat!("/", "work/"), concat!("/", "Users/")];

/// Public package registries. Tools find them by themselves; a text that names one would bypass a mirror.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi.", "org"),
    concat!("deb.", "debian.org"),
];

/// Words in the names of registries that are not public.
const MIRROR_WORDS: &[&str] = &["artifactory", "nexus", "verdaccio", "devpi", "mirror", "proxy"];
/// Ends of names that only one network knows.
const PRIVATE_ENDS: &[&str] = &[".internal", ".intranet", ".corp", ".lan", ".local"];

/// The one source a lock file of cargo, and of npm, may name.
const LOCK_FILES: &[(&str, &str)] =
    &[("Cargo.lock", "github.com"), ("package-lock.json", concat!("registry.", "npmjs.org"))];

/// No tracked text names a folder of one machine.
pub(super) fn no_path_of_one_machine(tree: &Tree) -> Vec<Finding> {
    lines(tree)
        .filter_map(|(path, line, text)| {
            let folder = MACHINE_FOLDERS.iter().find(|folder| begins_path(text, folder))?;
            let what = format!("a path under `{folder}`");
            Some(Finding::new(path, line, what, "write it relative to the root, or take it as an argument"))
        })
        .collect()
}

/// No tracked text names the host packages come from; lock files name the public one.
pub(super) fn no_registry_host(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, line, text) in lines(tree) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let source = LOCK_FILES.iter().find(|(file, _)| *file == name).map(|(_, source)| *source);
        for host in hosts(text) {
            // Addresses of funding pages and home pages stand in npm's lock file too.
            let of_packages = name == "Cargo.lock" || text.contains("\"resolved\"");
            let foreign = source.is_some_and(|source| of_packages && host != source);
            if foreign || is_private(host) {
                findings.push(finding(path, line, host));
            }
        }
        let public = REGISTRY_HOSTS.iter().find(|host| source.is_none() && text.contains(**host));
        findings.extend(public.map(|host| finding(path, line, host)));
    }
    findings
}

fn finding(path: &str, line: usize, host: &str) -> Finding {
    let what = format!("names the package host `{host}`");
    Finding::new(path, line, what, "leave the source of packages to the tool's own settings")
}

fn is_private(host: &str) -> bool {
    let is_mirror = host.split(['.', '-']).any(|part| MIRROR_WORDS.contains(&part));
    is_mirror || PRIVATE_ENDS.iter().any(|end| host.ends_with(end))
}

/// The hosts of all addresses in a line, without account and port.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    text.split("://").skip(1).filter_map(|rest| {
        let part_of_host =
            |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '@' | ':' | '_');
        let authority = &rest[..rest.find(|char| !part_of_host(char)).unwrap_or(rest.len())];
        let host = authority.rsplit('@').next()?.split(':').next()?;
        (!host.is_empty()).then_some(host)
    })
}

/// Whether `folder` stands in the line as the beginning of a path, not inside a longer one.
fn begins_path(text: &str, folder: &str) -> bool {
    text.match_indices(folder).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|char| char.is_alphanumeric() || "_-.}~*)>]$".contains(char))
    })
}

fn lines(tree: &Tree) -> impl Iterator<Item = (&str, usize, &str)> {
    tree.files().iter().flat_map(|file| {
        let text = file.text.as_deref().unwrap_or_default();
        text.lines().enumerate().map(|(index, line)| (file.path.as_str(), index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn only_absolute_paths_are_found() {
        let [home, root, work, users] = MACHINE_FOLDERS else { panic!("four folders") };
        let rows = [
            (format!("cd {home}me"), true),
            (format!("path = \"{root}x\""), true),
            (format!("`{work}main`"), true),
            (format!("file://{users}me"), true),
            (format!("ui/src/features{home}view.ts"), false),
            (format!("https://example.org{home}"), false),
            (format!("..{work}x"), false),
            (format!("${{X}}{root}y"), false),
            ("homework/root".to_owned(), false),
        ];
        for (text, found) in rows {
            let expected: &[&str] = if found { &["a.md:2"] } else { &[] };
            let text = format!("first\n{text}\n");
            assert_eq!(places(no_path_of_one_machine, &[("a.md", &text)]), expected, "{text}");
        }
    }

    #[test]
    fn lock_files_name_the_public_source_only() {
        let npm = REGISTRY_HOSTS[2];
        let private = concat!("https://npm.example.", "internal/left-pad");
        let rows = [
            ("a.md", "see https://github.com/x and https://crates.io/crates/x".to_owned(), false),
            ("a.md", format!("https://{npm}/x"), true),
            ("a.md", concat!("https://user:word@cargo-", "mirror.example.com:8080/x").to_owned(), true),
            ("a.sh", format!("curl {private}"), true),
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"".to_owned(),
                false,
            ),
            ("Cargo.lock", "source = \"registry+https://crates.example.com/index\"".to_owned(), true),
            ("ui/package-lock.json", format!("\"resolved\": \"https://{npm}/x.tgz\""), false),
            ("ui/package-lock.json", "\"resolved\": \"https://npm.example.com/x.tgz\"".to_owned(), true),
            ("ui/package-lock.json", "\"url\": \"https://opencollective.com/x\"".to_owned(), false),
        ];
        for (path, text, found) in rows {
            let expected = if found { vec![format!("{path}:1")] } else { vec![] };
            assert_eq!(places(no_registry_host, &[(path, &text)]), expected, "{path}: {text}");
        }
    }
}
