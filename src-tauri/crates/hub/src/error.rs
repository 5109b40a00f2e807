//! What can go wrong between a hub and a folder, and what the reader can do about it?

use std::{io, path::PathBuf};

/// Why a download did not come to its end. None of them contains a token.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The hub's address is none.
    #[error("the download address `{address}` cannot be used: {problem}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not a repository's name.
    #[error("`{name}` is not the name of a repository; one looks like `openai/clip-vit-large-patch14-336`")]
    Name {
        /// As it was given.
        name: String,
    },
    /// Not a revision's name.
    #[error("`{name}` is not a branch, tag or commit")]
    Revision {
        /// As it was given.
        name: String,
    },
    /// A key that HTTP cannot carry.
    #[error("the key for the hub has letters that no key has; set it again")]
    Token,
    /// No encryption.
    #[error("encrypted connections cannot be made: {problem}")]
    Tls {
        /// Why.
        problem: String,
    },
    /// No connection, or one that broke.
    #[error("`{host}` cannot be reached: {problem}")]
    Connection {
        /// Whom we asked.
        host: String,
        /// The network's words.
        problem: String,
    },
    /// 401 or 403.
    #[error("`{host}` refuses `{repository}` ({status}): {}", refusal(*gated, *with_token, *insecure))]
    Refused {
        /// Whom we asked.
        host: String,
        /// What for.
        repository: String,
        /// The HTTP status.
        status: u16,
        /// Whether the repository asks for its conditions to be accepted.
        gated: bool,
        /// Whether a key was sent.
        with_token: bool,
        /// Whether a key was held back because the connection is open to read.
        insecure: bool,
    },
    /// 404.
    #[error("`{host}` has no {what}")]
    Missing {
        /// Whom we asked.
        host: String,
        /// What is missing.
        what: String,
    },
    /// Another status.
    #[error("`{host}` answered {status}{}", reason(message))]
    Status {
        /// Whom we asked.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
        /// Seconds the server asks to wait.
        wait: Option<u64>,
    },
    /// Not what a hub answers.
    #[error("`{host}` does not answer as a model hub does: {problem}")]
    Answer {
        /// Whom we asked.
        host: String,
        /// What is wrong.
        problem: String,
    },
    /// A redirect from an encrypted to an open connection, or to nowhere.
    #[error("`{host}` sends us to `{target}`, where we do not go: {problem}")]
    Redirect {
        /// Who sent us.
        host: String,
        /// Where to.
        target: String,
        /// Why not.
        problem: &'static str,
    },
    /// A file name that leaves the folder.
    #[error(
        "the repository has a file named `{name}`, which would not stay in its folder; nothing was written"
    )]
    UnsafeName {
        /// The name.
        name: String,
    },
    /// No file that Eyewright reads.
    #[error(
        "`{repository}` holds no weights that Eyewright reads (safetensors, or torch files); there is {}",
        found.join(", ")
    )]
    NothingToRead {
        /// The repository.
        repository: String,
        /// Some of its files.
        found: Vec<String>,
    },
    /// Too little space, seen before the first byte.
    #[error(
        "`{}` has {} free, the download needs {}",
        folder.display(), mebibytes(*free), mebibytes(*needed)
    )]
    Space {
        /// Where it would be written.
        folder: PathBuf,
        /// Bytes still to come, and what stays free.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The file system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A file is not as long as announced.
    #[error("`{file}` changed on the server: it has {found} bytes, {expected} were announced")]
    Changed {
        /// The file.
        file: String,
        /// Bytes announced.
        expected: u64,
        /// Bytes on offer.
        found: u64,
    },
    /// All bytes came, and they are the wrong ones.
    #[error("`{file}` came with the wrong checksum ({found}, expected {expected}) and was thrown away")]
    Checksum {
        /// The file.
        file: String,
        /// What the hub says.
        expected: String,
        /// What came.
        found: String,
    },
    /// Somebody else is at it.
    #[error("`{repository}` is being downloaded already")]
    Busy {
        /// The repository.
        repository: String,
    },
    /// Stopped on request.
    #[error("stopped; the same download goes on from here when it is started again")]
    Cancelled,
}

fn refusal(gated: bool, with_token: bool, insecure: bool) -> &'static str {
    match (gated, with_token, insecure) {
        (_, _, true) => "a key is set, but it is not sent over a connection that others can read",
        (true, false, _) => "accept its conditions on its page, and set a key of your account",
        (true, true, _) => "accept its conditions on its page with the account that the key belongs to",
        (false, false, _) => "there is no such repository, or it is private and needs a key",
        (false, true, _) => "the key that is set does not open it",
    }
}

fn reason(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

impl HubError {
    /// Whether the same request may succeed a moment later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Connection { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}
