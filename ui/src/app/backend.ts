// One typed door to the core for all rooms.

import type { CommandName } from "../bindings/protocol";
import { platform, type Reply, type Request } from "../platform";

/** Commands that take nothing need no second argument. */
type Rest<K extends CommandName> = keyof Request<K> extends symbol
  ? []
  : Record<string, never> extends Request<K>
    ? [request?: Request<K>]
    : [request: Request<K>];

export function call<K extends CommandName>(command: K, ...rest: Rest<K>): Promise<Reply<K>> {
  return platform.call(command, (rest[0] ?? {}) as Request<K>);
}

export const thumb = platform.thumb;
