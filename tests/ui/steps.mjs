// What people do in the interface, in the words of the stories.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./program.mjs";

export const PICTURES = join(ROOT, "tests/fixtures/images");
const TINY = join(ROOT, "tests/golden/models/llava_xtuner");
export const TINY_PATHS = { model: join(TINY, "llm"), visual_encoder: join(TINY, "clip"), llava: join(TINY, "llava") };

export async function room(page, name) {
  await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name, exact: true }).click();
  await page.locator("main").waitFor();
}

/** Asks the core directly, as the page does; used to look at what a story did, never to do it. */
export async function ask(page, command, request = {}) {
  return page.evaluate(
    async ([name, body]) => {
      const reply = await fetch(`/api/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      return { status: reply.status, body: await reply.json() };
    },
    [command, request],
  );
}

/** Drops files on the page the way a file manager does. */
export async function drop(page, names) {
  const files = names.map((name) => ({ name: name.split("/").pop(), bytes: readFileSync(name.includes("/") ? name : join(PICTURES, name)).toString("base64") }));
  const transfer = await page.evaluateHandle((list) => {
    const data = new DataTransfer();
    for (const file of list) {
      const bytes = Uint8Array.from(atob(file.bytes), (letter) => letter.charCodeAt(0));
      data.items.add(new File([bytes], file.name));
    }
    return data;
  }, files);
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
  const overlay = page.getByText("Drop pictures to ask about them");
  assert.equal(await overlay.isVisible(), true, "the overlay shows while files are above the window");
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  await overlay.waitFor({ state: "hidden" });
}

/** Drags something of a web page above `target`: its data, and no files. The step that it gives drops it there. */
export async function dragFromWeb(page, data, target = "body") {
  const transfer = await page.evaluateHandle((entries) => {
    const made = new DataTransfer();
    for (const [type, text] of entries) made.setData(type, text);
    return made;
  }, Object.entries(data));
  await page.dispatchEvent(target, "dragenter", { dataTransfer: transfer });
  const prevented = async (kind) =>
    page.locator(target).evaluate((element, [name, dataTransfer]) => !element.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true })), [kind, transfer]);
  return { over: () => prevented("dragover"), drop: () => prevented("drop") };
}

export async function paste(page, name) {
  const bytes = readFileSync(join(PICTURES, name)).toString("base64");
  await page.evaluate(
    ([text, title]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], title));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    },
    [bytes, name],
  );
}

/** Chooses the model of the open chat. */
export async function choose(page, name) {
  await page.getByRole("button", { name: /^Model:/ }).click();
  await page.getByRole("dialog", { name: "Model" }).getByRole("button", { name }).first().click();
}

/** Asks and waits for the whole answer. */
export async function question(page, text) {
  await page.getByRole("textbox", { name: "Your question" }).fill(text);
  await page.getByRole("textbox", { name: "Your question" }).press("Enter");
  await page.getByText(text, { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Stop (Esc)" }).waitFor({ state: "hidden", timeout: 90_000 });
}

/** A LLaVA data set of a few pictures in the program's home, and one with faults. */
export function writeDataset(home, name, extra = []) {
  const folder = join(home, "made", name);
  mkdirSync(join(folder, "images"), { recursive: true });
  const pictures = ["grey.jpg", "chroma_420.jpg", "chroma_422.jpg", "odd.png"];
  for (const picture of pictures) cpSync(join(PICTURES, picture), join(folder, "images", picture));
  const rows = Array.from({ length: 12 }, (_, at) => ({
    id: `row-${at}`,
    image: pictures[at % pictures.length],
    conversations: [
      { from: "human", value: "<image>\nWhat is this?" },
      { from: "gpt", value: at % 2 === 0 ? "a circle" : "a square" },
    ],
  }));
  writeFileSync(join(folder, "rows.json"), JSON.stringify([...rows, ...extra], null, 1));
  return { json: join(folder, "rows.json"), images: join(folder, "images") };
}
