//! One request to a hub, on a thread of its own: whoever waits for it can stop at any moment, even while nothing comes.
//!
//! Redirects are followed here and not by the HTTP library, because the key goes to the hub's own address and to no
//! other.

use std::env;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ureq::{Agent, AgentBuilder, Proxy, Response};
use url::Url;

use crate::address::{Address, host, is_loopback, is_private};
use crate::meter::{GLANCE, Meter};
use crate::{Checksum, HubError};

/// A connection is made within this time, or there is none.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// Most redirects of one request.
const HOPS: usize = 10;
/// Bytes of one piece, and pieces that may wait to be written.
const PIECE: usize = 128 << 10;
const WAITING: usize = 8;

/// Asks a hub, with a key where it belongs.
#[derive(Clone)]
pub(crate) struct Client {
    agents: Agents,
    address: Address,
    token: Option<String>,
}

/// Straight connections, and those through the proxy that the environment names.
#[derive(Clone)]
struct Agents {
    straight: Agent,
    proxied: Option<Agent>,
    unproxied: Arc<[String]>,
}

/// An answer whose body is still to come.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pieces: Receiver<Result<Vec<u8>, HubError>>,
    host: String,
}

/// What the headers of an answer say.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// `Content-Length`.
    pub(crate) length: Option<u64>,
    /// `Content-Range`: first byte, and bytes of the whole file.
    pub(crate) range: Option<(u64, u64)>,
    /// What the hub itself, not a store behind it, says about the file.
    pub(crate) linked_size: Option<u64>,
    pub(crate) checksum: Option<Checksum>,
}

impl Client {
    pub(crate) fn new(address: Address, token: Option<String>) -> Result<Self, HubError> {
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(HubError::Token);
        }
        Ok(Self { agents: Agents::new()?, address, token })
    }

    /// Asks for a file from a byte on.
    pub(crate) fn get(&self, url: &Url, from: u64, meter: &mut Meter) -> Result<Answer, HubError> {
        self.ask("GET", url, from, meter)
    }

    /// Asks what is known about a file.
    pub(crate) fn head(&self, url: &Url, meter: &mut Meter) -> Result<Head, HubError> {
        Ok(self.ask("HEAD", url, 0, meter)?.head)
    }

    fn ask(&self, method: &'static str, url: &Url, from: u64, meter: &mut Meter) -> Result<Answer, HubError> {
        let (client, first) = (self.clone(), url.clone());
        let (head_sender, head) = sync_channel(1);
        let (sender, pieces) = sync_channel(WAITING);
        let fault =
            |error: std::io::Error| HubError::Connection { host: host(url), problem: error.to_string() };
        let work = move || match client.follow(method, first, from) {
            Ok((head, response)) => {
                if head_sender.send(Ok(head)).is_ok() && method == "GET" {
                    pass_on(response, &sender);
                }
            }
            // Nobody is left to be told if the download was stopped.
            Err(error) => drop(head_sender.send(Err(error))),
        };
        std::thread::Builder::new().name("download".into()).spawn(work).map_err(fault)?;
        let ended = || HubError::Connection { host: host(url), problem: "the request ended early".into() };
        let head = receive(&head, meter)?.ok_or_else(ended)??;
        Ok(Answer { head, pieces, host: host(url) })
    }

    /// Whether the key may be sent there.
    fn token_for(&self, url: &Url) -> Option<&str> {
        self.token.as_deref().filter(|_| self.address.owns(url) && is_private(url))
    }

    fn follow(&self, method: &str, mut url: Url, from: u64) -> Result<(Head, Response), HubError> {
        let mut head = Head::default();
        for _ in 0..=HOPS {
            let mut request =
                self.agents.of(&url).request_url(method, &url).set("Accept-Encoding", "identity");
            if let Some(token) = self.token_for(&url) {
                request = request.set("Authorization", &format!("Bearer {token}"));
            }
            if from > 0 {
                request = request.set("Range", &format!("bytes={from}-"));
            }
            let response = match request.call() {
                Ok(response) => response,
                Err(ureq::Error::Status(_, response)) => return Err(self.refused(&url, &response)),
                Err(ureq::Error::Transport(problem)) => return Err(unreachable(&url, &problem)),
            };
            head.read(&response, self.address.owns(&url));
            // What is known needs no question to the store behind the hub, which may answer GET alone.
            let known = method == "HEAD" && head.linked_size.is_some();
            if known || !(300..400).contains(&head.status) {
                return Ok((head, response));
            }
            url = next(&url, response.header("Location").unwrap_or_default())?;
        }
        let (host, target) = (host(self.address.url()), url.to_string());
        Err(HubError::Redirect { host, target, problem: "it is the eleventh redirect in a row" })
    }

    /// What a status of 400 and more means.
    fn refused(&self, url: &Url, response: &Response) -> HubError {
        let code = response.header("X-Error-Code").unwrap_or_default();
        let words = response.header("X-Error-Message").unwrap_or_else(|| response.status_text());
        let (host, status) = (host(url), response.status());
        let message = words.chars().filter(|char| !char.is_control()).take(300).collect();
        let repository = repository_in(url);
        match (status, code) {
            (_, "RevisionNotFound") => {
                HubError::Missing { host, what: format!("such revision of `{repository}`") }
            }
            (404, "EntryNotFound") => HubError::Missing { host, what: format!("`{}`", url.path()) },
            (404, _) => HubError::Missing { host, what: format!("`{repository}`, or not at this revision") },
            (401 | 403, _) if self.address.owns(url) => HubError::Refused {
                host,
                repository,
                status,
                gated: code == "GatedRepo",
                with_token: self.token_for(url).is_some(),
                insecure: self.token.is_some() && self.address.owns(url) && !is_private(url),
            },
            _ => {
                let wait = response.header("Retry-After").and_then(|wait| wait.trim().parse().ok());
                HubError::Status { host, status, message, wait }
            }
        }
    }
}

impl Head {
    /// Takes over what an answer says; what the hub says about a file outlives a redirect to the store that has it.
    fn read(&mut self, response: &Response, from_hub: bool) {
        let number = |name: &str| response.header(name).and_then(|value| value.trim().parse().ok());
        self.status = response.status();
        self.length = number("Content-Length");
        self.range = response.header("Content-Range").and_then(content_range);
        if from_hub {
            let redirect = (300..400).contains(&self.status);
            let etag =
                response.header("X-Linked-Etag").or_else(|| response.header("ETag").filter(|_| !redirect));
            self.checksum = self.checksum.take().or_else(|| etag.and_then(Checksum::from_etag));
            self.linked_size = self.linked_size.or_else(|| number("X-Linked-Size"));
        }
    }
}

/// `bytes 100-199/200`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, all) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, all.trim().parse().ok()?))
}

/// Where a redirect leads: never from an encrypted connection to an open one.
fn next(url: &Url, location: &str) -> Result<Url, HubError> {
    let refused = |problem| HubError::Redirect {
        host: host(url),
        target: location.chars().take(200).collect(),
        problem,
    };
    let target = url.join(location).map_err(|_| refused("that is no address"))?;
    if location.is_empty() || !matches!(target.scheme(), "http" | "https") {
        return Err(refused("that is no address"));
    }
    if is_private(url) && !is_private(&target) {
        return Err(refused("others could read along there"));
    }
    Ok(target)
}

/// `owner/name` in a URL of the hub, for messages.
fn repository_in(url: &Url) -> String {
    let path = url.path();
    let after = path.split_once("/api/models/").map_or(path, |(_, after)| after);
    let before = ["/revision/", "/resolve/"].iter().find_map(|word| after.split_once(word));
    before.map_or(after, |(before, _)| before).trim_matches('/').to_owned()
}

fn unreachable(url: &Url, problem: &ureq::Transport) -> HubError {
    // The library's text begins with the URL, which is said already.
    let text = problem.to_string();
    let problem = text.strip_prefix(url.as_str()).unwrap_or(&text).trim_start_matches(": ").to_owned();
    HubError::Connection { host: host(url), problem }
}

/// Hands the body over piece by piece; ends when it does, or when nobody wants more.
fn pass_on(response: Response, sender: &SyncSender<Result<Vec<u8>, HubError>>) {
    let host = response.get_url().parse().map_or_else(|_| String::new(), |url| host(&url));
    let mut reader = response.into_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let got = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => {
                piece.truncate(length);
                Ok(piece)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Err(HubError::Connection { host: host.clone(), problem: error.to_string() }),
        };
        let ends = got.is_err();
        if sender.send(got).is_err() || ends {
            return;
        }
    }
}

/// Waits for a thread, looking up ten times a second; `None` when there will be no more.
fn receive<T>(receiver: &Receiver<T>, meter: &mut Meter) -> Result<Option<T>, HubError> {
    loop {
        meter.glance()?;
        match receiver.recv_timeout(GLANCE) {
            Ok(found) => return Ok(Some(found)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

impl Answer {
    /// More of the body; `None` at its end.
    pub(crate) fn next(&self, meter: &mut Meter) -> Result<Option<Vec<u8>>, HubError> {
        receive(&self.pieces, meter)?.transpose()
    }

    /// The body ended before the file did.
    pub(crate) fn cut(&self) -> HubError {
        HubError::Connection { host: self.host.clone(), problem: "the connection was cut".into() }
    }

    /// A status, or a part of a file, that was not asked for.
    pub(crate) fn unexpected(&self, status: u16) -> HubError {
        let problem = format!("it answered {status} with another part of the file than was asked for");
        HubError::Answer { host: self.host.clone(), problem }
    }

    /// The body of an answer that is read at once.
    pub(crate) fn whole(self, longest: usize, meter: &mut Meter) -> Result<Vec<u8>, HubError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next(meter)? {
            bytes.extend(piece);
            if bytes.len() > longest {
                let problem = format!("its answer is longer than {longest} bytes");
                return Err(HubError::Answer { host: self.host, problem });
            }
        }
        Ok(bytes)
    }
}

impl Agents {
    fn new() -> Result<Self, HubError> {
        let tls = Arc::new(tls()?);
        let builder = || {
            AgentBuilder::new()
                .timeout_connect(CONNECT)
                .timeout_read(SILENCE)
                .timeout_write(SILENCE)
                .redirects(0)
                .try_proxy_from_env(false)
                .user_agent(concat!("eyewright/", env!("CARGO_PKG_VERSION")))
                .tls_config(Arc::clone(&tls))
        };
        let set = |names: &[&str]| {
            names.iter().filter_map(|name| env::var(name).ok()).find(|text| !text.is_empty())
        };
        let proxy = set(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
            .and_then(|text| Proxy::new(text).ok());
        let unproxied = set(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        Ok(Self {
            straight: builder().build(),
            proxied: proxy.map(|proxy| builder().proxy(proxy).build()),
            unproxied: unproxied
                .split(',')
                .map(|name| name.trim().trim_start_matches('.').to_owned())
                .collect(),
        })
    }

    fn of(&self, url: &Url) -> &Agent {
        let host = url.host_str().unwrap_or_default();
        let named = |name: &String| {
            name == "*"
                || !name.is_empty()
                    && (host == name
                        || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')))
        };
        match &self.proxied {
            Some(proxied) if !is_loopback(url) && !self.unproxied.iter().any(named) => proxied,
            _ => &self.straight,
        }
    }
}

/// Certificates of the system and those that came with the program: either alone leaves some machines out.
fn tls() -> Result<rustls::ClientConfig, HubError> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| HubError::Tls { problem: error.to_string() })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
