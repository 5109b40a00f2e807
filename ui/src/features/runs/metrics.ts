// Measurements as columns for curves, and the arithmetic of looking at them.

import type { MetricRow } from "../../bindings/protocol";

export interface Columns {
  steps: number[];
  loss: (number | null)[];
  validation: (number | null)[];
  lr: (number | null)[];
  gradNorm: (number | null)[];
}

export function emptyColumns(): Columns {
  return { steps: [], loss: [], validation: [], lr: [], gradNorm: [] };
}

/** Adds rows. A step that comes again (after a resume) replaces what was measured from there on. */
export function append(columns: Columns, rows: readonly MetricRow[]): Columns {
  for (const row of rows) {
    let last = columns.steps[columns.steps.length - 1];
    if (last === row.step) {
      merge(columns, row);
      continue;
    }
    while (last !== undefined && last > row.step) {
      pop(columns);
      last = columns.steps[columns.steps.length - 1];
    }
    if (last === row.step) merge(columns, row);
    else push(columns, row);
  }
  return columns;
}

function push(columns: Columns, row: MetricRow): void {
  columns.steps.push(row.step);
  columns.loss.push(row.loss);
  columns.validation.push(row.validation_loss);
  columns.lr.push(row.lr);
  columns.gradNorm.push(row.grad_norm);
}

/** Validation comes as a row of its own for the same step. */
function merge(columns: Columns, row: MetricRow): void {
  const at = columns.steps.length - 1;
  columns.loss[at] = row.loss ?? columns.loss[at] ?? null;
  columns.validation[at] = row.validation_loss ?? columns.validation[at] ?? null;
  columns.lr[at] = row.lr ?? columns.lr[at] ?? null;
  columns.gradNorm[at] = row.grad_norm ?? columns.gradNorm[at] ?? null;
}

function pop(columns: Columns): void {
  columns.steps.pop();
  columns.loss.pop();
  columns.validation.pop();
  columns.lr.pop();
  columns.gradNorm.pop();
}

/** Exponential mean without the pull to 0 at the beginning; weight 0 leaves the values. */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  let mean = 0;
  let share = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = mean * weight + value * (1 - weight);
    share = share * weight + (1 - weight);
    return mean / share;
  });
}

/** The value below which a share of all values lies. */
export function quantile(values: readonly (number | null)[], share: number): number | undefined {
  const sorted = values.filter((value): value is number => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export function firstOf(values: readonly (number | null)[]): number | undefined {
  return values.find((value) => value !== null) ?? undefined;
}

export function lastOf(values: readonly (number | null)[]): number | undefined {
  for (let at = values.length - 1; at >= 0; at -= 1) {
    const value = values[at];
    if (value !== null && value !== undefined) return value;
  }
  return undefined;
}

/** Puts several runs on one axis of steps. */
export function align(runs: readonly { steps: number[]; values: (number | null)[] }[]): { steps: number[]; series: (number | null)[][] } {
  const steps = [...new Set(runs.flatMap((run) => run.steps))].sort((a, b) => a - b);
  const series = runs.map((run) => {
    const at = new Map(run.steps.map((step, place) => [step, run.values[place] ?? null]));
    return steps.map((step) => at.get(step) ?? null);
  });
  return { steps, series };
}
