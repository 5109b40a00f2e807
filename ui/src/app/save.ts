// Saves a text where the user wants it: the system's dialog in the window, a download in a browser.

import type { WrittenText } from "../bindings/protocol";
import { call } from "./backend";
import { attempt } from "./notices.svelte";

export async function saveText(file: WrittenText, inWindow: boolean): Promise<void> {
  if (inWindow) {
    await attempt(() => call("save_text", file));
    return;
  }
  const address = URL.createObjectURL(new Blob([file.text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
