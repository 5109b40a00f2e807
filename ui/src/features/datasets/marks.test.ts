// Which rows would training refuse for their marks?

import { expect, test } from "vitest";

import { marksFit } from "./marks";

const turns = [
  { speaker: "human" as const, text: "" },
  { speaker: "gpt" as const, text: "" },
];

test.each([
  ["<image>\nWhat?", "a cat", 1, true],
  ["What? <image> <image>", "a cat", 1, true],
  ["What?", "a <image> mark", 1, false],
  ["<image>\nWhat?", "a cat", 0, false],
  ["What?", "<image>", 0, true],
  ["<image> and <image>", "two", 2, true],
  ["<image>", "one", 2, false],
])("%s / %s with %d pictures", (question, answer, pictures, fit) => expect(marksFit(turns, [question, answer], pictures)).toBe(fit));
