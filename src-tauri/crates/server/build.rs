//! Puts the built interface into release programs; without `ui/dist` the table is empty and the program says so.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> io::Result<()> {
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo:rerun-if-changed=build.rs")?;
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("assets.rs");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../../ui/dist");
    let mut text = "pub(super) const FILES: &[(&str, &[u8])] = &[\n".to_owned();
    // Debug programs read the folder when they run, so that a new interface needs no new program.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        writeln!(cargo, "cargo:rerun-if-changed={}", root.display())?;
        if root.is_dir() {
            add(&root.canonicalize()?, "", &mut text)?;
        }
    }
    text += "];\n";
    fs::write(out, text)
}

fn add(folder: &Path, name: &str, text: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let inside = format!("{name}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            add(&path, &format!("{inside}/"), text)?;
        } else if !inside.ends_with(".map") {
            let _ = writeln!(text, "    ({inside:?}, include_bytes!({:?})),", path.display().to_string());
        }
    }
    Ok(())
}
