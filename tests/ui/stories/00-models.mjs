// Models: a stack from three folders, a pair that does not fit, a folder that is none.

import assert from "node:assert/strict";

import { ask, PICTURES, room, TINY_PATHS } from "../steps.mjs";

async function fill(page, paths, name) {
  await page.getByRole("button", { name: "Add from a folder" }).first().click();
  await page.getByLabel("Language model or complete model").fill(paths.model);
  if (paths.visual_encoder) await page.getByLabel("Vision tower (optional)").fill(paths.visual_encoder);
  if (paths.llava) await page.getByLabel("Projector (optional)").fill(paths.llava);
  await page.getByRole("dialog").getByLabel("Name").fill(name);
}

export const stories = {
  async "a folder without a model is refused with a reason"({ page }) {
    await room(page, "Models");
    await fill(page, { model: PICTURES }, "none");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  },

  async "three folders become a model with eyes"({ page, program }) {
    await room(page, "Models");
    await fill(page, TINY_PATHS, "tiny");
    await page.getByRole("dialog").getByRole("button", { name: "Check" }).click();
    await page.getByText("The parts fit together", { exact: true }).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("listitem").filter({ hasText: "tiny" }).getByText("with eyes", { exact: true }).waitFor();
    const { body } = await ask(page, "list_models");
    assert.ok(body.some((model) => model.name === "tiny" && model.kind === "stack"), program.said());
  },

  async "a language model alone has no eyes"({ page }) {
    await fill(page, { model: TINY_PATHS.model }, "blind");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Language models" }).waitFor();
  },

  async "the inspection card tells parts and memory"({ page }) {
    await page.getByRole("listitem").filter({ hasText: "tiny" }).getByRole("button", { name: "Inspect" }).click();
    const card = page.getByRole("dialog");
    await card.getByText("Vision tower", { exact: true }).waitFor();
    await card.getByText("Memory for the weights").waitFor();
    await page.keyboard.press("Escape");
  },
};
