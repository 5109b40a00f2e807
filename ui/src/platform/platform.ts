// What the interface needs from the place it runs in. Two answers: the desktop window and a browser tab.

import type { CommandName, Commands, Envelope, ErrorBody } from "../bindings/protocol";

export type Request<K extends CommandName> = Commands[K]["request"];
export type Reply<K extends CommandName> = Commands[K]["reply"];

/** How the line to the core is; `over` means that this tab may no longer ask. */
export type LineState = "connecting" | "open" | "lost" | "over";

export interface Platform {
  readonly kind: "window" | "browser";
  /** Asks the core. Rejects with a `BackendError`. */
  call<K extends CommandName>(command: K, request: Request<K>): Promise<Reply<K>>;
  /** Listens to everything that happens until the returned function is called. */
  listen(onEvent: (envelope: Envelope) => void, onLine: (state: LineState) => void): () => void;
  /** Address of a picture; the size is the longer side in pixels. */
  thumb(picture: number, size: ThumbSize): string;
}

export type ThumbSize = 96 | 192 | 384 | 768 | 1536;

/** A refusal or failure of the core, in the form it gave it. */
export class BackendError extends Error {
  readonly code: ErrorBody["code"];
  readonly hint: string | null;

  constructor(body: ErrorBody) {
    super(body.message);
    this.name = "BackendError";
    this.code = body.code;
    this.hint = body.hint;
  }

  get body(): ErrorBody {
    return { code: this.code, message: this.message, hint: this.hint };
  }
}

/** Makes an error body of anything that was thrown. */
export function toErrorBody(thrown: unknown): ErrorBody {
  if (thrown instanceof BackendError) return thrown.body;
  if (isErrorBody(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "internal", message, hint: null };
}

export function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}
