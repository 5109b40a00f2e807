// What to call someone who can answer.

import type { ModelChoice, ModelSummary } from "../bindings/protocol";
import type { Messages } from "../messages/en";
import { live } from "./live.svelte";

/** What comes with Eyewright has a name in every language. */
export function modelName(model: ModelSummary, words: Messages): string {
  return (model.bundled ? words.models.names[model.id] : undefined) ?? model.name;
}

export function choiceName(choice: ModelChoice, words: Messages): string {
  const { checkpoint } = choice;
  if (checkpoint) {
    const run = live.runs?.find((one) => one.id === checkpoint.run)?.name ?? checkpoint.run;
    return checkpoint.step === null || checkpoint.step === undefined ? words.chat.newest(run) : words.chat.checkpoint(run, String(checkpoint.step));
  }
  const model = live.models?.find((one) => one.id === choice.model);
  return model ? modelName(model, words) : choice.model;
}
