// Are the words that are new the ones marked?

import { expect, test } from "vitest";

import { difference, wordsOf } from "./difference";

const added = (before: string, after: string) => difference(before, after).filter((piece) => piece.kind === "added").map((piece) => piece.text.trim());

test.each([
  ["a red circle", "a red circle", []],
  ["a red circle", "a blue circle", ["blue"]],
  ["one two", "zero one two three", ["zero", "three"]],
  ["红色的圆", "蓝色的圆", ["蓝"]],
  ["", "new", ["new"]],
])("%s → %s", (before, after, expected) => {
  expect(added(before, after)).toEqual(expected);
});

test("nothing of the answer is lost", () => {
  const after = "  two  lines\nwith 中文 and spaces ";
  expect(difference("lines and", after).map((piece) => piece.text).join("")).toBe(after);
  expect(wordsOf(after).join("")).toBe(after);
});

test("very long answers are not compared word by word", () => {
  const long = Array.from({ length: 2000 }, (_, at) => `w${at}`).join(" ");
  expect(difference(long, `${long} more`)).toHaveLength(1);
});
