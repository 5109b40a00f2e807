//! Which file does a picture's name in a row mean? Never one outside the image folder.

use std::path::{Path, PathBuf};

use super::{DatasetError, RowProblem};

/// The folder that picture names start from.
#[derive(Debug, Clone)]
pub struct ImageFolder {
    given: PathBuf,
    real: PathBuf,
}

impl ImageFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// It does not exist or is none.
    pub fn open(folder: &Path) -> Result<Self, DatasetError> {
        let refused = |source| DatasetError::ImageFolder { folder: folder.to_owned(), source };
        let real = folder.canonicalize().map_err(refused)?;
        if !real.is_dir() {
            return Err(refused(std::io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self { given: folder.to_owned(), real })
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.given
    }

    /// The file of a picture, with every link followed: what is opened later is what was looked at.
    ///
    /// # Errors
    /// It does not exist, or lies outside.
    pub fn resolve(&self, name: &str) -> Result<PathBuf, RowProblem> {
        let outside = || RowProblem::OutsideFolder { name: name.to_owned() };
        // Rows written on Windows have its slashes.
        let relative = name.replace('\\', "/");
        let found = match self.real.join(&relative).canonicalize() {
            Ok(found) => found,
            // Whether something exists out there is none of a data set's business.
            Err(_) if leads_out(&relative) => return Err(outside()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RowProblem::NoPicture { name: name.to_owned() });
            }
            Err(error) => {
                return Err(RowProblem::Picture { name: name.to_owned(), reason: error.to_string() });
            }
        };
        if !found.starts_with(&self.real) {
            return Err(outside());
        }
        if !found.is_file() {
            return Err(RowProblem::Picture { name: name.to_owned(), reason: "is no file".to_owned() });
        }
        Ok(found)
    }
}

fn leads_out(name: &str) -> bool {
    let path = Path::new(name);
    path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_the_folder() {
        let top = tempfile::tempdir().unwrap();
        let inside = top.path().join("images");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        for file in ["secret.png", "images/a.png", "images/sub/b.png"] {
            std::fs::write(top.path().join(file), b"x").unwrap();
        }
        let folder = ImageFolder::open(&inside).unwrap();
        for good in ["a.png", "sub/b.png", "./sub/../a.png", "sub\\b.png"] {
            assert!(folder.resolve(good).is_ok(), "{good}");
        }
        let absolute = top.path().join("secret.png").display().to_string();
        let bad = [
            "../secret.png",
            "sub/../../secret.png",
            &absolute,
            "/etc/hostname",
            "../nothing.png",
            "/nothing",
        ];
        for name in bad {
            assert!(matches!(folder.resolve(name), Err(RowProblem::OutsideFolder { .. })), "{name}");
        }
        assert!(matches!(folder.resolve("c.png"), Err(RowProblem::NoPicture { .. })));
        for name in ["", "sub", "a.png/b"] {
            assert!(folder.resolve(name).is_err(), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(top.path().join("secret.png"), inside.join("link.png")).unwrap();
            assert!(matches!(folder.resolve("link.png"), Err(RowProblem::OutsideFolder { .. })));
        }
        assert!(ImageFolder::open(&inside.join("a.png")).is_err());
    }
}
