// What shortcuts ask for, handed to whoever can do it: the room that is open first, then the shell.

import type { Shortcut } from "./shortcuts";

type Handler = (command: Shortcut["id"]) => boolean;
const handlers: Handler[] = [];

/** The newest handler is asked first; one that returns `false` passes the command on. */
export function onCommand(handler: Handler): () => void {
  handlers.unshift(handler);
  return () => {
    const place = handlers.indexOf(handler);
    if (place >= 0) handlers.splice(place, 1);
  };
}

export function sendCommand(command: Shortcut["id"]): boolean {
  return handlers.some((handler) => handler(command));
}
