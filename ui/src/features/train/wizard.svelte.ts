// What the wizard holds: one draft, or two in a chain, and what the core says about them.

import type { JobInfo, PlanProblem, PlanRow, PresetCard, RecipeCard, RunDraft, RunPreview } from "../../bindings/protocol";
import { call } from "../../app/backend";
import { attempt, tellError } from "../../app/notices.svelte";

export type Stages = "pretrain" | "finetune" | "both";
export type Part = "pretrain" | "finetune";

const DELAY = 150;
const START_PRETRAIN = "pretrain";
const START_FINETUNE = "finetune-lora";
/** Keys that say something by being empty: no tower, and it is trained on text alone. */
const MAY_BE_EMPTY = ["model.tower"];
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
  /** The keys of the last plan that could be resolved: a typing mistake must not empty the page that corrects it. */
  known: Partial<Record<Part, PlanRow[]>> = $state.raw({});
  resolving = $state(false);
  /** What was measured, and for which draft. */
  private estimates: Partial<Record<Part, { job: JobInfo["id"]; draft: string }>> = $state({});
  private timer: ReturnType<typeof setTimeout> | undefined;
  private round = 0;

  // No `$derived`: a wizard outlives the room that made it, and what is derived in a room dies with it.
  get parts(): Part[] {
    return this.stages === "both" ? ["pretrain", "finetune"] : [this.stages];
  }
  get ready(): boolean {
    return !this.resolving && this.parts.every((part) => this.previews[part]?.ready === true);
  }
  /** The draft whose models are shown; both have the same in a chain. */
  get lead(): Part {
    return this.stages === "finetune" ? "finetune" : "pretrain";
  }

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
    return this.known[part]?.find((row) => row.key === key);
  }

  /** What keeps a stage from starting, as far as this key has to do with it. */
  problemOf(part: Part, key: string): PlanProblem | undefined {
    return this.previews[part]?.problems.find((problem) => problem.key === key && problem.blocks);
  }

  value(part: Part, key: string): string {
    return this.drafts[part].values[key] ?? this.row(part, key)?.value ?? "";
  }

  /** Sets a key, or gives it back to the recipe with `undefined`. */
  set(part: Part, key: string, value: string | undefined): void {
    const targets: Part[] = SHARED.includes(key) && this.stages === "both" ? ["pretrain", "finetune"] : [part];
    for (const target of targets) {
      const values = { ...this.drafts[target].values };
      if (value === undefined || (value === "" && !MAY_BE_EMPTY.includes(key))) delete values[key];
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
      for (const [part, preview] of Object.entries(found)) if (preview.rows.length > 0) this.known = { ...this.known, [part]: preview.rows };
    } catch (thrown) {
      if (mine === this.round) tellError(thrown);
    } finally {
      if (mine === this.round) this.resolving = false;
    }
  }

  async estimate(part: Part): Promise<void> {
    const draft = $state.snapshot(this.drafts[part]) as RunDraft;
    const job = await attempt(() => call("estimate_run", draft));
    if (job) this.estimates[part] = { job: job.id, draft: JSON.stringify(draft) };
  }

  /** The job that measured a stage as it is now; what was measured of another draft says nothing of this one. */
  estimateOf(part: Part): JobInfo["id"] | null {
    const made = this.estimates[part];
    return made && made.draft === JSON.stringify(this.drafts[part]) ? made.job : null;
  }

  async start(queue: boolean): Promise<string | undefined> {
    const drafts = this.parts.map((part) => $state.snapshot(this.drafts[part]) as RunDraft);
    const runs = await attempt(() => call("start_run", { drafts, queue }));
    return runs?.[0]?.id;
  }
}
