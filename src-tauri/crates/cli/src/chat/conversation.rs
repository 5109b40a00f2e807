//! A conversation at the keyboard, or line by line from a pipe.

use eyewright_app::{ChatSession, FinishReason, Picture};

use super::{
    ChatArguments, Interrupts,
    keyboard::{Entry, Keyboard},
    picture,
    typed::{Typed, understand},
};
use crate::{leave, print};

const HELP: &str = "\
Enter sends. A line that ends with \\ goes on in the next one, so does Alt-Enter, and all between \"\"\" and \"\"\".
  /image PATH   add a picture to the next question
  /reset        forget the conversation (also RESET)
  /system TEXT  set the instructions; without TEXT, remove them
  /help         this list
  /exit         leave (also EXIT, or Ctrl-D)
Ctrl-C stops an answer; a second one leaves.";

pub(super) fn run(
    arguments: &ChatArguments,
    session: &mut ChatSession<'_>,
    first: Vec<Picture>,
    interrupts: &Interrupts,
) -> anyhow::Result<()> {
    let mut keyboard = Keyboard::open(!arguments.no_history)?;
    if keyboard.is_terminal() {
        print::line(HELP);
    }
    let mut pictures = first.clone();
    let mut interrupted = false;
    loop {
        let text = match keyboard.next()? {
            Entry::End => return Ok(()),
            Entry::Interrupted if interrupted => std::process::exit(leave::INTERRUPTED),
            Entry::Interrupted => {
                interrupted = true;
                eprintln!("Ctrl-C again leaves.");
                continue;
            }
            Entry::Text(text) => text,
        };
        interrupted = false;
        match understand(&text) {
            Typed::Nothing => {}
            Typed::Question(question) => ask(arguments, session, &question, &mut pictures, interrupts),
            Typed::Image(path) => match picture(&path) {
                Ok(added) => {
                    eprintln!("{} x {} pixels, for the next question", added.width, added.height);
                    pictures.push(added);
                }
                Err(error) => eprintln!("error: {error:#}"),
            },
            Typed::ImageWhich => eprintln!("error: which picture? `/image PATH`"),
            Typed::Reset => {
                session.reset();
                pictures.clone_from(&first);
                eprintln!("The conversation is forgotten.");
            }
            Typed::System(text) => session.set_system(text),
            Typed::Help => print::line(HELP),
            Typed::Exit => return Ok(()),
            Typed::Unknown(word) => eprintln!("error: there is no command `{word}`; /help lists them"),
        }
    }
}

/// After an error the conversation is as it was, the pictures still wait for a question.
fn ask(
    arguments: &ChatArguments,
    session: &mut ChatSession<'_>,
    question: &str,
    pictures: &mut Vec<Picture>,
    interrupts: &Interrupts,
) {
    let config = arguments.generation();
    let mut show = |text: &str| print::show(text);
    match interrupts.during(|cancel| session.ask(question, pictures, &config, cancel, &mut show)) {
        Ok(answer) => {
            pictures.clear();
            print::line("");
            match answer.finish {
                FinishReason::Stop => {}
                FinishReason::Length => eprintln!("(cut off at --max-new-tokens {})", config.max_new_tokens),
                FinishReason::Context => eprintln!("(the model's context is full; /reset starts anew)"),
                FinishReason::Cancelled => eprintln!("(stopped)"),
            }
        }
        Err(error) => eprintln!("error: {error}"),
    }
}
