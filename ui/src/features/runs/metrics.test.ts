// Do measurements become the right curves, after a resume too?

import { expect, test } from "vitest";

import type { MetricRow } from "../../bindings/protocol";
import { align, append, emptyColumns, lastOf, quantile, smooth } from "./metrics";

function row(step: number, loss: number | null, validation_loss: number | null = null): MetricRow {
  return { step, loss, validation_loss, seconds: null, lr: 0.1, grad_norm: null, tokens_per_second: null, memory: null };
}

test("rows become columns; a validation row joins its step", () => {
  const columns = append(emptyColumns(), [row(1, 4), row(2, 3), row(2, null, 3.5)]);
  expect(columns.steps).toEqual([1, 2]);
  expect(columns.loss).toEqual([4, 3]);
  expect(columns.validation).toEqual([null, 3.5]);
});

test("after a resume from step 2, what was measured beyond it is replaced", () => {
  const columns = append(emptyColumns(), [row(1, 4), row(2, 3), row(3, 9), row(4, 9)]);
  append(columns, [row(3, 2), row(4, 1)]);
  expect(columns.steps).toEqual([1, 2, 3, 4]);
  expect(columns.loss).toEqual([4, 3, 2, 1]);
});

test("smoothing starts at the first value and leaves gaps", () => {
  // Weight 0.5: (4·0.25 + 2·0.5) / 0.75 after two values.
  const smoothed = smooth([4, null, 2], 0.5);
  expect(smoothed[0]).toBeCloseTo(4);
  expect(smoothed[1]).toBeNull();
  expect(smoothed[2]).toBeCloseTo(2 / 0.75);
  expect(smooth([1, 5], 0)).toEqual([1, 5]);
});

test("the quantile leaves a spike out", () => {
  expect(quantile([...Array(99).fill(1), 1000], 0.98)).toBe(1);
  expect(quantile([null], 0.5)).toBeUndefined();
});

test("two runs share one axis", () => {
  const joined = align([{ steps: [1, 3], values: [5, 4] }, { steps: [2, 3], values: [7, 6] }]);
  expect(joined).toEqual({ steps: [1, 2, 3], series: [[5, null, 4], [null, 7, 6]] });
});

test("a hundred thousand points append quickly", () => {
  const columns = emptyColumns();
  const began = performance.now();
  for (let step = 1; step <= 100_000; step += 1) append(columns, [row(step, 1)]);
  expect(performance.now() - began).toBeLessThan(1000);
  expect(lastOf(columns.loss)).toBe(1);
});
