// Where the user is: a room and, in some rooms, a thing in it. Kept in the address, so that back works.

export const ROOMS = ["home", "chat", "models", "datasets", "train", "runs", "export", "settings"] as const;
export type Room = (typeof ROOMS)[number];

export interface Route {
  room: Room;
  /** The chat, run, data set or model that is open. */
  id: string | null;
  /** Further words, such as what a wizard starts with. */
  params: Record<string, string>;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [room = "", id = ""] = path.split("/");
  const known = ROOMS.find((name) => name === room);
  const params = Object.fromEntries(new URLSearchParams(query));
  if (!known) return { room: "home", id: null, params: {} };
  try {
    return { room: known, id: id ? decodeURIComponent(id) : null, params };
  } catch {
    return { room: known, id: null, params };
  }
}

export function hrefOf(room: Room, id?: string | null, params: Record<string, string> = {}): string {
  const query = new URLSearchParams(params).toString();
  return `#/${room}${id ? `/${encodeURIComponent(id)}` : ""}${query ? `?${query}` : ""}`;
}

const state = $state<{ route: Route }>({ route: parseRoute(typeof location === "undefined" ? "" : location.hash) });

export function route(): Route {
  return state.route;
}

/** What is open in a room. A room sees the address change before it is taken down: another room's thing is not its own. */
export function openIn(room: Room): string | null {
  return state.route.room === room ? state.route.id : null;
}

export function go(room: Room, id?: string | null, params?: Record<string, string>): void {
  location.hash = hrefOf(room, id, params);
}

/** Under this name the browser keeps the last address. */
const LAST = "eyewright.address";

/** Follows the address, and begins where the last visit ended unless one is given. */
export function followAddress(): () => void {
  if (/^#?\/?$/.test(location.hash)) location.replace(lastAddress());
  const follow = () => {
    state.route = parseRoute(location.hash);
    try {
      localStorage.setItem(LAST, hrefOf(state.route.room, state.route.id));
    } catch {
      // A browser may keep nothing; the next visit begins at home then.
    }
  };
  addEventListener("hashchange", follow);
  return () => removeEventListener("hashchange", follow);
}

function lastAddress(): string {
  try {
    return localStorage.getItem(LAST) ?? "#/";
  } catch {
    return "#/";
  }
}
