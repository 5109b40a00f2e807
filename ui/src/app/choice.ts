// What to call someone who can answer.

import type { ModelChoice, ModelSummary } from "../bindings/protocol";
import type { Messages } from "../messages/en";
import { live } from "./live.svelte";

/** What comes with Eyewright has a name in the reader's language. */
export function modelName(model: ModelSummary, words: Messages): string {
  return (model.bundled ? words.models.names[model.id] : undefined) ?? model.name;
}

/** The same for a model that is known by its id alone; nothing for one that the user added. */
export function bundledName(choice: ModelChoice, words: Messages): string | undefined {
  const model = choice.checkpoint ? undefined : live.models?.find((one) => one.id === choice.model);
  return model?.bundled ? modelName(model, words) : undefined;
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
