//! Which Debian packages does this checkout need, and how do they get there?
//!
//! The lists are [`FOR_BUILDS`], [`FOR_CHECKS`] and [`FOR_BUNDLES`], and nowhere else. Nothing here knows what the packages are used for at run time.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A system package that a build or a check cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DebianPackage {
    name: &'static str,
    /// A program that proves the need is met, however it was installed. Libraries have none.
    program: Option<&'static str>,
    needed_for: &'static str,
}

/// What building and showing the window takes beyond the Rust toolchain and a C linker.
///
/// The CUDA and Vulkan back ends open their drivers at run time, so they add nothing here.
const FOR_BUILDS: &[DebianPackage] = &[
    DebianPackage { name: "nodejs", program: Some("node"), needed_for: "the interface under ui/" },
    DebianPackage { name: "npm", program: Some("npm"), needed_for: "the interface under ui/" },
    DebianPackage { name: "libwebkit2gtk-4.1-dev", program: None, needed_for: "the window" },
    DebianPackage { name: "libdbus-1-dev", program: None, needed_for: "the window" },
    DebianPackage {
        name: "libayatana-appindicator3-1",
        program: None,
        needed_for: "the window's sign in the tray",
    },
];

/// What the checks take besides.
const FOR_CHECKS: &[DebianPackage] = &[
    DebianPackage {
        name: "git",
        program: Some("git"),
        needed_for: "`cargo xtask tidy`, which lists the tree with it",
    },
    DebianPackage { name: "chromium", program: Some("chromium"), needed_for: "tests/ui, a real browser" },
    DebianPackage {
        name: "webkit2gtk-driver",
        program: Some("WebKitWebDriver"),
        needed_for: "tests/window, which clicks in the real window",
    },
    DebianPackage {
        name: "xvfb",
        program: Some("Xvfb"),
        needed_for: "tests/window, a display without a screen",
    },
    DebianPackage {
        name: "dbus-daemon",
        program: Some("dbus-daemon"),
        needed_for: "tests/window, a session for the window",
    },
    DebianPackage {
        name: "gnome-keyring",
        program: Some("gnome-keyring-daemon"),
        needed_for: "tests/ui, a keyring of its own",
    },
    DebianPackage { name: "xclip", program: Some("xclip"), needed_for: "tests/window, what is pasted" },
];

/// What making a package takes besides.
const FOR_BUNDLES: &[DebianPackage] = &[DebianPackage {
    name: "libayatana-appindicator3-dev",
    program: None,
    needed_for: "the bundler, which asks pkg-config which library draws in the tray",
}];

/// Installs or names what making a package lacks, and what building lacks.
pub(crate) fn ensure_bundles() -> Result<()> {
    ensure_all(FOR_BUILDS.iter().chain(FOR_BUNDLES))
}

/// Installs or names what building and showing the window lacks.
pub(crate) fn ensure_builds() -> Result<()> {
    ensure_all(FOR_BUILDS.iter())
}

/// Installs or names what the checks lack, and what building lacks.
pub(crate) fn ensure() -> Result<()> {
    ensure_all(FOR_BUILDS.iter().chain(FOR_CHECKS))
}

/// Installs what is missing when that needs no password, else names the packages and the command.
fn ensure_all(packages: impl Iterator<Item = &'static DebianPackage>) -> Result<()> {
    let missing: Vec<_> = packages.filter(|package| !is_there(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    if !on_path("apt-get") {
        bail!(
            "this is not a Debian system; install what these packages hold and try again:\n{}",
            list(&missing)
        );
    }
    let Some(prefix) = privilege() else {
        bail!(
            "these packages are missing:\n{}\ninstall them with:\n  {}",
            list(&missing),
            install_line(&names)
        );
    };
    println!("installing missing packages:\n{}", list(&missing));
    // A fresh image has no package lists, so `install` alone would find nothing.
    apt(prefix, &["update"])?;
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(&names);
    apt(prefix, &args).with_context(|| format!("try it by hand: {}", install_line(&names)))
}

fn list(packages: &[&DebianPackage]) -> String {
    let rows: Vec<_> =
        packages.iter().map(|package| format!("  {} for {}", package.name, package.needed_for)).collect();
    rows.join("\n")
}

fn install_line(names: &[&str]) -> String {
    format!("sudo apt-get update && sudo apt-get install {}", names.join(" "))
}

fn is_there(package: &DebianPackage) -> bool {
    package.program.is_some_and(on_path) || is_installed(package.name)
}

fn is_installed(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", name])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The words before `apt-get` that make it root without asking anyone, or nothing if that is impossible.
fn privilege() -> Option<&'static [&'static str]> {
    let quiet = |program: &str, args: &[&str]| {
        Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()
    };
    if quiet("id", &["-u"]).is_some_and(|output| output.stdout.trim_ascii() == b"0") {
        return Some(&[]);
    }
    let sudo = quiet("sudo", &["-n", "true"]).is_some_and(|output| output.status.success());
    sudo.then_some(&["sudo", "-n"])
}

fn apt(prefix: &[&str], args: &[&str]) -> Result<()> {
    // `env` sets the variable behind sudo, which would drop ours.
    let words: Vec<&str> = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).current_dir(Path::new("/"));
    if crate::step::succeeds(&mut command)? { Ok(()) } else { bail!("`{}` failed", words.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_seen() {
        let rows = [
            (Some("sh"), "no-such-package-here", true),
            (Some("no-such-program-here"), "no-such-package-here", false),
            (None, "no-such-package-here", false),
        ];
        for (program, name, expected) in rows {
            let package = DebianPackage { name, program, needed_for: "this test" };
            assert_eq!(is_there(&package), expected, "{package:?}");
        }
    }

    #[test]
    fn the_command_names_every_package() {
        assert_eq!(install_line(&["git", "jq"]), "sudo apt-get update && sudo apt-get install git jq");
    }
}
