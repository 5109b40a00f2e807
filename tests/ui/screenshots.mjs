// Pictures of every room in both languages and themes, to be looked at: `npm run screenshots` in ui/.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { openBrowser, openTab, ROOT, startProgram } from "./program.mjs";
import { stories as models } from "./stories/00-models.mjs";
import { stories as training } from "./stories/30-training.mjs";
import { ask, question, room, drop, writeDataset } from "./steps.mjs";
import { ROOMS } from "./stories/50-accessibility.mjs";

const out = process.argv[2] ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "ui-screenshots");
mkdirSync(out, { recursive: true });
const program = await startProgram();
const browser = await openBrowser();
const { page } = await openTab(browser, program);

// Something to look at, made the way a user makes it.
await models["three folders become a model with eyes"]({ page, program });
await room(page, "Chat");
await drop(page, ["chroma_420.jpg"]);
await question(page, "What is in this picture?");
const chat = new URL(page.url()).hash;
const { json, images } = writeDataset(program.home, "shapes");
const added = await ask(page, "add_dataset", { json, image_folder: images, name: "shapes" });
// The wizard, a run to its end, and its export.
for (const [name, story] of Object.entries(training)) if (!name.startsWith("a long run")) await story({ page, program });
const run = (await ask(page, "list_runs")).body.find((one) => one.name === "first").id;

const places = { ...Object.fromEntries(ROOMS.map((name) => [name, `#/${name}`])), conversation: chat, rows: `#/datasets/${added.body.id}`, preview: "#/train?demo=1", run: `#/runs/${run}`, format: `#/export/${run}` };
for (const language of ["en", "zh"]) {
  for (const theme of ["light", "dark"]) {
    await ask(page, "change_settings", { language, theme });
    for (const [name, hash] of Object.entries(places)) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.waitForTimeout(700);
      await page.screenshot({ path: join(out, `${name}-${language}-${theme}.png`) });
    }
  }
}
await browser.close();
await program.stop();
console.log(out);
