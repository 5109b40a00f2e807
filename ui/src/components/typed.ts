// A box whose value may stand for "as recommended" when it is emptied.

import { tick } from "svelte";

/** Hands on what was typed. An emptied box then shows the value that holds: where that is what it was, nothing else would. */
export async function handOn(box: HTMLInputElement, onchange: (value: string) => void, value: () => string): Promise<void> {
  onchange(box.value.trim());
  await tick();
  if (box.value.trim() === "") box.value = value();
}
