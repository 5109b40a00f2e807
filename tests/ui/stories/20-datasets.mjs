// Data sets: add, browse, check, find the faulty rows, split.

import assert from "node:assert/strict";
import { join } from "node:path";

import { ask, room, writeDataset } from "../steps.mjs";

export const stories = {
  async "a missing file is refused with a reason"({ page }) {
    await room(page, "Data sets");
    await page.getByRole("button", { name: "Add data set" }).first().click();
    await page.getByLabel("File of rows").fill("/nowhere/rows.json");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    await page.keyboard.press("Escape");
  },

  async "rows are listed with their pictures"({ page, program }) {
    const { json, images } = writeDataset(program.home, "shapes");
    await page.getByRole("button", { name: "Add data set" }).first().click();
    await page.getByLabel("File of rows").fill(json);
    await page.getByLabel("Folder of pictures").fill(images);
    await page.getByRole("dialog").getByLabel("Name").fill("shapes");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "shapes" }).waitFor();
    await page.getByRole("group", { name: "Row 1", exact: true }).getByText("a circle").waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll("main img")].some((image) => image.complete && image.naturalWidth > 1));
  },

  async "the doctor finds nothing in good rows"({ page }) {
    await page.getByRole("button", { name: "Check" }).click();
    await page.getByText("Every row can be trained on.").waitFor({ timeout: 30_000 });
  },

  async "the doctor names what is wrong and shows the rows"({ page, program }) {
    const broken = { id: "broken", image: "missing.png", conversations: [{ from: "human", value: "<image>\nWhat?" }, { from: "gpt", value: "x" }] };
    const { json, images } = writeDataset(program.home, "faulty", [broken]);
    await room(page, "Data sets");
    await page.getByRole("button", { name: "Add data set" }).first().click();
    await page.getByLabel("File of rows").fill(json);
    await page.getByLabel("Folder of pictures").fill(images);
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("button", { name: "Check" }).click();
    const findings = page.getByRole("region", { name: "The doctor's findings" });
    await findings.getByText("fatal", { exact: true }).first().waitFor({ timeout: 30_000 });
    await findings.getByRole("button", { name: "Show" }).first().click();
    await page.getByRole("group", { name: "Row 13" }).waitFor();
    assert.equal(await page.getByRole("group", { name: "Row 1", exact: true }).count(), 0);
    await page.getByRole("button", { name: "Only: The picture is missing" }).click();
    await page.getByRole("group", { name: "Row 1", exact: true }).waitFor();
    // Training would stop at this row, and says so before it starts.
    await page.getByRole("button", { name: "Train on it" }).click();
    await page.getByRole("navigation", { name: "Steps of the wizard" }).getByRole("button", { name: "Preview" }).click();
    await page.getByText("Of the first rows, 1 cannot be trained on.").waitFor();
    await page.getByText("Not ready", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Start over" }).click();
    await page.goBack();
  },

  async "a name that is taken stays in its box, and Esc gives the focus back"({ page }) {
    const menu = page.getByRole("button", { name: /^More: / }).first();
    await menu.click();
    await page.getByRole("menuitem", { name: "Rename data set" }).click();
    const name = page.getByRole("dialog").getByLabel("Name");
    assert.ok(await name.evaluate((box) => box === document.activeElement), "typing goes into the box");
    await name.fill("shapes");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    assert.equal(await name.inputValue(), "shapes");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.ok(await menu.evaluate((button) => button === document.activeElement), "the menu has the focus again");
  },

  async "pictures that were moved are found again"({ page, program }) {
    const { body } = await ask(page, "list_datasets");
    const shapes = body.find((one) => one.name === "shapes");
    await page.evaluate((id) => (location.hash = `#/datasets/${id}`), shapes.id);
    const folder = async (path) => {
      await page.getByRole("button", { name: "More: shapes" }).click();
      await page.getByRole("menuitem", { name: "Choose the folder of pictures" }).click();
      await page.getByRole("dialog").getByLabel("Folder of pictures").fill(path);
      await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    };
    await folder(join(program.home, "no such folder"));
    await page.getByRole("dialog").getByRole("alert").waitFor();
    await page.keyboard.press("Escape");
    await folder(program.home);
    await page.getByText("The picture is missing").first().waitFor();
    await folder(shapes.image_folder);
    await page.getByText("The picture is missing").first().waitFor({ state: "hidden" });
  },

  async "validation rows are split off"({ page }) {
    await room(page, "Data sets");
    await page.getByRole("link", { name: /shapes/ }).first().click();
    await page.getByRole("button", { name: "More: shapes" }).click();
    await page.getByRole("menuitem", { name: "Split off validation rows" }).click();
    await page.getByLabel("Share for validation").fill("25");
    await page.getByRole("button", { name: "Split", exact: true }).click();
    await page.getByText(/^Written: /).waitFor({ timeout: 30_000 });
    const { body } = await ask(page, "list_datasets");
    assert.ok(body.some((dataset) => dataset.rows === 3) && body.some((dataset) => dataset.rows === 9), JSON.stringify(body.map((one) => [one.name, one.rows])));
  },
};
