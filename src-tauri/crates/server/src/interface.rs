//! The interface in a browser: its files, its commands, its events, its pictures.

use eyewright_app::{Reply, secret};
use eyewright_protocol::{ErrorBody, ErrorCode};

use crate::assets::{NOT_BUILT, interface_file};
use crate::guard::{Refused, check_host, check_json, check_origin, cookie, same_secret};
use crate::http::{Exchange, Head, Response};
use crate::listen::Shared;
use crate::websocket;

/// Longest body: a picture of 64 MiB in base64.
const LONGEST: u64 = 91 << 20;
/// Browsers that are let in at a time.
const SESSIONS: usize = 64;
/// One pixel that is shown in place of a picture that is not there.
const PLACEHOLDER: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
const JSON: &str = "application/json";

/// What every answer says to the browser; the policy is what a page of ours may do.
const ALWAYS: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; \
         connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; media-src 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
];

pub(crate) fn serve(shared: &Shared, mut exchange: Exchange) {
    let is_events = exchange.head.path == "/api/events";
    let response = match checked(shared, &exchange.head) {
        Err(refused) => refusal(refused),
        Ok(()) if is_events && exchange.head.method == "GET" => {
            match websocket::serve(exchange, shared.studio.events()) {
                Ok(()) => return,
                Err(given_back) => {
                    exchange = given_back;
                    refusal(Refused(400, "events come over a WebSocket"))
                }
            }
        }
        Ok(()) => answer(shared, &mut exchange),
    };
    let response = ALWAYS.iter().fold(response, |response, &(name, value)| response.with(name, value));
    exchange.answer(&response);
}

/// A loopback name, our own page, and for everything but files a browser that came through the link.
fn checked(shared: &Shared, head: &Head) -> Result<(), Refused> {
    let host = check_host(head)?;
    let inside = head.path.starts_with("/api/") || head.path.starts_with("/thumb/");
    // The link is clicked somewhere else, so a page may be opened from anywhere; it holds no secrets.
    let opens_page = !inside && head.method == "GET" && head.get("sec-fetch-mode") == Some("navigate");
    if !opens_page {
        check_origin(head, host)?;
    }
    if inside && !is_known(shared, head) {
        return Err(Refused(401, "open the link that the terminal shows"));
    }
    Ok(())
}

fn is_known(shared: &Shared, head: &Head) -> bool {
    let name = cookie_name(shared);
    cookie(head, &name)
        .is_some_and(|given| shared.gate().sessions.iter().any(|session| same_secret(given, session)))
}

/// Cookies know no ports, so the name does.
fn cookie_name(shared: &Shared) -> String {
    format!("eyewright-{}", shared.address.port())
}

fn refusal(Refused(status, message): Refused) -> Response {
    failed(status, &ErrorBody::new(ErrorCode::BadRequest, message))
}

fn failed(status: u16, error: &ErrorBody) -> Response {
    Response::new(status, JSON, serde_json::to_vec(error).unwrap_or_default())
}

fn answer(shared: &Shared, exchange: &mut Exchange) -> Response {
    let (method, path) = (exchange.head.method.clone(), exchange.head.path.clone());
    match (method.as_str(), path.strip_prefix("/api/"), path.strip_prefix("/thumb/")) {
        ("POST", Some("pictures"), _) => add_picture(shared, exchange),
        ("POST", Some(command), _) => call(shared, exchange, command),
        ("GET", None, Some(numbers)) => thumbnail(shared, numbers),
        ("GET", None, None) => file(shared, &exchange.head),
        _ => refusal(Refused(405, "there is no such thing to do here")),
    }
}

fn answered(reply: Reply<String>) -> Response {
    match reply {
        Ok(text) => Response::new(200, JSON, text).with("Cache-Control", "no-store"),
        Err(error) => {
            let status = match error.code {
                ErrorCode::BadRequest => 400,
                ErrorCode::UnknownCommand | ErrorCode::NotFound => 404,
                ErrorCode::AlreadyExists | ErrorCode::Conflict | ErrorCode::Busy | ErrorCode::NotReady => 409,
                ErrorCode::NotHere | ErrorCode::Unsupported => 501,
                ErrorCode::Internal | ErrorCode::WorkerStopped => 500,
                _ => 422,
            };
            failed(status, &error)
        }
    }
}

fn body(exchange: &mut Exchange) -> Result<Vec<u8>, Response> {
    exchange.body(LONGEST).map_err(|status| match status {
        413 => refusal(Refused(413, "a request has at most 91 MiB")),
        408 => refusal(Refused(408, "the request did not come in time")),
        _ => refusal(Refused(status, "the request is not whole")),
    })
}

fn call(shared: &Shared, exchange: &mut Exchange, command: &str) -> Response {
    if let Err(refused) = check_json(&exchange.head) {
        return refusal(refused);
    }
    match body(exchange) {
        Ok(body) => answered(shared.studio.call(command, &body)),
        Err(response) => response,
    }
}

/// A picture's bytes as they are; what `add_picture_bytes` does with base64.
fn add_picture(shared: &Shared, exchange: &mut Exchange) -> Response {
    // No form can send this type without being asked first.
    if exchange.head.get("content-type") != Some("application/octet-stream") {
        return refusal(Refused(415, "the Content-Type must be application/octet-stream"));
    }
    let name = exchange.head.value("name").unwrap_or_default();
    match body(exchange) {
        Ok(bytes) => {
            let added = shared.studio.add_picture(&name, &bytes);
            answered(added.map(|info| serde_json::to_string(&info).unwrap_or_default()))
        }
        Err(response) => response,
    }
}

fn thumbnail(shared: &Shared, numbers: &str) -> Response {
    let digits = |text: &str| {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u32>().ok() } else { None }
    };
    let numbers = numbers.split_once('/').and_then(|(picture, side)| digits(picture).zip(digits(side)));
    match numbers.and_then(|(picture, side)| shared.studio.thumbnail(picture, side).ok()) {
        Some((bytes, kind)) => Response::new(200, kind, bytes).with("Cache-Control", "private, max-age=3600"),
        None => Response::new(404, "image/gif", PLACEHOLDER),
    }
}

/// A file of the interface; with the link's secret, the way in.
fn file(shared: &Shared, head: &Head) -> Response {
    let path = head.path.as_str();
    if let Some(token) = head.value("token").filter(|_| path == "/") {
        return let_in(shared, &token, head);
    }
    // A path without a file is a room of the interface.
    let found = interface_file(path).or_else(|| if path.contains('.') { None } else { interface_file("/") });
    match found {
        Some((bytes, kind)) => {
            let caching = if path.starts_with("/assets/") {
                "private, max-age=31536000, immutable"
            } else {
                "no-cache"
            };
            Response::new(200, kind, bytes.into_owned()).with("Cache-Control", caching)
        }
        None if path == "/" => Response::new(503, "text/html; charset=utf-8", NOT_BUILT),
        None => Response::empty(404),
    }
}

fn let_in(shared: &Shared, token: &str, head: &Head) -> Response {
    let session = secret();
    let good = {
        let mut gate = shared.gate();
        let good = same_secret(token, &gate.link);
        if good {
            gate.link.clear();
            if gate.sessions.len() >= SESSIONS {
                gate.sessions.clear();
            }
            gate.sessions.insert(session.clone());
        }
        good
    };
    if good {
        shared.new_link();
        let cookie = format!("{}={session}; Path=/; HttpOnly; SameSite=Strict", cookie_name(shared));
        return Response::empty(303).with("Location", "/").with("Set-Cookie", cookie);
    }
    // Opening the link again in a browser that is in, by going back or reloading, is no mistake.
    if is_known(shared, head) {
        return Response::empty(303).with("Location", "/");
    }
    let message = "This link was used already. The terminal shows a new one.";
    Response::new(401, "text/plain; charset=utf-8", message)
}
