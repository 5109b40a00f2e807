// Chat: drop, paste, stream, stop, branch, history, side by side, no eyes, correct an answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ask, choose, dragFromWeb, drop, paste, PICTURES, question, room } from "../steps.mjs";

const pending = (page) => page.locator(".composer").getByRole("list", { name: "Pictures of the question" }).getByRole("listitem");
const articles = (page, name) => page.getByRole("article", { name });

export const stories = {
  async "a dropped picture is asked about and answered"({ page }) {
    await room(page, "Chat");
    await choose(page, /^tiny/);
    await drop(page, ["chroma_420.jpg"]);
    await pending(page).first().waitFor();
    await question(page, "What is in this picture?");
    const answer = articles(page, "tiny").first();
    await answer.getByText(/tokens\/s/).waitFor();
    assert.match(page.url(), /#\/chat\/.+/);
  },

  async "what the model sees is shown"({ page }) {
    await page.getByRole("button", { name: /^Enlarge chroma_420/ }).first().click();
    await page.getByText(/What the model sees · \d+ × \d+ pixels, \d+ tokens/).waitFor();
    await page.keyboard.press("Escape");
  },

  async "answering again makes a branch, and branches switch"({ page }) {
    await page.getByRole("button", { name: "Answer again" }).last().click();
    await page.getByRole("group", { name: "Branch 2 of 2" }).waitFor();
    await page.getByRole("button", { name: "Stop (Esc)" }).waitFor({ state: "hidden", timeout: 60_000 });
    await page.getByRole("button", { name: "Branch before" }).last().click();
    await page.getByRole("group", { name: "Branch 1 of 2" }).waitFor();
  },

  async "an edited question is a branch too"({ page }) {
    await page.getByRole("textbox", { name: "Your question" }).press("ArrowUp");
    await page.keyboard.press("Escape");
    assert.ok(await page.getByRole("textbox", { name: "Your question" }).evaluate((box) => box === document.activeElement), "Esc gives the focus back");
    await page.getByRole("textbox", { name: "Your question" }).press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit question" }).fill("Describe it.");
    await page.getByRole("textbox", { name: "Edit question" }).press("Enter");
    await page.getByText("Describe it.", { exact: true }).waitFor();
    await page.getByRole("group", { name: "Branch 2 of 2" }).first().waitFor();
    await page.getByRole("button", { name: "Stop (Esc)" }).waitFor({ state: "hidden", timeout: 60_000 });
  },

  async "a corrected answer becomes a row"({ page }) {
    await page.getByRole("button", { name: "Correct this answer" }).last().click();
    await page.getByRole("textbox", { name: "The right answer" }).fill("A red circle and a blue square.");
    await page.getByRole("button", { name: "File correction" }).click();
    await page.getByText(/Filed as row 1 of corrections/).waitFor();
    await page.getByRole("button", { name: "Open data set" }).click();
    await page.getByRole("heading", { name: "corrections" }).waitFor();
    await page.getByText("A red circle and a blue square.").waitFor();
    await page.goBack();
  },

  async "pasted twice is noticed and can be removed"({ page }) {
    await page.getByRole("button", { name: "New chat" }).click();
    await paste(page, "odd.png");
    await pending(page).first().waitFor();
    await paste(page, "odd.png");
    await page.getByText("Same picture twice").waitFor();
    await page.getByRole("button", { name: "Remove odd.png" }).last().click();
    await page.getByText("Same picture twice").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Remove odd.png" }).click();
  },

  async "one picture twice in a question is shown twice, also when the chat is opened again"({ page }) {
    for (const times of [1, 2]) {
      await paste(page, "odd.png");
      await pending(page).nth(times - 1).waitFor();
    }
    await question(page, "Are they alike?");
    await page.reload();
    await page.getByRole("article", { name: "You" }).getByText("Are they alike?").waitFor();
    assert.equal(await page.getByRole("article", { name: "You" }).getByRole("listitem").count(), 2);
    await page.getByRole("button", { name: "New chat" }).click();
  },

  async "a file that is no picture is refused by name"({ page }) {
    await drop(page, [join(PICTURES, "../../Cargo.toml")]);
    const alert = page.getByRole("alert").filter({ hasText: "Cargo.toml" });
    await alert.waitFor();
    await alert.getByRole("button", { name: "Dismiss" }).click();
    assert.equal(await pending(page).count(), 0);
  },

  async "a web page's picture that is only an address is explained, and one that is whole is taken"({ page }) {
    const overlay = page.getByText("save the picture first, or copy it and paste it here");
    const note = page.getByRole("alert").filter({ hasText: "Only an address came, and Eyewright reads no web pages" });
    const link = { "text/uri-list": "https://example.org/cats", "text/html": '<a href="https://example.org/cats">Cats</a>' };
    const picture = { "text/uri-list": "https://example.org/cat.png", "text/html": '<img alt="a > b" src="https://example.org/cat.png">' };
    for (const dragged of [link, picture]) {
      const drag = await dragFromWeb(page, dragged);
      await overlay.waitFor();
      assert.equal(await drag.over(), true, "the drop is wanted");
      assert.equal(await drag.drop(), true, "the browser stays on this page");
      await overlay.waitFor({ state: "hidden" });
      await note.getByRole("button", { name: "Dismiss" }).click();
      await note.waitFor({ state: "hidden" });
    }

    const field = await dragFromWeb(page, link, ".composer textarea");
    assert.equal(await overlay.isVisible(), false);
    assert.deepEqual([await field.over(), await field.drop()], [false, false], "a link is text for a text field");
    assert.equal(await (await dragFromWeb(page, picture, ".composer textarea")).drop(), true);
    await note.getByRole("button", { name: "Dismiss" }).click();
    assert.equal(await pending(page).count(), 0);

    const whole = `data:image/png;base64,${readFileSync(join(PICTURES, "odd.png")).toString("base64")}`;
    await (await dragFromWeb(page, { "text/uri-list": "https://example.org/cats", "text/html": `<a href="https://example.org/cats"><img src="${whole}"></a>` })).drop();
    await page.getByRole("button", { name: "Remove dragged picture" }).click();
    assert.equal(await note.count(), 0);

    // The page's own links are not on their way in.
    await page.dispatchEvent("body", "dragstart");
    assert.equal(await (await dragFromWeb(page, link)).drop(), false);
    await page.dispatchEvent("body", "dragend");
    assert.equal(await note.count(), 0);
  },

  async "a model without eyes is explained and helped"({ page }) {
    await choose(page, /^blind/);
    await drop(page, ["odd.png"]);
    await page.getByText("This model has no eyes").waitFor();
    await page.getByRole("button", { name: /^Use / }).click();
    await page.getByText("This model has no eyes").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Remove odd.png" }).click();
  },

  async "two answers stand side by side"({ page }) {
    await choose(page, /^tiny/);
    await page.getByRole("button", { name: "Two answers side by side" }).click();
    await page.getByRole("button", { name: /^Second model:/ }).waitFor();
    await question(page, "Say something.");
    assert.equal(await articles(page, "tiny").count(), 2);
    // Another answer on the right is a branch there; the one on the left stays.
    const [left, right] = [articles(page, "tiny").nth(0), articles(page, "tiny").nth(1)];
    await page.waitForTimeout(2100);
    await right.getByRole("button", { name: "Answer again" }).click();
    await right.getByRole("group", { name: "Branch 2 of 2" }).waitFor();
    await page.getByRole("button", { name: "Stop (Esc)" }).waitFor({ state: "hidden", timeout: 60_000 });
    assert.equal(await articles(page, "tiny").count(), 2);
    assert.equal(await left.getByRole("group", { name: /^Branch/ }).count(), 0);
  },

  async "history finds words, a chat is renamed and deleted"({ page }) {
    const { body: before } = await ask(page, "list_chats");
    await page.keyboard.press("Control+k");
    await page.getByRole("searchbox", { name: "Search chats" }).fill("Say something");
    const history = page.getByRole("complementary", { name: "Chats" });
    await history.getByRole("link").first().waitFor();
    await page.getByRole("searchbox", { name: "Search chats" }).fill("no such words anywhere");
    await page.getByText("No chat has these words.").waitFor();
    await page.getByRole("searchbox", { name: "Search chats" }).fill("");
    await page.getByRole("button", { name: "Actions for this chat" }).click();
    await page.getByRole("menuitem", { name: "Rename chat" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Renamed here");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await history.getByRole("link", { name: /Renamed here/ }).waitFor();
    await page.getByRole("button", { name: "Actions for this chat" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await history.getByRole("link", { name: /Renamed here/ }).waitFor({ state: "hidden" });
    const { body } = await ask(page, "list_chats");
    assert.equal(body.total, before.total - 1);
  },

  async "what was typed and not sent outlives a look at another room, chat by chat"({ page }) {
    const box = page.getByRole("textbox", { name: "Your question" });
    await page.getByRole("button", { name: "New chat" }).click();
    await box.fill("half a question");
    await room(page, "Models");
    await room(page, "Chat");
    assert.equal(await box.inputValue(), "half a question");
    // So do the choices for a chat that has no question yet.
    await page.getByRole("button", { name: "Two answers side by side" }).click();
    await room(page, "Models");
    await room(page, "Chat");
    await page.getByRole("button", { name: /^Second model:/ }).waitFor();
    await page.getByRole("button", { name: "Two answers side by side" }).click();
    await page.getByRole("button", { name: /^Second model:/ }).waitFor({ state: "hidden" });
    await page.getByRole("complementary", { name: "Chats" }).getByRole("link").first().click();
    await page.waitForFunction(() => document.querySelector("main textarea")?.value === "");
    await page.getByRole("button", { name: "New chat" }).click();
    await page.waitForFunction(() => document.querySelector("main textarea")?.value === "half a question");
    await box.fill("");
  },

  async "in a narrow window the chats are one click away"({ page }) {
    const size = page.viewportSize();
    const history = page.getByRole("complementary", { name: "Chats" });
    await page.setViewportSize({ width: 700, height: size.height });
    await history.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Show chats" }).click();
    await history.getByRole("link").first().click();
    await history.waitFor({ state: "hidden" });
    await articles(page, "You").first().waitFor();
    await page.setViewportSize(size);
  },

  async "a chat is saved as Markdown, and is there after a reload"({ page }) {
    await page.getByRole("complementary", { name: "Chats" }).getByRole("link").first().click();
    await page.getByRole("button", { name: "Actions for this chat" }).click();
    const saving = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: "Save as Markdown" }).click();
    assert.match((await saving).suggestedFilename(), /\.md$/);
    await page.reload();
    await articles(page, "You").first().waitFor();
  },
};
