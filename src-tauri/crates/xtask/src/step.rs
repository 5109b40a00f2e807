//! How does a command run another program: what is shown, what is counted, what failure means?

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};

/// A cargo command in the workspace root, without standard input: no step may wait for a person.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(crate::workspace::cargo());
    command.args(args).current_dir(root).stdin(Stdio::null());
    command
}

/// Prints the command line, runs it with our own output, and says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    announce(command);
    let status = command.status().with_context(|| format!("`{}` cannot be started", line_of(command)))?;
    Ok(status.success())
}

/// Like [`succeeds`], and also shows every line of output to `observe`, free of colour codes.
pub(crate) fn succeeds_observed(command: &mut Command, observe: impl Fn(&str) + Send + Sync) -> Result<bool> {
    announce(command);
    if std::io::stdout().is_terminal() {
        // Cargo sees a pipe here; on a terminal the reader still wants colours.
        command.env("CARGO_TERM_COLOR", "always");
    }
    copied(command, std::io::stdout(), std::io::stderr(), observe)
}

fn copied(
    command: &mut Command,
    out: impl Write,
    err: impl Write + Send,
    observe: impl Fn(&str) + Send + Sync,
) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` cannot be started", line_of(command)))?;
    let (from_out, from_err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        if let Some(from) = from_err {
            scope.spawn(|| copy_lines(from, err, &observe));
        }
        if let Some(from) = from_out {
            copy_lines(from, out, &observe);
        }
    });
    let status = child.wait().context("the exit status of a step cannot be read")?;
    Ok(status.success())
}

/// Copies bytes line by line. A reader that went away does not stop the step from being counted.
fn copy_lines(from: impl Read, mut to: impl Write, observe: &impl Fn(&str)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let _ = to.write_all(&line).and_then(|()| to.flush());
        observe(&without_colours(String::from_utf8_lossy(&line).trim_end()));
        line.clear();
    }
}

/// Removes `ESC [ … letter` sequences.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(char);
        }
    }
    plain
}

fn announce(command: &Command) {
    println!("\n$ {}", line_of(command));
}

/// The command as a person would type it.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_codes_are_removed() {
        let rows = [
            ("plain", "plain"),
            ("\u{1b}[32;1m     Summary\u{1b}[0m [ 0.1s]", "     Summary [ 0.1s]"),
            ("cut \u{1b}[3", "cut "),
        ];
        for (line, expected) in rows {
            assert_eq!(without_colours(line), expected, "{line:?}");
        }
    }

    #[test]
    fn both_streams_are_copied_and_observed() {
        let lines = std::sync::Mutex::new(Vec::new());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let observe = |line: &str| lines.lock().unwrap().push(line.to_owned());
        let succeeded = copied(&mut command, &mut out, &mut err, observe).unwrap();
        let mut lines = lines.into_inner().unwrap();
        lines.sort();
        assert_eq!((succeeded, lines), (false, vec!["err".to_owned(), "out".to_owned()]));
        assert_eq!((out, err), (b"out\n".to_vec(), b"err\n".to_vec()));
    }
}
