// The demo training: which of the library's models and data sets are the bundled ones, and what to ask before and after.

import type { DatasetSummary, ModelSummary } from "../../bindings/protocol";
import { drawnDataset } from "../../app/drawn";
import { textOf } from "./lists";
import type { Wizard } from "./wizard.svelte";

/** Trains on a drawn data set, and asks about the pictures it keeps back. */
export function fillDemoData(wizard: Wizard, data: DatasetSummary): void {
  for (const part of wizard.parts) {
    wizard.setAll(part, {
      "data.json": data.json,
      "data.image_folder": data.image_folder,
      "evaluation.images": textOf(data.held_out.map((one) => one.picture)),
      "evaluation.prompts": textOf(data.held_out.map((one) => one.question)),
    });
  }
}

/** Fills the wizard; `false` when the demo is not all here, and the preview says what misses. */
export function fillDemo(wizard: Wizard, models: readonly ModelSummary[], datasets: readonly DatasetSummary[]): boolean {
  const stack = models.find((model) => model.bundled && model.kind === "stack");
  const recipe = wizard.recipes.find((one) => one.name === "finetune-small") ?? wizard.recipes.find((one) => one.stage === "finetune");
  const data = drawnDataset(datasets);
  wizard.stages = "finetune";
  const draft = wizard.drafts.finetune;
  draft.preset = wizard.presets.find((preset) => preset.name === "demo")?.name ?? draft.preset;
  if (recipe) draft.recipe = recipe.name;
  draft.values = stack?.paths.llava ? { "model.pretrained": stack.paths.llava } : {};
  if (data) fillDemoData(wizard, data);
  wizard.refresh();
  return models.some((model) => model.bundled) && data !== undefined;
}
