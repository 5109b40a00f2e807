//! Where do entries come from: a line editor on a terminal, or plain lines from a pipe?

use std::{
    fs,
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
};

use anyhow::Context;
use rustyline::{
    Cmd, Config, Context as LineContext, Editor, Event, EventHandler, Helper, KeyCode, KeyEvent, Modifiers,
    completion::{Completer, FilenameCompleter, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::FileHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};

use super::typed::is_finished;

const PROMPT: &str = "> ";
/// Entries that are remembered from one conversation to the next.
const REMEMBERED: usize = 1000;
const COMMANDS: [&str; 5] = ["/image ", "/reset", "/system ", "/help", "/exit"];

/// What came from the keyboard.
pub(super) enum Entry {
    Text(String),
    /// Ctrl-C while nothing was being answered.
    Interrupted,
    End,
}

pub(super) enum Keyboard {
    Terminal { editor: Box<Editor<Help, FileHistory>>, history: Option<PathBuf> },
    Pipe,
}

impl Keyboard {
    /// An editor if a person sits in front of both ends, plain lines otherwise.
    pub(super) fn open(remember: bool) -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Ok(Self::Pipe);
        }
        let config = Config::builder().max_history_size(REMEMBERED)?.history_ignore_space(true).build();
        let mut editor = Editor::with_config(config).context("the terminal cannot be used")?;
        editor.set_helper(Some(Help { files: FilenameCompleter::new() }));
        let new_line = KeyEvent(KeyCode::Enter, Modifiers::ALT);
        editor.bind_sequence(Event::from(new_line), EventHandler::Simple(Cmd::Newline));
        let history = history_file().filter(|_| remember);
        if let Some(file) = &history {
            let _ = editor.load_history(file); // there is none the first time
        }
        Ok(Self::Terminal { editor: Box::new(editor), history })
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal { .. })
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Entry> {
        match self {
            Self::Pipe => from_pipe(&mut io::stdin().lock()),
            Self::Terminal { editor, history } => match editor.readline(PROMPT) {
                Ok(text) => {
                    if !text.trim().is_empty() {
                        let _ = editor.add_history_entry(text.as_str());
                        save(editor, history);
                    }
                    Ok(Entry::Text(text))
                }
                Err(ReadlineError::Interrupted) => Ok(Entry::Interrupted),
                Err(ReadlineError::Eof) => Ok(Entry::End),
                Err(error) => Err(error).context("the terminal cannot be read"),
            },
        }
    }
}

/// A history that cannot be kept is no reason to stop talking; it is not tried again.
fn save(editor: &mut Editor<Help, FileHistory>, history: &mut Option<PathBuf>) {
    let Some(file) = history else { return };
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    if folder.is_err() || editor.save_history(file).is_err() {
        *history = None;
    }
}

/// Where the system keeps what programs remember.
fn history_file() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        from("LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        from("HOME")?.join("Library/Application Support")
    } else {
        from("XDG_STATE_HOME").or_else(|| Some(from("HOME")?.join(".local/state")))?
    };
    Some(folder.join("eyewright").join("chat_history"))
}

/// Lines until an entry is finished; at the end of input, what there is.
fn from_pipe(input: &mut dyn BufRead) -> anyhow::Result<Entry> {
    let mut text = String::new();
    loop {
        let read = input.read_line(&mut text).context("standard input is not UTF-8 text")?;
        if read == 0 {
            return Ok(if text.is_empty() { Entry::End } else { Entry::Text(text) });
        }
        let line = text.strip_suffix('\n').unwrap_or(&text); // this line's own end, no empty lines before it
        let without_end = line.strip_suffix('\r').unwrap_or(line).len();
        if is_finished(&text[..without_end]) {
            text.truncate(without_end);
            return Ok(Entry::Text(text));
        }
        text.truncate(without_end);
        text.push('\n');
    }
}

/// Completes commands, and files after `/image`; asks for more lines where an entry is not finished.
pub(super) struct Help {
    files: FilenameCompleter,
}

impl Helper for Help {}
impl Highlighter for Help {}
impl Hinter for Help {
    type Hint = String;
}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_finished(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &LineContext<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if line.starts_with("/image ") {
            return self.files.complete(line, at, context);
        }
        let typed = line.get(..at).unwrap_or(line);
        let fitting = COMMANDS.into_iter().filter(|name| typed.starts_with('/') && name.starts_with(typed));
        let pair = |name: &str| Pair { display: name.trim_end().to_owned(), replacement: name.to_owned() };
        Ok((0, fitting.map(pair).collect()))
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
