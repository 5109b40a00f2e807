// Training: the wizard from stage to start, live curves, before and after, stop and resume, chat with the result, export.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "../program.mjs";
import { ask, drop, question, room, TINY_PATHS } from "../steps.mjs";

const STEPS = 6;
const PRESET = readFileSync(join(ROOT, "tests/fixtures/presets/tiny.toml"), "utf8").replace("LLM", () => TINY_PATHS.model).replace("TOWER", () => TINY_PATHS.visual_encoder);

const wizard = (page, step) => page.getByRole("navigation", { name: "Steps of the wizard" }).getByRole("button", { name: step }).click();

/** From the first step to Ready; starts nothing. */
async function prepare(page, steps, name) {
  await page.evaluate(() => (location.hash = "#/home"));
  await room(page, "Train");
  await page.getByRole("button", { name: "Start over" }).click();
  await page.getByLabel("Network").selectOption("tiny");
  await wizard(page, "Data");
  await page.getByRole("group", { name: "From the library: Data set" }).getByRole("button", { name: "shapes", exact: true }).click();
  await page.getByLabel("Questions").fill("What is this?");
  await page.getByLabel("Questions").blur();
  await page.getByRole("radio", { name: "Advanced" }).check();
  await wizard(page, "Settings");
  for (const [label, value] of [["Most steps", String(steps)], ["Batch", "2"], ["Checkpoint every", "3"]]) {
    await page.getByLabel(label, { exact: true }).fill(value);
    await page.getByLabel(label, { exact: true }).blur();
  }
  await page.getByLabel("Name of the run").fill(name);
  await page.getByLabel("Name of the run").blur();
  await wizard(page, "Preview");
  await page.getByText("Ready", { exact: true }).waitFor({ timeout: 20_000 });
}

export const stories = {
  async "a wrong value is named beside its control and prevents the start"({ page, program }) {
    mkdirSync(join(program.home, "presets"), { recursive: true });
    writeFileSync(join(program.home, "presets", "tiny.toml"), PRESET);
    await prepare(page, STEPS, "first");
    await wizard(page, "Settings");
    await page.getByLabel("Projector rate").fill("fast");
    await page.getByLabel("Projector rate").blur();
    await wizard(page, "Preview");
    await page.getByText("Not ready", { exact: true }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Start training" }).isDisabled(), true);
  },

  async "a value that no plan follows from can be corrected where it was typed"({ page }) {
    await wizard(page, "Settings");
    await page.getByLabel("Projector rate", { exact: true }).fill("0.001");
    await page.getByLabel("Longest text", { exact: true }).fill("900000");
    await page.getByLabel("Longest text", { exact: true }).blur();
    await wizard(page, "Preview");
    await page.getByText("No plan follows from these settings.").waitFor();
    await wizard(page, "Settings");
    assert.equal(await page.getByLabel("Longest text", { exact: true }).inputValue(), "900000");
    await page.getByRole("button", { name: "Reset to recommended: Longest text" }).click();
    await page.getByText("No plan follows from these settings.").first().waitFor({ state: "hidden" });
  },

  async "without a tower text alone is trained"({ page }) {
    await wizard(page, "Models");
    const tower = page.getByRole("textbox", { name: "Vision tower" });
    const before = await tower.inputValue();
    await tower.fill("");
    await tower.blur();
    await page.getByText("Without a vision tower this trains text alone.").waitFor();
    await wizard(page, "Data");
    await wizard(page, "Models");
    assert.equal(await tower.inputValue(), "");
    await tower.fill(before);
    await tower.blur();
  },

  async "of two stages, each note and command says whose it is"({ page }) {
    await page.getByRole("button", { name: "Start over" }).click();
    await page.getByLabel("Network").selectOption("tiny");
    await page.getByRole("radio", { name: /Both/ }).check();
    await wizard(page, "Preview");
    await page.getByText("pretrain · Data file").waitFor();
    await page.getByText("finetune · Data file").waitFor();
    await wizard(page, "Data");
    for (const part of ["pretrain", "finetune"]) {
      await page.getByRole("region", { name: `Data set for ${part}` }).getByRole("button", { name: "shapes", exact: true }).click();
    }
    await wizard(page, "Preview");
    const commands = page.locator("pre.code").filter({ hasText: /^eyewright train/ });
    await commands.nth(1).waitFor();
    assert.doesNotMatch(await commands.first().textContent(), /--pretrained/);
    assert.match(await commands.last().textContent(), /--pretrained PRETRAINED$/);
  },

  async "the preview tells steps, memory and the equal command"({ page }) {
    await prepare(page, STEPS, "first");
    // Another room does not cost what was filled in, and the wizard is as alive as before.
    await room(page, "Models");
    await room(page, "Train");
    await page.getByText("Ready", { exact: true }).waitFor();
    await wizard(page, "Stage");
    await page.getByRole("radio", { name: /^Pretrain/ }).check();
    await page.getByText("Recipe: pretrain").waitFor();
    await page.getByRole("radio", { name: /^Finetune/ }).check();
    await page.getByText("Recipe: finetune").waitFor();
    await wizard(page, "Preview");
    await page.getByText("Ready", { exact: true }).waitFor();
    await page.getByText("Memory forecast").waitFor();
    const command = await page.locator("pre.code").first().textContent();
    assert.match(command, /^eyewright train .*--max-steps 6/s);
  },

  async "a run trains to its end, and its curves and answers are there"({ page }) {
    await page.getByRole("button", { name: "Start training" }).click();
    await page.getByRole("heading", { name: "first" }).waitFor();
    await page.getByText("Look at the answers before and after", { exact: false }).waitFor({ timeout: 100_000 });
    await page.locator(".plot canvas").first().waitFor();
    await page.getByRole("radio", { name: "Table" }).check();
    assert.equal(await page.getByRole("region", { name: "Measurements, newest first" }).locator("tbody tr").count(), STEPS);
    await page.getByRole("tab", { name: "Before and after" }).click();
    const heads = page.getByRole("region", { name: "Before and after" }).locator("thead th");
    assert.equal(await heads.first().textContent(), "Before");
    assert.equal(await heads.last().textContent(), `Step ${STEPS}`);
    await page.getByRole("tab", { name: "Checkpoints" }).click();
    await page.getByRole("button", { name: "Chat with it" }).first().waitFor();
  },

  async "a long run is stopped with a checkpoint and goes on from there"({ page }) {
    await prepare(page, 4000, "long");
    await page.getByRole("button", { name: "Start training" }).click();
    await page.getByText(/step [1-9]\d* of 4,000/).waitFor({ timeout: 90_000 });
    await page.getByRole("button", { name: "Stop…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Stop and save" }).click();
    await page.getByText(/^Stopped at step \d/).waitFor({ timeout: 60_000 });
    const at = Number((await page.getByText(/^Stopped at step/).textContent()).match(/[\d,]+/)[0].replace(",", ""));
    await page.getByRole("button", { name: "Resume" }).click();
    await page.waitForFunction((step) => Number((document.body.innerText.match(/step ([\d,]+) of 4,000/) ?? [])[1]?.replace(",", "")) > step, at, { timeout: 90_000 });
    await page.getByRole("button", { name: "Stop…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click();
    await page.getByText(/^Stopped at step \d/).waitFor({ timeout: 60_000 });
  },

  async "base and result answer side by side"({ page }) {
    await room(page, "Runs");
    await page.getByRole("link", { name: /first/ }).first().click();
    await page.getByRole("button", { name: "Compare with the base in a chat" }).click();
    await page.getByRole("button", { name: "Model: tiny" }).waitFor();
    await page.getByRole("button", { name: "Second model: first, newest" }).waitFor();
    await drop(page, ["chroma_420.jpg"]);
    await question(page, "What is this?");
    assert.equal(await page.locator(".answers.two article").count(), 2);
    assert.equal(await page.getByRole("alert").count(), 0);
  },

  async "the result is exported, read back, and its files are there"({ page }) {
    const { body } = await ask(page, "list_runs");
    const run = body.find((one) => one.name === "first");
    await page.evaluate((id) => (location.hash = `#/export/${id}`), run.id);
    await page.getByRole("heading", { name: "Export", exact: true }).waitFor();
    await page.getByRole("radio", { name: /XTuner/ }).check();
    await page.getByRole("button", { name: "Export", exact: true }).click();
    await page.getByText("Read back and compared: it holds").waitFor({ timeout: 90_000 });
    const folder = (await page.getByRole("region", { name: "Verification report" }).locator(".mono").first().textContent()).trim();
    assert.ok(existsSync(join(folder, "projector")), folder);
    await page.getByText("How to load it").waitFor();
    // What is copied is the command, without the fences of its Markdown.
    assert.match(await page.getByRole("region", { name: "Verification report" }).locator("pre.code").first().textContent(), /^eyewright chat /);
    await page.getByRole("radio", { name: /GGUF/ }).check();
    await page.getByLabel("Numbers").selectOption("q8_0");
    await page.getByRole("button", { name: "Export", exact: true }).click();
    await page.getByRole("region", { name: "Verification report" }).getByText(/mmproj-.*\.gguf/).first().waitFor({ state: "attached", timeout: 90_000 });
    await page.getByText("Read back and compared: it holds").waitFor();
    // An adapter of the tower has no place in GGUF's two files; what cannot be written says why.
    for (const card of await page.locator("label.format:has(input:disabled)").all()) assert.match(await card.textContent(), /Not from this checkpoint: ./);
  },
};
