//! What is in the checkout: paths, sizes and texts, read once.
//!
//! A tree can also be made up from rows, so that rules are tested without a disk.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::manifest::Manifest;

/// Larger files are never read; a rule reports them by size.
const TEXT_LIMIT: u64 = 4 << 20;

/// A file of the checkout.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// In bytes.
    pub(crate) size: u64,
    /// The content, unless it is binary or large.
    pub(crate) text: Option<String>,
}

impl File {
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }
}

/// All files that are tracked, or would be after `git add --all`, sorted by path.
#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<File>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for path in listed(root)? {
            let at = root.join(&path);
            // A tracked file that was deleted, a link or a nested checkout has no text of ours.
            let Ok(meta) = fs::symlink_metadata(&at) else { continue };
            if !meta.is_file() {
                continue;
            }
            let size = meta.len();
            let bytes = if size <= TEXT_LIMIT {
                Some(fs::read(&at).with_context(|| format!("`{path}` cannot be read"))?)
            } else {
                None
            };
            let text =
                bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains('\0'));
            files.push(File { path, size, text });
        }
        Ok(Self::sorted(files))
    }

    /// A tree from rows of path and text.
    #[cfg(test)]
    pub(crate) fn of(rows: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            size: text.len() as u64,
            text: Some((*text).to_owned()),
        };
        Self::sorted(rows.iter().map(file).collect())
    }

    fn sorted(mut files: Vec<File>) -> Self {
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Self { files }
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Path and text of every file that has text and one of these extensions.
    pub(crate) fn texts<'a>(&'a self, extensions: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(|file| file.has_extension(extensions))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Whether a file, or a folder with a file in it, has this path. The root is the empty path.
    pub(crate) fn holds(&self, path: &str) -> bool {
        path.is_empty()
            || self.files.iter().any(|file| {
                file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }

    /// Every `Cargo.toml` that is valid TOML; cargo itself reports the others better than we could.
    pub(crate) fn manifests(&self) -> Vec<Manifest> {
        self.files
            .iter()
            .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
            .filter_map(|file| Manifest::parse(&file.path, file.text.as_deref()?))
            .collect()
    }
}

fn listed(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        // In a container the checkout often belongs to another user, which git refuses by default.
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .context("`git` cannot be started; tidy lists the tree with it")?;
    if !output.status.success() {
        bail!("`git ls-files` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8; rename it")?;
    let mut paths: Vec<_> = names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    paths.sort();
    // A path with a merge conflict is listed once per side.
    paths.dedup();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_held_whole() {
        let tree = Tree::of(&[("models/templates/vicuna.toml", "")]);
        let rows = [
            ("", true),
            ("models", true),
            ("models/templates", true),
            ("models/templates/vicuna.toml", true),
            ("models/temp", false),
            ("templates", false),
        ];
        for (path, expected) in rows {
            assert_eq!(tree.holds(path), expected, "{path:?}");
        }
    }
}
