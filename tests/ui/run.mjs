// Runs the stories in a real browser against the real program: `npm run test:ui [parts of names]` in ui/.
// A story that returns a text was skipped, and the text says what it lacks.

import { readdirSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { openBrowser, openTab, ROOT, startProgram } from "./program.mjs";

const filters = (process.argv[2] ?? "").split(",");
const folder = new URL("./stories/", import.meta.url);
const faults = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "ui-faults");
const LONGEST = 120_000;

const stories = [];
for (const file of readdirSync(folder).sort()) {
  const found = await import(new URL(file, folder));
  for (const [name, story] of Object.entries(found.stories)) stories.push({ name: `${file.replace(/\.mjs$/, "")}: ${name}`, story });
}

const program = await startProgram();
const browser = await openBrowser();
const tab = await openTab(browser, program);
let [passed, failed] = [0, 0];
/** What one story made and a later one uses: a story that needs another one's says so by failing clearly. */
const world = { program, browser, ...tab };

for (const { name, story } of stories) {
  if (!filters.some((part) => name.includes(part)) && !name.startsWith("00")) continue;
  const began = Date.now();
  tab.complaints.length = 0;
  let timer;
  try {
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`took longer than ${LONGEST / 1000} s`)), LONGEST)));
    const skipped = await Promise.race([story(world), late]);
    if (tab.complaints.length > 0) throw new Error(`the page complained: ${tab.complaints.join("; ")}`);
    if (skipped) {
      console.log(`skipped ${name}: ${skipped}`);
      continue;
    }
    passed += 1;
    console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    mkdirSync(faults, { recursive: true });
    const picture = join(faults, `${name.replace(/\W+/g, "-")}.png`);
    await tab.page.screenshot({ path: picture }).catch(() => undefined);
    console.log(`FAILED  ${name}\n        ${String(error.stack ?? error).replaceAll("\n", "\n        ")}\n        picture: ${picture}`);
  } finally {
    clearTimeout(timer);
  }
}

await browser.close();
await program.stop();
// The form in which `cargo xtask test` counts.
console.log(failed > 0 ? `Tests  ${failed} failed | ${passed} passed (${passed + failed})` : `Tests  ${passed} passed (${passed})`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
