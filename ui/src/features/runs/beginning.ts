// Which of the known models did a run begin from?

import type { ModelSummary, PlanRow } from "../../bindings/protocol";

/** The complete model with the run's language model and tower, best the one with the projector it began from; none if it is not listed. */
export function baseOf(plan: readonly PlanRow[], models: readonly ModelSummary[]): ModelSummary | undefined {
  const value = (key: string) => plan.find((row) => row.key === key)?.value ?? "";
  const [llm, tower, pretrained] = [value("model.llm"), value("model.tower"), value("model.pretrained")];
  const fitting = models.filter(
    (model) => model.kind === "stack" && names(llm, model.paths.model) && (!tower || !model.paths.visual_encoder || names(tower, model.paths.visual_encoder)),
  );
  return fitting.find((model) => pretrained !== "" && names(pretrained, model.paths.llava ?? "")) ?? fitting[0];
}

/** Whether a plan's words mean this folder: its path, the end of it (`demo/llm`), or a repository whose folder has its last name. */
function names(said: string, path: string): boolean {
  if (said === path) return true;
  if (said === "" || /^([/\\]|[A-Za-z]:)/.test(said)) return false;
  const folder = path.replaceAll("\\", "/");
  return [said, said.split("/").at(-1)].some((end) => folder.endsWith(`/${end}`));
}
