// A chat is a tree. What is shown is one path of it; this file finds the path and the branches beside it.

import type { Message } from "../../bindings/protocol";

/** A question with its answers: one, or two side by side. Either may be missing. */
export interface Turn {
  key: string;
  question: Message | undefined;
  answers: Message[];
}

/** From the first message to `current`, by parents. A damaged chat with a circle ends where it began. */
export function pathTo(messages: readonly Message[], current: number | null): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const path: Message[] = [];
  const seen = new Set<number>();
  let at = current === null ? undefined : byId.get(current);
  while (at && !seen.has(at.id)) {
    seen.add(at.id);
    path.unshift(at);
    at = at.parent === null ? undefined : byId.get(at.parent);
  }
  return path;
}

/** Messages that stand where this one stands, itself included, oldest first. */
export function branches(messages: readonly Message[], of: Message): Message[] {
  return messages.filter((message) => message.parent === of.parent && message.author === of.author && message.side === of.side);
}

/** The path as turns. Where two answer, one brings the newest of the other side with it; else the one of its round. */
export function turnsOf(messages: readonly Message[], current: number | null, two = false): Turn[] {
  const turns: Turn[] = [];
  for (const message of pathTo(messages, current)) {
    const last = turns[turns.length - 1];
    if (message.author === "user") turns.push({ key: `q${message.id}`, question: message, answers: [] });
    else if (last && last.answers.length === 0) last.answers = beside(messages, message, two);
    else turns.push({ key: `a${message.id}`, question: undefined, answers: beside(messages, message, two) });
  }
  const last = turns[turns.length - 1];
  // The path may end at the question while its answers are being written.
  if (last?.question && last.answers.length === 0) {
    const answers = messages.filter((message) => message.parent === last.question?.id && message.author === "assistant");
    const newest = answers[answers.length - 1];
    if (newest) last.answers = beside(messages, newest, two);
  }
  return turns;
}

function beside(messages: readonly Message[], answer: Message, two: boolean): Message[] {
  const others = messages.filter(
    (message) => message.parent === answer.parent && message.author === "assistant" && message.side !== answer.side,
  );
  const other = others.filter((one) => two || sameRound(one, answer)).pop();
  return other ? [answer, other].sort((a, b) => a.side - b.side) : [answer];
}

/** Two answers of one round were begun together. */
function sameRound(one: Message, other: Message): boolean {
  return Math.abs(one.created - other.created) < ROUND_MS;
}

const ROUND_MS = 2000;
