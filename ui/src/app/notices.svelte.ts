// Short messages at the edge of the window: what was done, and what failed.

import { untrack } from "svelte";

import type { ErrorBody } from "../bindings/protocol";
import { toErrorBody } from "../platform";

export interface Notice {
  id: number;
  tone: "good" | "bad" | "info";
  /** What was done, or what failed. */
  text?: string | undefined;
  /** Why. */
  error?: ErrorBody | undefined;
  action?: { label: string; run: () => void } | undefined;
}

const LASTS = 6000;
const state = $state<{ notices: Notice[] }>({ notices: [] });
let next = 1;

export function notices(): readonly Notice[] {
  return state.notices;
}

export function dismiss(id: number): void {
  state.notices = state.notices.filter((notice) => notice.id !== id);
}

export function tell(notice: Omit<Notice, "id">): number {
  const id = next++;
  const same = (old: Notice) => old.text === notice.text && old.tone === notice.tone && old.error?.message === notice.error?.message;
  // Whoever tells something inside an effect must not be run again by it.
  untrack(() => (state.notices = [...state.notices.filter((old) => !same(old)).slice(-3), { ...notice, id }]));
  // A failure stays until it is read.
  if (notice.tone !== "bad") setTimeout(() => dismiss(id), LASTS);
  return id;
}

/** Shows why something failed; what was cancelled on request is no failure. */
export function tellError(thrown: unknown): void {
  const error = toErrorBody(thrown);
  if (error.code !== "cancelled") tell({ tone: "bad", error });
}

/** Runs something and shows its failure. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    tellError(thrown);
    return undefined;
  }
}
