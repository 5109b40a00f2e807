// Which of the known models did a run begin from?

import type { ModelSummary, PlanRow } from "../../bindings/protocol";

/** The complete model with the run's language model and tower, best the one with the projector it began from; none if it is not listed. */
export function baseOf(plan: readonly PlanRow[], models: readonly ModelSummary[]): ModelSummary | undefined {
  const value = (key: string) => plan.find((row) => row.key === key)?.value ?? "";
  const [llm, tower, pretrained] = [value("model.llm"), value("model.tower"), value("model.pretrained")];
  const fitting = models.filter(
    (model) => model.kind === "stack" && model.paths.model === llm && (!tower || !model.paths.visual_encoder || model.paths.visual_encoder === tower),
  );
  return fitting.find((model) => pretrained !== "" && model.paths.llava === pretrained) ?? fitting[0];
}
