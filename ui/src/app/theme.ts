// Light, dark, or what the system says, kept on the document for the tokens to follow.

import type { Theme } from "../bindings/protocol";

const dark = matchMedia("(prefers-color-scheme: dark)");
let wanted: Theme = "system";
const listeners = new Set<() => void>();

function apply(): void {
  const isDark = wanted === "dark" || (wanted === "system" && dark.matches);
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
  for (const listener of listeners) listener();
}

dark.addEventListener("change", apply);

export function wear(theme: Theme): void {
  wanted = theme;
  apply();
}

/** For drawings that take their colours once, such as charts. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
