// A browser tab: the same commands over HTTP, events over a WebSocket. A cookie that the page cannot read says who asks.

import type { Envelope } from "../bindings/protocol";
import { BackendError, isErrorBody, type LineState, type Platform } from "./platform";

const FIRST_WAIT = 400;
const LONGEST_WAIT = 5000;
/** The status that says: the link this tab was opened with is no longer good. */
const SESSION_OVER = 401;

export function browserPlatform(): Platform {
  let tellLine: (state: LineState) => void = () => undefined;

  return {
    kind: "browser",

    async call(command, request) {
      let response: Response;
      try {
        response = await fetch(`/api/${command}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          credentials: "same-origin",
          body: JSON.stringify(request),
        });
      } catch {
        throw new BackendError({ code: "network", message: "Eyewright does not answer.", hint: null });
      }
      if (response.status === SESSION_OVER) tellLine("over");
      const reply: unknown = await response.json().catch(() => undefined);
      if (response.ok) return reply as never;
      if (isErrorBody(reply)) throw new BackendError(reply);
      throw new BackendError({ code: "internal", message: `${command}: HTTP ${response.status}`, hint: null });
    },

    listen(onEvent, onLine) {
      let socket: WebSocket | undefined;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let wait = FIRST_WAIT;
      let closed = false;
      tellLine = onLine;
      const connect = () => {
        socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/api/events`);
        socket.onopen = () => {
          wait = FIRST_WAIT;
          onLine("open");
        };
        socket.onmessage = (message) => onEvent(JSON.parse(String(message.data)) as Envelope);
        socket.onclose = () => {
          if (closed) return;
          onLine("lost");
          // A refused handshake looks like a lost line here; a question over HTTP tells them apart.
          void this.call("app_info", {}).catch(() => undefined);
          timer = setTimeout(connect, wait);
          wait = Math.min(wait * 2, LONGEST_WAIT);
        };
      };
      onLine("connecting");
      connect();
      return () => {
        closed = true;
        clearTimeout(timer);
        socket?.close();
      };
    },

    thumb: (picture, size) => `/thumb/${picture}/${size}`,
  };
}
