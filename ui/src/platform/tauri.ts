// The desktop window: commands and events over the window's own bridge.

import { Channel, invoke } from "@tauri-apps/api/core";

import type { Envelope } from "../bindings/protocol";
import { BackendError, toErrorBody, type Platform } from "./platform";

/** On Windows and Android the web view gives custom schemes an http address. */
const THUMB = navigator.userAgent.includes("Windows") ? "http://thumb.localhost" : "thumb://localhost";

export const tauriPlatform: Platform = {
  kind: "window",

  async call(command, request) {
    try {
      return await invoke("rpc", { command, request });
    } catch (thrown) {
      throw new BackendError(toErrorBody(thrown));
    }
  },

  listen(onEvent, onLine) {
    let open = true;
    const channel = new Channel<Envelope>();
    channel.onmessage = (envelope) => {
      if (open) onEvent(envelope);
    };
    onLine("connecting");
    invoke("subscribe", { channel }).then(
      () => open && onLine("open"),
      () => open && onLine("lost"),
    );
    return () => {
      open = false;
    };
  },

  thumb: (picture, size) => `${THUMB}/${picture}/${size}`,
};
