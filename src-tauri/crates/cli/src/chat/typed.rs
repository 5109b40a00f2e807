//! What does a person at the keyboard mean: a question, a command, or more to come?

use std::path::PathBuf;

/// Around a text of several lines.
const FENCE: &str = "\"\"\"";

/// One finished entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Question(String),
    Image(PathBuf),
    /// `/image` without a path.
    ImageWhich,
    Reset,
    System(Option<String>),
    Help,
    Exit,
    /// Looks like a command and is none.
    Unknown(String),
}

/// Whether `text` is finished, or the next line belongs to it: a line that ends with a backslash goes on, and so
/// does all between two `"""`.
pub(super) fn is_finished(text: &str) -> bool {
    if let Some(rest) = text.trim_start().strip_prefix(FENCE) {
        return rest.trim_end().ends_with(FENCE);
    }
    let slashes = text.chars().rev().take_while(|letter| *letter == '\\').count();
    slashes % 2 == 0
}

pub(super) fn understand(text: &str) -> Typed {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix(FENCE) {
        let inside = inside.strip_suffix(FENCE).unwrap_or(inside).trim_matches('\n');
        return Some(inside).filter(|text| !text.is_empty()).map_or(Typed::Nothing, question);
    }
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match (word, rest.trim()) {
        ("", "") => Typed::Nothing,
        ("/image", "") => Typed::ImageWhich,
        ("/image", path) => Typed::Image(path_of(path)),
        ("/reset" | "RESET", "") => Typed::Reset,
        ("/system", rest) => Typed::System(Some(rest.to_owned()).filter(|text| !text.is_empty())),
        ("/help" | "/?", "") => Typed::Help,
        ("/exit" | "/quit" | "/bye" | "EXIT", "") => Typed::Exit,
        (word, _) if is_command(word) => Typed::Unknown(word.to_owned()),
        _ => question(&text.replace("\\\n", "\n")),
    }
}

fn question(text: &str) -> Typed {
    Typed::Question(text.to_owned())
}

/// `/word`; a path such as `/etc/hosts` is the beginning of a question.
fn is_command(word: &str) -> bool {
    word.strip_prefix('/')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()))
}

/// A path as it is typed or dropped onto a terminal: quoted, with escaped spaces, or as a `file://` address.
fn path_of(text: &str) -> PathBuf {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inside.into();
        }
    }
    let text = text.strip_prefix("file://").unwrap_or(text);
    if cfg!(windows) { text.into() } else { text.replace("\\ ", " ").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_understood() {
        let rows = [
            ("", Typed::Nothing),
            ("  \t", Typed::Nothing),
            ("What is this?", question("What is this?")),
            ("a\\\nb", question("a\nb")),
            ("\"\"\"\na\n\n/exit\n\"\"\"", question("a\n\n/exit")),
            ("\"\"\"\"\"\"", Typed::Nothing),
            ("/image a b.png", Typed::Image("a b.png".into())),
            ("/image \"a b.png\" ", Typed::Image("a b.png".into())),
            ("/image 'a.png'", Typed::Image("a.png".into())),
            ("/image file:///x.png", Typed::Image("/x.png".into())),
            ("/image", Typed::ImageWhich),
            ("/reset", Typed::Reset),
            (" RESET ", Typed::Reset),
            ("EXIT", Typed::Exit),
            ("/exit", Typed::Exit),
            ("exit the building?", question("exit the building?")),
            ("/system Be brief.", Typed::System(Some("Be brief.".into()))),
            ("/system", Typed::System(None)),
            ("/help", Typed::Help),
            ("/imgae x.png", Typed::Unknown("/imgae".into())),
            ("/etc/hosts: what is in it?", question("/etc/hosts: what is in it?")),
            ("/ what", question("/ what")),
        ];
        for (text, meaning) in rows {
            assert_eq!(understand(text), meaning, "{text:?}");
        }
    }

    #[test]
    fn unfinished_entries_wait_for_more() {
        for (text, finished) in [
            ("", true),
            ("a", true),
            ("a\\", false),
            ("a\\\\", true),
            ("a\\\nb", true),
            ("\"\"\"", false),
            ("\"\"\"a", false),
            ("\"\"\"a\n\"\"\"", true),
            ("\"\"\"a\"\"\" ", true),
        ] {
            assert_eq!(is_finished(text), finished, "{text:?}");
        }
    }
}
