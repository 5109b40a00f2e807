//! Where do entries come from: a person at a terminal, or a pipe?

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;

use super::typed::is_finished;
use crate::print;

const PROMPT: &str = "> ";

/// What came from the keyboard.
pub(super) enum Entry {
    Text(String),
    End,
}

/// Whoever types.
pub(super) enum Keyboard {
    Terminal,
    Pipe,
}

impl Keyboard {
    pub(super) fn open() -> Self {
        if io::stdin().is_terminal() && io::stdout().is_terminal() { Self::Terminal } else { Self::Pipe }
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal)
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Entry> {
        if self.is_terminal() {
            print::show(PROMPT);
        }
        from_pipe(&mut io::stdin().lock())
    }
}

/// Lines until an entry is finished; at the end of input, what there is.
fn from_pipe(input: &mut dyn BufRead) -> anyhow::Result<Entry> {
    let mut text = String::new();
    loop {
        let read = input.read_line(&mut text).context("standard input is not UTF-8 text")?;
        if read == 0 {
            return Ok(if text.is_empty() { Entry::End } else { Entry::Text(text) });
        }
        let without_end = text.trim_end_matches(['\n', '\r']).len();
        if is_finished(&text[..without_end]) {
            text.truncate(without_end);
            return Ok(Entry::Text(text));
        }
        text.truncate(without_end);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gives_entries_of_one_or_more_lines() {
        let mut input = io::Cursor::new("one\r\ntwo\\\nthree\n\"\"\"\na\n\nb\n\"\"\"\n\nlast\\");
        let mut entries = Vec::new();
        while let Entry::Text(text) = from_pipe(&mut input).unwrap() {
            entries.push(text);
        }
        assert_eq!(entries, ["one", "two\\\nthree", "\"\"\"\na\n\nb\n\"\"\"", "", "last\\\n"]);
    }
}
