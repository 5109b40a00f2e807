// Which keys of a plan are shown where, and in what order.

import type { PlanRow } from "../../bindings/protocol";

/** What most people change; the rest is for Advanced. */
const SIMPLE = new Set([
  "lr.projector",
  "lr.llm",
  "lr.tower",
  "train.epochs",
  "train.batch",
  "train.accumulation",
  "model.quantisation",
  "tune.llm.mode",
  "tune.llm.rank",
  "evaluation.every",
  "checkpoint.every",
]);
/** Set in the steps before. */
const ELSEWHERE = new Set([
  "stage",
  "model.llm",
  "model.tower",
  "model.pretrained",
  "data.json",
  "data.image_folder",
  "data.validation_fraction",
  "data.skip_bad_rows",
  "evaluation.images",
  "evaluation.prompts",
]);
const ORDER = ["tune", "lr", "train", "model", "data", "schedule", "optimiser", "checkpoint", "evaluation", "early_stopping", "other"];

/** The step in which a key is set. */
export function stepOf(key: string | null): "models" | "data" | "settings" {
  if (key === null || !ELSEWHERE.has(key)) return "settings";
  return key.startsWith("model.") ? "models" : "data";
}

export interface Group {
  name: string;
  rows: PlanRow[];
}

export function groupsOf(rows: readonly PlanRow[], advanced: boolean): Group[] {
  const groups = new Map<string, PlanRow[]>();
  for (const row of rows) {
    if (ELSEWHERE.has(row.key) || (!advanced && !SIMPLE.has(row.key))) continue;
    const head = row.key.includes(".") ? (row.key.split(".")[0] ?? "other") : "other";
    const name = ORDER.includes(head) ? head : "other";
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return ORDER.flatMap((name) => {
    const found = groups.get(name);
    return found ? [{ name, rows: found }] : [];
  });
}
