// Keyboard shortcuts of the whole window, as data: the list in the settings shows the same rows.

export interface Shortcut {
  id: "newChat" | "search" | "sidebar" | "settings" | "shortcuts" | "stop" | "regenerate" | "copyLast" | "editLast" | "send" | "newline";
  /** `Mod` is Ctrl, or ⌘ on a Mac. */
  keys: string[];
  /** Handled by the control that has the focus, not by the window. */
  local?: boolean;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { id: "send", keys: ["Enter"], local: true },
  { id: "newline", keys: ["Shift+Enter"], local: true },
  { id: "stop", keys: ["Escape"] },
  { id: "newChat", keys: ["Mod+N", "Shift+Mod+O"] },
  { id: "search", keys: ["Mod+K"] },
  { id: "regenerate", keys: ["Mod+R"] },
  { id: "copyLast", keys: ["Shift+Mod+C"] },
  { id: "editLast", keys: ["ArrowUp"], local: true },
  { id: "sidebar", keys: ["Mod+B"] },
  { id: "settings", keys: ["Mod+,"] },
  { id: "shortcuts", keys: ["Mod+/"] },
];

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
  isComposing?: boolean;
}

/** The name of a key press, in the order in which the table writes it. */
export function pressed(event: KeyPress, mac: boolean): string {
  const mod = mac ? event.metaKey : event.ctrlKey;
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  // `?` needs Shift on most keyboards; the table says `/`.
  const shift = event.shiftKey && /^[A-Z]$|^.{2,}$/.test(key);
  return [shift && "Shift", mod && "Mod", event.altKey && "Alt", key].filter(Boolean).join("+");
}

/** Which shortcut of the window a key press is. While an input method composes, none. */
export function shortcutOf(event: KeyPress, mac: boolean): Shortcut["id"] | undefined {
  if (event.isComposing) return undefined;
  const name = pressed(event, mac);
  return SHORTCUTS.find((shortcut) => !shortcut.local && shortcut.keys.includes(name))?.id;
}

/** As it stands on the keyboard. */
export function keyLabel(keys: string, mac: boolean): string[] {
  const names: Record<string, string> = mac
    ? { Mod: "⌘", Shift: "⇧", Escape: "Esc", ArrowUp: "↑", Enter: "↩" }
    : { Mod: "Ctrl", Escape: "Esc", ArrowUp: "↑" };
  return keys.split("+").map((key) => names[key] ?? key);
}
