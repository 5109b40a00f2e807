// What the wizard holds: one draft, or two in a chain, and what the core says about them.

import type { JobInfo, PlanRow, PresetCard, RecipeCard, RunDraft, RunPreview } from "../../bindings/protocol";
import { call } from "../../app/backend";
import { attempt, tellError } from "../../app/notices.svelte";

export type Stages = "pretrain" | "finetune" | "both";
export type Part = "pretrain" | "finetune";

const DELAY = 150;
const START_PRETRAIN = "pretrain";
const START_FINETUNE = "finetune-lora";
/** Keys whose value both stages of a chain share. */
const SHARED = ["model.llm", "model.tower", "data.template"];

export class Wizard {
  stages: Stages = $state("finetune");
  drafts: Record<Part, RunDraft> = $state({
    pretrain: { recipe: START_PRETRAIN, preset: "demo", values: {} },
    finetune: { recipe: START_FINETUNE, preset: "demo", values: {} },
  });
  previews: Partial<Record<Part, RunPreview>> = $state({});
  recipes: RecipeCard[] = $state([]);
  presets: PresetCard[] = $state([]);
  resolving = $state(false);
  estimateJob: JobInfo["id"] | null = $state(null);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private round = 0;

  readonly parts = $derived<Part[]>(this.stages === "both" ? ["pretrain", "finetune"] : [this.stages]);
  readonly ready = $derived(!this.resolving && this.parts.every((part) => this.previews[part]?.ready === true));
  /** The draft whose models are shown; both have the same in a chain. */
  readonly lead = $derived<Part>(this.stages === "finetune" ? "finetune" : "pretrain");

  async load(): Promise<void> {
    const [recipes, presets] = await Promise.all([attempt(() => call("list_recipes")), attempt(() => call("list_presets"))]);
    this.recipes = recipes ?? [];
    this.presets = presets ?? [];
    for (const part of ["pretrain", "finetune"] as const) {
      const fitting = this.recipes.filter((recipe) => recipe.stage === part);
      if (fitting.length > 0 && !fitting.some((recipe) => recipe.name === this.drafts[part].recipe)) this.drafts[part].recipe = fitting[0]?.name ?? "";
    }
  }

  row(part: Part, key: string): PlanRow | undefined {
    return this.previews[part]?.rows.find((row) => row.key === key);
  }

  value(part: Part, key: string): string {
    return this.drafts[part].values[key] ?? this.row(part, key)?.value ?? "";
  }

  /** Sets a key, or gives it back to the recipe with `undefined`. */
  set(part: Part, key: string, value: string | undefined): void {
    const targets: Part[] = SHARED.includes(key) && this.stages === "both" ? ["pretrain", "finetune"] : [part];
    for (const target of targets) {
      const values = { ...this.drafts[target].values };
      if (value === undefined || value === "") delete values[key];
      else values[key] = value;
      this.drafts[target].values = values;
    }
    this.refresh();
  }

  setAll(part: Part, values: Record<string, string | undefined>): void {
    for (const [key, value] of Object.entries(values)) this.set(part, key, value);
  }

  choosePreset(preset: string): void {
    this.drafts.pretrain.preset = preset;
    this.drafts.finetune.preset = preset;
    this.refresh();
  }

  /** Puts a whole draft in the place of its stage. */
  take(draft: RunDraft): void {
    const stage = this.recipes.find((recipe) => recipe.name === draft.recipe)?.stage ?? "finetune";
    this.stages = stage;
    this.drafts[stage] = { ...draft, values: { ...draft.values } };
    this.refresh();
  }

  /** Asks the core what this comes to, a moment after the last change. */
  refresh(): void {
    clearTimeout(this.timer);
    this.resolving = true;
    this.timer = setTimeout(() => void this.resolve(), DELAY);
  }

  private async resolve(): Promise<void> {
    const mine = ++this.round;
    const drafts = $state.snapshot(this.drafts) as Record<Part, RunDraft>;
    const both = this.stages === "both";
    try {
      const found: Partial<Record<Part, RunPreview>> = {};
      for (const part of this.parts) {
        const after = both && part === "finetune" ? drafts.pretrain : null;
        found[part] = await call("preview_run", { draft: drafts[part], after });
      }
      // A slow answer must not overwrite the newer one.
      if (mine !== this.round) return;
      this.previews = found;
    } catch (thrown) {
      if (mine === this.round) tellError(thrown);
    } finally {
      if (mine === this.round) this.resolving = false;
    }
  }

  async estimate(part: Part): Promise<void> {
    const job = await attempt(() => call("estimate_run", $state.snapshot(this.drafts[part]) as RunDraft));
    this.estimateJob = job?.id ?? null;
  }

  async start(queue: boolean): Promise<string | undefined> {
    const drafts = this.parts.map((part) => $state.snapshot(this.drafts[part]) as RunDraft);
    const runs = await attempt(() => call("start_run", { drafts, queue }));
    return runs?.[0]?.id;
  }
}
