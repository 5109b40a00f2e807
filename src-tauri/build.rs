//! Declares the window's commands, so that each needs a permission; and makes a page for a checkout whose
//! interface was not built yet.

use std::fs;
use std::path::Path;

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Eyewright</title>\
<p>The interface was not built. <code>cargo xtask run</code> builds it and opens this window.";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dist = Path::new("../ui/dist");
    if !dist.join("index.html").exists() {
        fs::create_dir_all(dist)?;
        fs::write(dist.join("index.html"), NOT_BUILT)?;
    }
    let commands = tauri_build::AppManifest::new().commands(&["rpc", "subscribe"]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands))?;
    Ok(())
}
