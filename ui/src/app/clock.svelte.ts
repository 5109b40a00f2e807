// What time it is, as far as "2 minutes ago" has to know.

const state = $state({ now: Date.now() });

if (typeof window !== "undefined") setInterval(() => (state.now = Date.now()), 30_000);

/** Whoever asks is asked again at every tick; the answer is no older than the question. */
export function now(): number {
  return Math.max(state.now, Date.now());
}
