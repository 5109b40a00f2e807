//! `eyewright chat`: one question with `--prompt`, else a conversation at the keyboard.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
};

use anyhow::Context;
use eyewright_app::{
    Answer, CancelToken, ChatSession, DecodeLimits, OpenModel, Picture, open_model, open_picture,
    write_logits,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::ChatArguments;

const HELP: &str = "\
An empty line sends the question. Commands, each on a line of its own:
  /image PATH   add a picture to the next question
  /reset        forget the conversation (also RESET)
  /system TEXT  set the instructions; without TEXT, remove them
  /help         this list
  /exit         leave (also EXIT)
Ctrl-C stops an answer; a second one leaves.";

pub(crate) fn run(arguments: &ChatArguments) -> anyhow::Result<()> {
    let pictures = arguments.image.iter().map(|file| picture(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let open = open(arguments)?;
    let cancel = CancelToken::default();
    stop_on_ctrl_c(&cancel)?;
    let mut session = ChatSession::new(&open.model);
    session.set_system(arguments.system.clone());
    match &arguments.prompt {
        Some(prompt) => once(arguments, &open, &mut session, prompt, &pictures, &cancel),
        None => converse(arguments, &mut session, pictures, &cancel),
    }
}

fn picture(file: &Path) -> anyhow::Result<Picture> {
    Ok(open_picture(file, &DecodeLimits::default())?)
}

/// Loads with a bar on a terminal and in silence in a pipe.
fn open(arguments: &ChatArguments) -> anyhow::Result<OpenModel> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("loading {bar:30} {bytes} of {total_bytes}, {eta} left")?);
    let open = open_model(&arguments.model(), &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    if io::stderr().is_terminal() {
        let template = open.model.template.name();
        eprintln!("{} on {} ({})", open.device.choice, open.device.name, open.device.reason);
        eprintln!("template {template}: {}", open.template_reason);
    }
    Ok(open)
}

/// The first Ctrl-C stops the answer, the second leaves.
fn stop_on_ctrl_c(cancel: &CancelToken) -> anyhow::Result<()> {
    let cancel = cancel.clone();
    ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            std::process::exit(130);
        }
        cancel.cancel();
    })
    .context("Ctrl-C cannot be watched")
}

fn once(
    arguments: &ChatArguments,
    open: &OpenModel,
    session: &mut ChatSession<'_>,
    prompt: &str,
    pictures: &[Picture],
    cancel: &CancelToken,
) -> anyhow::Result<()> {
    if let Some(file) = &arguments.logits {
        write_logits(&open.model, arguments.system.as_deref(), prompt, pictures, file)?;
    }
    let mut show = |text: &str| {
        if !arguments.json {
            print_now(text);
        }
    };
    let answer = session.ask(prompt, pictures, &arguments.generation(), cancel, &mut show)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&answer, open))?);
    } else {
        println!();
    }
    Ok(())
}

fn as_json(answer: &Answer, open: &OpenModel) -> serde_json::Value {
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    serde_json::json!({
        "answer": answer.text,
        "token_ids": answer.ids,
        "finish": answer.finish,
        "prompt_tokens": answer.prompt_tokens,
        "encode_ms": ms(answer.timings.encode),
        "first_token_ms": ms(answer.timings.first_token),
        "decode_ms": ms(answer.timings.decode),
        "tokens_per_second": answer.tokens_per_second(),
        "device": open.device.choice.to_string(),
        "device_name": open.device.name,
        "template": open.model.template.name(),
    })
}

/// What a typed line asks for.
enum Line {
    Send,
    More(String),
    Image(String),
    Reset,
    System(Option<String>),
    Help,
    Exit,
}

fn understand(line: &str) -> Line {
    let word = line.trim();
    match word.split_once(char::is_whitespace).unwrap_or((word, "")) {
        ("", "") => Line::Send,
        ("/image", path) if !path.is_empty() => Line::Image(path.trim().to_owned()),
        ("/reset" | "RESET", "") => Line::Reset,
        ("/system", text) => Line::System(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        ("/help", "") => Line::Help,
        ("/exit" | "EXIT", "") => Line::Exit,
        _ => Line::More(line.to_owned()),
    }
}

fn converse(
    arguments: &ChatArguments,
    session: &mut ChatSession<'_>,
    first: Vec<Picture>,
    cancel: &CancelToken,
) -> anyhow::Result<()> {
    println!("{HELP}\n");
    let mut pictures = first.clone();
    let mut question = String::new();
    print_now("> ");
    for line in io::stdin().lock().lines() {
        match understand(&line.context("the input is not UTF-8 text")?) {
            Line::More(text) => {
                question.push_str(&text);
                question.push('\n');
                continue;
            }
            Line::Send if question.trim().is_empty() => {}
            Line::Send => {
                cancel.reset();
                let config = arguments.generation();
                match session.ask(question.trim_end(), &pictures, &config, cancel, &mut print_now) {
                    Ok(_) => pictures.clear(),
                    Err(error) => eprintln!("error: {error}"),
                }
                cancel.reset();
                question.clear();
                println!();
            }
            Line::Image(path) => match picture(Path::new(&path)) {
                Ok(added) => pictures.push(added),
                Err(error) => eprintln!("error: {error:#}"),
            },
            Line::Reset => {
                session.reset();
                pictures.clone_from(&first);
                question.clear();
                println!("The conversation is forgotten.");
            }
            Line::System(text) => session.set_system(text),
            Line::Help => println!("{HELP}"),
            Line::Exit => break,
        }
        print_now("> ");
    }
    Ok(())
}

/// A closed pipe ends the program at the next line; losing a few letters before is no fault.
fn print_now(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
