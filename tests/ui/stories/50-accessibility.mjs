// Every room, both themes: axe-core finds no serious fault, and the keyboard reaches the content.

import assert from "node:assert/strict";

import { AXE } from "../program.mjs";
import { ask } from "../steps.mjs";

export const ROOMS = ["home", "chat", "models", "datasets", "train", "runs", "export", "settings"];
const GRAVE = ["serious", "critical"];

async function check(page, room, theme) {
  await ask(page, "change_settings", { theme });
  await page.evaluate((name) => (location.hash = `#/${name}`), room);
  await page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, theme);
  await page.waitForTimeout(400);
  if (!(await page.evaluate(() => "axe" in window))) {
    // Inside the page's own world: the content security policy refuses foreign scripts, evaluation by the tester is free of it.
    const { readFileSync } = await import("node:fs");
    await page.evaluate(readFileSync(AXE, "utf8"));
  }
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const grave = violations.filter((one) => GRAVE.includes(one.impact));
  assert.deepEqual(grave.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(" | ")}`), [], `${room} ${theme}`);
}

export const stories = Object.fromEntries([
  ...ROOMS.map((room) => [
    `${room} has no serious fault in either theme`,
    async ({ page }) => {
      for (const theme of ["light", "dark"]) await check(page, room, theme);
    },
  ]),
  [
    "the keyboard skips to the content and sees where it is",
    async ({ page }) => {
      await page.evaluate(() => (location.hash = "#/home"));
      await page.reload();
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement?.id), "content");
      await page.keyboard.press("Tab");
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.equal(outline, "solid");
    },
  ],
]);
