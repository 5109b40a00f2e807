//! `thumb://localhost/<picture>/<size>`: numbers in, our own re-encoded pixels out; never a path, never a page.

use tauri::http::{Method, Request, Response, StatusCode};
use tauri::{Manager, Runtime, UriSchemeContext, UriSchemeResponder};

use crate::Held;

/// One pixel for what is not there.
const PLACEHOLDER: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

pub(crate) fn serve<R: Runtime>(
    context: UriSchemeContext<'_, R>,
    request: Request<Vec<u8>>,
    responder: UriSchemeResponder,
) {
    let studio = context.app_handle().try_state::<Held>().map(|held| held.studio.clone());
    let wanted = Some(request.uri().path()).filter(|_| request.method() == Method::GET).and_then(numbers);
    std::thread::spawn(move || {
        let made =
            studio.zip(wanted).and_then(|(studio, (picture, side))| studio.thumbnail(picture, side).ok());
        let (status, kind, bytes) = match made {
            Some((bytes, kind)) => (StatusCode::OK, kind, bytes),
            None => (StatusCode::NOT_FOUND, "image/gif", PLACEHOLDER.to_vec()),
        };
        // No Cross-Origin-Resource-Policy: this scheme is another origin than the page's, and WebKitGTK then refuses a
        // picture whenever it is shown a second time. Pages of others never come into this window.
        let response = Response::builder()
            .status(status)
            .header("content-type", kind)
            .header("x-content-type-options", "nosniff")
            .header("cache-control", "private, max-age=3600")
            .body(bytes);
        if let Ok(response) = response {
            responder.respond(response);
        }
    });
}

/// Exactly two numbers.
fn numbers(path: &str) -> Option<(u32, u32)> {
    let (picture, side) = path.strip_prefix('/')?.split_once('/')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(picture) && digits(side) { Some((picture.parse().ok()?, side.parse().ok()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn paths_are_two_numbers() {
        assert_eq!(numbers("/7/384"), Some((7, 384)));
        for path in [
            "",
            "/",
            "/7",
            "/7/",
            "/7/384/",
            "/-7/1",
            "/+7/1",
            "/7/../1",
            "/%37/1",
            "/a/1",
            "/99999999999/1",
            "//7/1",
        ] {
            assert_eq!(numbers(path), None, "{path}");
        }
    }
}
