//! `eyewright models download`: a model from a hub, with a bar in a terminal and a line at the end.

use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::Args;
use eyewright_app::{DownloadProgress, DownloadRequest, default_home, download};
use eyewright_protocol::ErrorCode;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{leave, print};

#[derive(Debug, Args)]
pub(crate) struct DownloadArguments {
    /// Such as openai/clip-vit-large-patch14-336, or the address of its page.
    #[arg(value_name = "ID")]
    repository: String,
    /// Branch, tag or commit [default: main].
    #[arg(long, value_name = "R")]
    revision: Option<String>,
    /// Hub or mirror [default: HF_ENDPOINT, or that of the settings].
    ///
    /// The key for it is HF_TOKEN; for the hub of the settings, the key in the keyring goes first.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Folder of settings and library [default: EYEWRIGHT_HOME, or the system's place for data].
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
}

pub(crate) fn run(arguments: &DownloadArguments) -> anyhow::Result<()> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let request = DownloadRequest {
        home: arguments.home.clone().unwrap_or_else(default_home),
        repository: arguments.repository.clone(),
        revision: arguments.revision.clone(),
        address: arguments.endpoint.clone().or_else(|| set("HF_ENDPOINT")),
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopping);
    // What came is kept.
    leave::on_ctrl_c(move || flag.store(true, Ordering::Relaxed))?;
    let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style =
        ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} {msg}");
    bar.set_style(style.context("the bar's form")?);
    let told = &mut |progress: &DownloadProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if bar.message() != progress.file {
            bar.set_message(progress.file.clone());
        }
        if stopping.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let done = download(&request, told);
    bar.finish_and_clear();
    let done = match done {
        Err(error) if error.code == ErrorCode::Cancelled => {
            eprintln!("{error}");
            std::process::exit(leave::INTERRUPTED);
        }
        other => other?,
    };
    if done.already {
        eprintln!("it is here already, at commit {}", done.commit);
    }
    if !done.unchecked.is_empty() {
        eprintln!(
            "the hub gave no checksum for {}; only their length was checked",
            done.unchecked.join(", ")
        );
    }
    print::line(done.folder.display());
    Ok(())
}
