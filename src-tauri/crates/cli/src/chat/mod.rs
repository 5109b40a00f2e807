//! `eyewright chat`: one question with `--prompt`, else a conversation at the keyboard.

mod arguments;
mod conversation;
mod keyboard;
mod once;
mod typed;

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use eyewright_app::{
    CancelToken, ChatSession, DecodeLimits, ModelRequest, OpenModel, Picture, open_model, open_picture,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::leave;

pub(crate) use arguments::{ChatArguments, ModelArguments, positive};

pub(crate) fn run(arguments: &ChatArguments) -> anyhow::Result<()> {
    // What can be wrong is found before the minutes that loading may take.
    arguments.check()?;
    let pictures = pictures(&arguments.image)?;
    let open = open(&arguments.model.request())?;
    let interrupts = Interrupts::watch()?;
    let mut session = ChatSession::new(&open.model);
    session.set_system(arguments.system.clone());
    match &arguments.prompt {
        Some(prompt) => once::answer(arguments, &open, &mut session, prompt, &pictures, &interrupts),
        None => conversation::run(arguments, &mut session, pictures, &interrupts),
    }
}

pub(crate) fn pictures(files: &[std::path::PathBuf]) -> anyhow::Result<Vec<Picture>> {
    files.iter().map(|file| picture(file)).collect()
}

fn picture(file: &Path) -> anyhow::Result<Picture> {
    Ok(open_picture(file, &DecodeLimits::default())?)
}

/// Loads with a bar on a terminal and in silence in a pipe.
fn open(request: &ModelRequest) -> anyhow::Result<OpenModel> {
    let bar = loading_bar()?;
    let open = open_model(request, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    if io::stderr().is_terminal() {
        let template = open.model.template.name();
        eprintln!("{} on {} ({})", open.device.choice, open.device.name, open.device.reason);
        eprintln!("template {template}: {}", open.template_reason);
    }
    for line in &open.assumed {
        eprintln!("assumed, because the .pth does not say it: {line}");
    }
    Ok(open)
}

/// Bytes and time left on a terminal, nothing in a pipe.
pub(crate) fn loading_bar() -> anyhow::Result<ProgressBar> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("loading {bar:30} {bytes} of {total_bytes}, {eta} left")?);
    Ok(bar)
}

/// The first Ctrl-C stops an answer; a second one, or one while nothing is written, leaves.
pub(crate) struct Interrupts {
    pub(crate) cancel: CancelToken,
    answering: Arc<AtomicBool>,
}

impl Interrupts {
    fn watch() -> anyhow::Result<Self> {
        let (cancel, answering) = (CancelToken::default(), Arc::new(AtomicBool::new(false)));
        let (token, busy) = (cancel.clone(), answering.clone());
        ctrlc::set_handler(move || {
            if token.is_cancelled() || !busy.load(Ordering::Relaxed) {
                leave::at_once();
            }
            token.cancel();
        })
        .context("Ctrl-C cannot be watched")?;
        Ok(Self { cancel, answering })
    }

    /// Runs `work`, which watches [`Self::cancel`].
    fn during<T>(&self, work: impl FnOnce(&CancelToken) -> T) -> T {
        self.cancel.reset();
        self.answering.store(true, Ordering::Relaxed);
        let result = work(&self.cancel);
        self.answering.store(false, Ordering::Relaxed);
        result
    }
}
