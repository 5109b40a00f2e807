//! The two commands of the window: ask, and listen.

use std::sync::atomic::Ordering;
use std::time::Duration;

use eyewright_protocol::{Envelope, ErrorBody, ErrorCode};
use tauri::ipc::{Channel, Response};
use tauri::{AppHandle, Manager, State};

use crate::Held;

/// Any command of the protocol. It is worked on aside; the thread that draws is never kept.
#[tauri::command]
pub(crate) async fn rpc(
    held: State<'_, Held>,
    command: String,
    request: serde_json::Value,
) -> Result<Response, ErrorBody> {
    let studio = held.studio.clone();
    let work = move || studio.call(&command, request.to_string().as_bytes());
    let done = tauri::async_runtime::spawn_blocking(work).await;
    let reply =
        done.map_err(|error| ErrorBody::new(ErrorCode::Internal, format!("the work was lost: {error}")))?;
    reply.map(Response::new)
}

/// Events from now on, until another page listens.
#[tauri::command]
pub(crate) fn subscribe(app: AppHandle, held: State<'_, Held>, channel: Channel<Envelope>) {
    let mine = held.listening.fetch_add(1, Ordering::AcqRel) + 1;
    let stream = held.studio.events();
    held.hand_over(Vec::new());
    std::thread::spawn(move || {
        while let Ok(next) = stream.next(Duration::from_millis(500)) {
            let newest = app.try_state::<Held>().map(|held| held.listening.load(Ordering::Acquire));
            if newest != Some(mine) {
                return;
            }
            if let Some(envelope) = next
                && channel.send((*envelope).clone()).is_err()
            {
                return;
            }
        }
    });
}
