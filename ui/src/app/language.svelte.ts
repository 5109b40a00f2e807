// Which language the interface speaks, switched live. `m()` is read inside templates, so they follow.

import type { Language } from "../bindings/protocol";
import { en, type Messages } from "../messages/en";
import { zh } from "../messages/zh";

export type Tongue = "en" | "zh";

const state = $state<{ tongue: Tongue }>({ tongue: systemTongue() });

function systemTongue(): Tongue {
  return navigator.languages.some((name) => name.toLowerCase().startsWith("zh")) ? "zh" : "en";
}

export function speak(language: Language): void {
  state.tongue = language === "system" ? systemTongue() : language;
  document.documentElement.lang = state.tongue === "zh" ? "zh-CN" : "en";
}

export function tongue(): Tongue {
  return state.tongue;
}

export function m(): Messages {
  return state.tongue === "zh" ? zh : en;
}
