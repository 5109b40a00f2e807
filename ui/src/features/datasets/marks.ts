// Does every picture of a row have its place in the text? Several marks of one picture count as one, as in training.

import type { RowTurn } from "../../bindings/protocol";

const MARK = "<image>";

/** Marks in the questions; in an answer they are text. */
export function marksIn(turns: readonly RowTurn[], texts: readonly string[]): number {
  return texts.reduce((sum, text, at) => sum + (turns[at]?.speaker === "human" ? text.split(MARK).length - 1 : 0), 0);
}

export function marksFit(turns: readonly RowTurn[], texts: readonly string[], pictures: number): boolean {
  const marks = marksIn(turns, texts);
  return pictures === 1 ? marks >= 1 : marks === pictures;
}
