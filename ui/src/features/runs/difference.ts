// Which words of an answer were not in the answer before? Longest common subsequence over words.

export interface Piece {
  text: string;
  kind: "same" | "added";
}

/** Above this many word pairs the comparison is not worth its time, and the whole answer counts as new. */
const LIMIT = 400_000;

/** Words with the space behind them; Chinese and the like letter by letter, which have no spaces. */
export function wordsOf(text: string): string[] {
  return text.match(/[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]|[^\s\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]+\s*|\s+/gu) ?? [];
}

export function difference(before: string, after: string): Piece[] {
  const [old, now] = [wordsOf(before), wordsOf(after)];
  if (old.length * now.length > LIMIT) return [{ text: after, kind: before === after ? "same" : "added" }];
  const kept = commonWords(old, now);
  const pieces: Piece[] = [];
  for (const [place, text] of now.entries()) {
    const kind = kept.has(place) ? "same" : "added";
    const last = pieces[pieces.length - 1];
    if (last?.kind === kind) last.text += text;
    else pieces.push({ text, kind });
  }
  return pieces;
}

/** Places in `now` that also stand in `old`, in the same order. */
function commonWords(old: string[], now: string[]): Set<number> {
  const width = now.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  const same = (a: number, b: number) => old[a]?.trim() === now[b]?.trim();
  for (let a = old.length - 1; a >= 0; a -= 1) {
    for (let b = now.length - 1; b >= 0; b -= 1) {
      const at = a * width + b;
      lengths[at] = same(a, b) ? (lengths[at + width + 1] ?? 0) + 1 : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  const kept = new Set<number>();
  let [a, b] = [0, 0];
  while (a < old.length && b < now.length) {
    if (same(a, b)) {
      kept.add(b);
      a += 1;
      b += 1;
    } else if ((lengths[(a + 1) * width + b] ?? 0) >= (lengths[a * width + b + 1] ?? 0)) a += 1;
    else b += 1;
  }
  return kept;
}
