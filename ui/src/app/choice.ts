// What to call someone who can answer.

import type { ModelChoice } from "../bindings/protocol";
import type { Messages } from "../messages/en";
import { live } from "./live.svelte";

export function choiceName(choice: ModelChoice, words: Messages): string {
  const { checkpoint } = choice;
  if (checkpoint) {
    const run = live.runs?.find((one) => one.id === checkpoint.run)?.name ?? checkpoint.run;
    return checkpoint.step === null || checkpoint.step === undefined ? words.chat.newest(run) : words.chat.checkpoint(run, String(checkpoint.step));
  }
  return live.models?.find((model) => model.id === choice.model)?.name ?? choice.model;
}
