//! The API that OpenAI's clients understand: `/v1/models`, `/v1/chat/completions`, `/health`.
//!
//! No path, no address and no tool comes in through it; pictures come as data URIs only.

mod answer;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use eyewright_protocol::{ErrorBody, ErrorCode};
use serde_json::{Value, json};

use crate::guard::{Refused, check_host, check_origin, same_secret};
use crate::http::{Exchange, Head, Response, decoded};
use crate::listen::Shared;

const WRONG: &str = "invalid_request_error";

pub(crate) fn serve(shared: &Arc<Shared>, exchange: Exchange) {
    let (started, what) = (Instant::now(), format!("{} {}", exchange.head.method, exchange.head.path));
    let status = answered(shared, exchange);
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if !what.ends_with("/health") {
        shared.studio.api().note(&what, status, ms);
    }
}

/// Answers, and says with which status.
fn answered(shared: &Arc<Shared>, exchange: Exchange) -> u16 {
    let head = &exchange.head;
    let response = match checked(shared, head) {
        Err(Refused(status, message)) => {
            let code = if status == 401 { "invalid_api_key" } else { "forbidden" };
            fault(status, WRONG, code, None, message)
        }
        Ok(()) => match (head.method.as_str(), head.path.as_str()) {
            ("GET", "/health") => json_of(200, &json!({ "status": "ok" })),
            ("GET", "/v1/models") => models(shared),
            ("POST", "/v1/chat/completions") => return answer::completions(shared, exchange),
            ("GET", path) => match path.strip_prefix("/v1/models/") {
                Some(id) => model(shared, &decoded(id)),
                None => fault(404, WRONG, "unknown_url", None, "there is no such address"),
            },
            _ => fault(405, WRONG, "method_not_allowed", None, "there is no such thing to do here"),
        },
    };
    exchange.answer(&response);
    response.status
}

/// Host, Origin and key, before a body is read.
fn checked(shared: &Shared, head: &Head) -> Result<(), Refused> {
    let host = check_host(head)?;
    check_origin(head, host)?;
    if head.path == "/health" {
        return Ok(());
    }
    let given = head.get("authorization").unwrap_or_default();
    let key = given
        .split_once(' ')
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    if key.is_some_and(|key| same_secret(key, &shared.studio.api().key())) {
        Ok(())
    } else {
        Err(Refused(401, "the API key is missing or wrong; Eyewright shows it in Settings and at its start"))
    }
}

fn models(shared: &Shared) -> Response {
    match list(shared) {
        Ok(models) => json_of(200, &json!({ "object": "list", "data": models })),
        Err(error) => of_body(&error),
    }
}

fn model(shared: &Shared, id: &str) -> Response {
    match list(shared) {
        Ok(models) => match models.into_iter().find(|model| model["id"] == id) {
            Some(model) => json_of(200, &model),
            None => fault(
                404,
                WRONG,
                "model_not_found",
                Some("model"),
                "there is no such model; GET /v1/models lists them",
            ),
        },
        Err(error) => of_body(&error),
    }
}

fn list(shared: &Shared) -> Result<Vec<Value>, ErrorBody> {
    let row = |model: eyewright_app::ApiModel| {
        let sees: &[&str] = if model.eyes { &["text", "image"] } else { &["text"] };
        json!({ "id": model.id, "object": "model", "created": 0, "owned_by": "eyewright", "input_modalities": sees })
    };
    Ok(shared.studio.api().models()?.into_iter().map(row).collect())
}

pub(super) fn json_of(status: u16, value: &Value) -> Response {
    Response::new(status, "application/json", value.to_string())
}

/// An error of the form OpenAI's clients read.
pub(super) fn fault(status: u16, kind: &str, code: &str, param: Option<&str>, message: &str) -> Response {
    let body = json!({ "error": { "message": message, "type": kind, "param": param, "code": code } });
    let response = json_of(status, &body);
    match status {
        429 | 503 => response.with("Retry-After", "5"),
        401 => response.with("WWW-Authenticate", "Bearer"),
        _ => response,
    }
}

/// A use case's error in that form.
pub(super) fn of_body(error: &ErrorBody) -> Response {
    let (status, kind, code) = status_of(error.code);
    fault(status, kind, code, None, &error.to_string())
}

pub(super) fn status_of(code: ErrorCode) -> (u16, &'static str, &'static str) {
    match code {
        ErrorCode::BadRequest => (400, WRONG, "invalid_value"),
        ErrorCode::Damaged => (400, WRONG, "invalid_image"),
        ErrorCode::NoEyes => (400, WRONG, "image_not_supported"),
        ErrorCode::ContextFull => (400, WRONG, "context_length_exceeded"),
        ErrorCode::NotFound => (404, WRONG, "model_not_found"),
        ErrorCode::Busy | ErrorCode::NotReady | ErrorCode::WorkerStopped | ErrorCode::Cancelled => {
            (503, "server_error", "unavailable")
        }
        _ => (500, "server_error", "failed"),
    }
}
