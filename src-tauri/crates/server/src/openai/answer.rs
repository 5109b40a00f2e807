//! One completion: takes a place in the queue, writes, and stops when the client goes away.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eyewright_app::{ApiQuestion, CancelToken, Reply, secret};
use eyewright_protocol::{AnswerStats, ErrorBody, ErrorCode, Finish};
use serde_json::{Value, json};

use super::wire::{Request, Wrong};
use super::{WRONG, fault, json_of, of_body, status_of};
use crate::guard::{Refused, check_json};
use crate::http::{Exchange, Response};
use crate::listen::Shared;

/// Longest request, pictures among it.
const LONGEST: u64 = 20 << 20;
/// Requests that are answered or wait; further ones are asked to come again.
const QUEUE: usize = 16;
/// A stream without text says this often that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// A place in the queue, given back when it is dropped.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let taken = shared.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
            (waiting < QUEUE).then_some(waiting + 1)
        });
        taken.ok().map(|_| Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Sees on a thread of its own whether the client is still there; an answer for nobody is stopped.
struct Watch(Arc<AtomicBool>);

impl Watch {
    fn over(stream: Option<TcpStream>, cancel: CancelToken) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        if let Some(stream) = stream {
            let _ = thread::Builder::new().name("watch".into()).spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
                while !seen.load(Ordering::Acquire) {
                    match stream.peek(&mut [0]) {
                        // It has sent something more, which nobody will read.
                        Ok(1..) => thread::sleep(Duration::from_millis(200)),
                        Err(error)
                            if matches!(
                                error.kind(),
                                io::ErrorKind::WouldBlock
                                    | io::ErrorKind::TimedOut
                                    | io::ErrorKind::Interrupted
                            ) => {}
                        Ok(0) | Err(_) => return cancel.cancel(),
                    }
                }
            });
        }
        Self(done)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

type Ended = Reply<(String, Finish, AnswerStats)>;

/// Answers, and says with which status.
pub(super) fn completions(shared: &Arc<Shared>, mut exchange: Exchange) -> u16 {
    let (streams, usage, question) = match read(shared, &mut exchange) {
        Ok(read) => read,
        Err(response) => {
            exchange.answer(&response);
            return response.status;
        }
    };
    let Some(_place) = Place::take(shared) else {
        let response =
            fault(429, "rate_limit_error", "queue_full", None, "too many requests wait; try again later");
        exchange.answer(&response);
        return response.status;
    };
    let cancel = CancelToken::default();
    let _watch = Watch::over(exchange.watch(), cancel.clone());
    let made = Made {
        id: format!("chatcmpl-{}", secret().get(..24).unwrap_or_default()),
        created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        model: question.model.clone(),
    };
    if streams {
        return stream(shared, exchange, &question, &cancel, usage, &made);
    }
    let mut text = String::new();
    let response = match shared.studio.api().answer(&question, &cancel, &mut |piece| text += piece) {
        Ok((model, finish, stats)) => json_of(
            200,
            &json!({
                "id": made.id, "object": "chat.completion", "created": made.created, "model": model,
                "choices": [{
                    "index": 0, "message": { "role": "assistant", "content": text }, "logprobs": null,
                    "finish_reason": reason(finish),
                }],
                "usage": usage_of(&stats),
            }),
        ),
        Err(error) => of_body(&error),
    };
    exchange.answer(&response);
    response.status
}

/// What all parts of an answer say about it.
struct Made {
    id: String,
    created: u64,
    model: String,
}

impl Made {
    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }],
        })
    }
}

fn stream(
    shared: &Arc<Shared>,
    exchange: Exchange,
    question: &ApiQuestion,
    cancel: &CancelToken,
    usage: bool,
    made: &Made,
) -> u16 {
    let (texts, written) = mpsc::channel::<String>();
    let door = shared.studio.api();
    thread::scope(|scope| {
        let answer = scope.spawn(move || -> Ended {
            door.answer(question, cancel, &mut |text| {
                if texts.send(text.to_owned()).is_err() {
                    cancel.cancel();
                }
            })
        });
        // A fault before the first text still gets its own status.
        let first = written.recv().ok();
        let mut answer = Some(answer);
        let mut ended = || -> Ended {
            answer.take().and_then(|answer| answer.join().ok()).unwrap_or_else(|| Err(lost()))
        };
        let mut early = None;
        if first.is_none() {
            match ended() {
                Err(error) => {
                    let response = of_body(&error);
                    exchange.answer(&response);
                    return response.status;
                }
                whole => early = Some(whole),
            }
        }
        let sent = exchange.begin("text/event-stream").and_then(|mut out| {
            let mut event = |value: &Value| out.send(&format!("data: {value}\n\n"));
            event(&made.chunk(&json!({ "role": "assistant", "content": "" }), None))?;
            if let Some(text) = first {
                event(&made.chunk(&json!({ "content": text }), None))?;
            }
            loop {
                match written.recv_timeout(ALIVE_EVERY) {
                    Ok(text) => out.send(&format!("data: {}\n\n", made.chunk(&json!({ "content": text }), None)))?,
                    Err(mpsc::RecvTimeoutError::Timeout) => out.send(": alive\n\n")?,
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                }
            }
            let mut event = |value: &Value| out.send(&format!("data: {value}\n\n"));
            match early.take().unwrap_or_else(&mut ended) {
                Ok((_, finish, stats)) => {
                    event(&made.chunk(&json!({}), Some(reason(finish))))?;
                    if usage {
                        let mut chunk = made.chunk(&json!({}), None);
                        chunk["choices"] = json!([]);
                        chunk["usage"] = usage_of(&stats);
                        event(&chunk)?;
                    }
                }
                Err(error) => {
                    let (_, kind, code) = status_of(error.code);
                    event(&json!({ "error": { "message": error.to_string(), "type": kind, "param": null, "code": code } }))?;
                }
            }
            out.send("data: [DONE]\n\n")?;
            out.end();
            Ok(())
        });
        if sent.is_err() {
            cancel.cancel(); // nobody reads it
        }
        drop(written);
        200
    })
}

fn read(shared: &Shared, exchange: &mut Exchange) -> Result<(bool, bool, ApiQuestion), Response> {
    if let Err(Refused(status, message)) = check_json(&exchange.head) {
        return Err(fault(status, WRONG, "unsupported_media_type", None, message));
    }
    let bytes = exchange.body(LONGEST).map_err(|status| match status {
        413 => fault(413, WRONG, "request_too_large", None, "a request has at most 20 MiB"),
        408 => fault(408, WRONG, "timeout", None, "the request did not come in time"),
        _ => fault(status, WRONG, "incomplete", None, "the request is not whole, or its length is not told"),
    })?;
    let request: Request = serde_json::from_slice(&bytes)
        .map_err(|error| fault(400, WRONG, "invalid_json", None, &error.to_string()))?;
    let (streams, usage) = (request.stream, request.wants_usage());
    let usual = shared.studio.settings().sampling;
    let question = request.question(usual).map_err(|Wrong(field, message)| {
        fault(400, WRONG, "invalid_value", Some(field), &format!("`{field}`: {message}"))
    })?;
    Ok((streams, usage, question))
}

fn lost() -> ErrorBody {
    ErrorBody::new(ErrorCode::Internal, "the answer was lost")
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Length | Finish::Context => "length",
        Finish::Stop | Finish::Cancelled | Finish::Failed => "stop",
    }
}

fn usage_of(stats: &AnswerStats) -> Value {
    json!({
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.tokens,
        "total_tokens": stats.prompt_tokens.saturating_add(stats.tokens),
        "prompt_tokens_details": { "cached_tokens": stats.cached_tokens },
    })
}
