// Picks the platform once. Everything else of the interface imports from here.

import { browserPlatform } from "./browser";
import type { Platform } from "./platform";
import { tauriPlatform } from "./tauri";

export const platform: Platform = "__TAURI_INTERNALS__" in window ? tauriPlatform : browserPlatform();
export { BackendError, toErrorBody, type LineState, type Reply, type Request, type ThumbSize } from "./platform";
