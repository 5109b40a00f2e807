// A draft on its way from one room to the wizard.

import type { RunDraft } from "../bindings/protocol";

let waiting: RunDraft | undefined;

export function handOver(draft: RunDraft): void {
  waiting = draft;
}

/** Gives it out once. */
export function takeOver(): RunDraft | undefined {
  const draft = waiting;
  waiting = undefined;
  return draft;
}
