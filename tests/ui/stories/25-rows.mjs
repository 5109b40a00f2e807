// Rows are corrected, deleted and brought back in the data set's own file; the demo's data set is drawn.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { ask, room, writeDataset } from "../steps.mjs";

/** A data set whose rows have more in them than Eyewright knows of. */
let file;
const read = () => readFileSync(file, "utf8");
const row = (page, number) => page.getByRole("group", { name: `Row ${number}`, exact: true });

export const stories = {
  async "a row is corrected and everything else in its file stays"({ page, program }) {
    const extra = { id: "extra", image: "odd.png", source: { licence: "CC0", votes: [1, 2] }, conversations: [{ from: "human", value: "<image>\nWhich shape?", mood: "calm" }, { from: "gpt", value: "a hexagon" }] };
    const { json, images } = writeDataset(program.home, "kept", [extra]);
    file = json;
    const before = read();
    const { body } = await ask(page, "add_dataset", { json, image_folder: images, name: "kept" });
    await page.evaluate((id) => (location.hash = `#/datasets/${id}`), body.id);
    await page.getByLabel("Search rows").fill("hexagon");
    await page.getByRole("button", { name: "Correct row 13" }).click();
    const dialog = page.getByRole("dialog", { name: "Correct row 13" });
    await dialog.getByLabel("Question 1").fill("Which shape?");
    await dialog.getByText("each picture needs one", { exact: false }).waitFor();
    await dialog.getByLabel("Question 1").fill("<image>\nWhich shape?");
    await dialog.getByText("each picture needs one", { exact: false }).waitFor({ state: "hidden" });
    await dialog.getByLabel("Answer 1").fill('a "heptagon"');
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "hidden" });
    assert.equal(read(), before.replace('"a hexagon"', '"a \\"heptagon\\""'));
    await page.getByLabel("Search rows").fill("heptagon");
    await row(page, 13).getByText('a "heptagon"').waitFor();
    await page.getByRole("button", { name: "Undo the last change" }).click();
    await page.getByText("Row 13 is as it was.").waitFor();
    assert.equal(read(), before);
  },

  async "a deleted row comes back where it was"({ page }) {
    const before = read();
    await page.getByLabel("Search rows").fill("");
    await page.getByRole("button", { name: "Delete row 2", exact: true }).click();
    const toast = page.getByRole("status").filter({ hasText: "Row 2 is deleted." });
    await toast.waitFor();
    await row(page, 2).getByText("row-2", { exact: true }).waitFor();
    assert.deepEqual(JSON.parse(read()).map((one) => one.id).slice(0, 3), ["row-0", "row-2", "row-3"]);
    await toast.getByRole("button", { name: "Undo" }).click();
    await row(page, 2).getByText("row-1", { exact: true }).waitFor();
    await toast.waitFor({ state: "hidden" });
    assert.equal(read(), before);
    await page.getByRole("button", { name: "Undo the last change" }).waitFor({ state: "hidden" });
  },

  async "a file that somebody else changed is not overwritten, and what was typed stays"({ page }) {
    await page.getByRole("button", { name: "Correct row 1", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Correct row 1" });
    await dialog.getByLabel("Answer 1").fill("mine");
    const theirs = read().replace('"a circle"', '"theirs"');
    writeFileSync(file, theirs);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("alert").getByText("It was changed elsewhere in the meantime.", { exact: false }).waitFor();
    assert.equal(read(), theirs);
    assert.equal(await dialog.getByLabel("Answer 1").inputValue(), "mine");
    await dialog.getByRole("region", { name: "The row as the file has it now" }).getByText("theirs").waitFor();
    await dialog.getByRole("button", { name: "Save over it" }).click();
    await row(page, 1).getByText("mine").waitFor();
    assert.equal(read(), theirs.replace('"theirs"', '"mine"'));
  },

  async "leaving a run for a data set asks nobody for a run of that name"({ page }) {
    const { body } = await ask(page, "list_datasets");
    await page.evaluate(() => (location.hash = "#/runs/none"));
    await page.getByRole("alert").filter({ hasText: "there is no run" }).getByRole("button", { name: "Dismiss" }).click();
    await page.evaluate((id) => (location.hash = `#/datasets/${id}`), body[0].id);
    await page.getByRole("heading", { name: body[0].name, exact: true }).waitFor();
    await page.waitForTimeout(300);
    assert.equal(await page.getByRole("alert").count(), 0);
  },

  async "an empty data set says so and complains of nothing"({ page }) {
    await room(page, "Data sets");
    await page.getByRole("button", { name: "New, empty" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("nothing yet");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("No rows yet.", { exact: false }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  },

  async "one click draws the demo's data set, with pictures kept back"({ page }) {
    await room(page, "Home");
    await page.getByRole("button", { name: "Draw a demo data set" }).click();
    const toast = page.getByRole("status").filter({ hasText: "Demo pictures is ready." });
    await toast.waitFor({ timeout: 60_000 });
    assert.equal(await page.getByRole("button", { name: "Draw a demo data set" }).count(), 0);
    await toast.getByRole("button", { name: "See it" }).click();
    await page.getByRole("heading", { name: "Demo pictures" }).waitFor();
    await row(page, 1).waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll("main img")].some((image) => image.complete && image.naturalWidth > 1));
    const { body } = await ask(page, "list_datasets");
    const drawn = body.find((one) => one.held_out.length > 0);
    assert.equal(drawn.rows, 1000);
    for (const one of drawn.held_out) assert.ok(existsSync(one.picture), one.picture);
  },

  async "in Chinese an error is told in Chinese, with the core's words below"({ page }) {
    await room(page, "Data sets");
    await ask(page, "change_settings", { language: "zh" });
    await page.getByRole("button", { name: "添加数据集" }).click();
    await page.getByLabel("数据文件").fill("/nowhere/rows.json");
    await page.getByRole("dialog").getByRole("button", { name: "添加", exact: true }).click();
    const alert = page.getByRole("dialog").getByRole("alert");
    await alert.locator("[lang=en]").getByText("/nowhere/rows.json").waitFor();
    assert.match(await alert.textContent(), /[\u4e00-\u9fff]/);
    await page.keyboard.press("Escape");
    await ask(page, "change_settings", { language: "en" });
    await page.getByRole("heading", { name: "Data sets", exact: true }).waitFor();
  },
};
