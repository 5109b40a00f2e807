// Which path and which branches of a chat are shown?

import { expect, test } from "vitest";

import type { Message } from "../../bindings/protocol";
import { branches, pathTo, turnsOf } from "./tree";

let clock = 0;
function message(id: number, parent: number | null, author: Message["author"], side = 0, created = (clock += 10_000)): Message {
  return { id, parent, author, side, created, text: "", pictures: [], choice: null, model_name: null, finish: "stop", stats: null, error: null };
}

const chat = [
  message(1, null, "user"),
  message(2, 1, "assistant"),
  message(3, 2, "user"),
  message(4, 3, "assistant"),
  message(5, 1, "assistant"),
  message(6, 5, "user"),
];

test.each([
  [4, [1, 2, 3, 4]],
  [6, [1, 5, 6]],
  [null, []],
  [99, []],
])("the path to %s", (current, expected) => {
  expect(pathTo(chat, current).map((one) => one.id)).toEqual(expected);
});

test("a damaged chat with a circle does not hang", () => {
  const circle = [message(1, 2, "user"), message(2, 1, "assistant")];
  expect(pathTo(circle, 1).map((one) => one.id)).toEqual([2, 1]);
});

test("branches stand beside one another", () => {
  const [, second] = chat;
  expect(second && branches(chat, second).map((one) => one.id)).toEqual([2, 5]);
});

test("two answers of one round are shown side by side, an older round is not", () => {
  const messages = [message(1, null, "user"), message(2, 1, "assistant", 1), message(3, 1, "assistant", 0, 500_000), message(4, 1, "assistant", 1, 500_001)];
  expect(turnsOf(messages, 3)[0]?.answers.map((one) => one.id)).toEqual([3, 4]);
  expect(turnsOf(messages, 2)[0]?.answers.map((one) => one.id)).toEqual([2]);
});

test("where two answer, an answer that is given again keeps its neighbour", () => {
  const messages = [message(1, null, "user"), message(2, 1, "assistant"), message(3, 1, "assistant", 1), message(4, 1, "assistant", 1, 500_000)];
  expect(turnsOf(messages, 4, true)[0]?.answers.map((one) => one.id)).toEqual([2, 4]);
  expect(turnsOf(messages, 4)[0]?.answers.map((one) => one.id)).toEqual([4]);
});

test("a question whose answers are being written shows them", () => {
  expect(turnsOf(chat.slice(0, 2), 1)[0]?.answers.map((one) => one.id)).toEqual([2]);
});
