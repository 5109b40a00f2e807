//! Where are the files of the interface? In the program of a release, in the checkout's `ui/dist` otherwise.

use std::borrow::Cow;

#[cfg(not(debug_assertions))]
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

/// The page shown when the interface was not built: the program works without it, from the terminal.
pub const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Eyewright</title>\
<p>This program was built without its interface. In the checkout, <code>cargo xtask run</code> builds both; \
<code>npm ci && npm run build</code> in <code>ui/</code> builds the interface alone.";

/// A file of the interface by its path below the root, with its media type.
pub fn interface_file(path: &str) -> Option<(Cow<'static, [u8]>, &'static str)> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\');
    if !path.split('/').all(plain) {
        return None;
    }
    find(path).map(|bytes| (bytes, media_type(path)))
}

/// Whether the interface is there.
pub fn has_interface() -> bool {
    interface_file("index.html").is_some()
}

#[cfg(not(debug_assertions))]
fn find(path: &str) -> Option<Cow<'static, [u8]>> {
    embedded::FILES.iter().find(|(name, _)| *name == path).map(|(_, bytes)| Cow::Borrowed(*bytes))
}

#[cfg(debug_assertions)]
fn find(path: &str) -> Option<Cow<'static, [u8]>> {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../ui/dist");
    std::fs::read(std::path::Path::new(dist).join(path)).ok().map(Cow::Owned)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "woff2" => "font/woff2",
        "ico" => "image/x-icon",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        for path in ["../Cargo.toml", "/..", "a/../../x", ".env", "a//b", "..\\x", "/./x"] {
            assert!(interface_file(path).is_none(), "{path}");
        }
    }
}
