// Models: a stack from three folders, a pair that does not fit, a folder that is none.

import assert from "node:assert/strict";
import { join } from "node:path";

import { ask, PICTURES, room, TINY_PATHS } from "../steps.mjs";

async function fill(page, paths, name) {
  await page.getByRole("button", { name: "Add from a folder" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Model", { exact: true }).fill(paths.model);
  if (paths.visual_encoder) await dialog.getByLabel("With this vision tower").fill(paths.visual_encoder);
  if (paths.llava) await dialog.getByLabel("And this projector").fill(paths.llava);
  await dialog.getByLabel("Name").fill(name);
}

export const stories = {
  async "a folder without a model is refused with a reason"({ page }) {
    await room(page, "Models");
    await fill(page, { model: PICTURES }, "none");
    // Told once, whether it is looked at first or not.
    for (const button of ["Check", "Add"]) {
      await page.getByRole("dialog").getByRole("button", { name: button, exact: true }).click();
      await page.getByRole("dialog").getByText("config.json").last().waitFor();
    }
    await page.getByRole("dialog").getByRole("alert").waitFor();
    assert.equal(await page.getByRole("dialog").getByText("Something that is needed is not there.").count(), 1);
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

  async "a projector on its own is on the list, for training to begin from"({ page }) {
    await fill(page, { model: join(TINY_PATHS.llava, "projector") }, "only a projector");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Projectors and adapters" }).waitFor();
    await room(page, "Train");
    await page.getByRole("navigation", { name: "Steps of the wizard" }).getByRole("button", { name: "Models" }).click();
    const pick = page.getByRole("group", { name: "From the library: Starting projector" }).getByRole("button", { name: "only a projector" });
    await pick.click();
    assert.match(await page.getByRole("textbox", { name: "Starting projector" }).inputValue(), /projector$/);
    await page.getByRole("button", { name: "Start over" }).click();
    await room(page, "Models");
  },

  async "the inspection card tells parts and memory"({ page }) {
    await page.getByRole("listitem").filter({ hasText: "tiny" }).getByRole("button", { name: "Inspect" }).click();
    const card = page.getByRole("dialog");
    await card.getByText("Vision tower", { exact: true }).waitFor();
    await card.getByText("Memory for the weights").waitFor();
    await page.keyboard.press("Escape");
  },
};
