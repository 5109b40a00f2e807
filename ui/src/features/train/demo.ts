// The demo training: which of the library's models and data sets are the bundled ones, and what to ask before and after.

import type { DatasetSummary, ModelSummary } from "../../bindings/protocol";
import type { Wizard } from "./wizard.svelte";

/** Fills the wizard; `false` when the demo is not all here, and the preview says what misses. */
export function fillDemo(wizard: Wizard, models: readonly ModelSummary[], datasets: readonly DatasetSummary[]): boolean {
  const demo = models.some((model) => model.bundled);
  const recipe = wizard.recipes.find((one) => one.name === "finetune-small") ?? wizard.recipes.find((one) => one.stage === "finetune");
  const data = datasets.find((one) => /(^|[^a-z])demo([^a-z]|$)/i.test(one.id) || /demo/i.test(one.name));
  wizard.stages = "finetune";
  const draft = wizard.drafts.finetune;
  draft.preset = wizard.presets.find((preset) => preset.name === "demo")?.name ?? draft.preset;
  if (recipe) draft.recipe = recipe.name;
  draft.values = data ? { "data.json": data.json, "data.image_folder": data.image_folder } : {};
  wizard.refresh();
  return demo && data !== undefined;
}
