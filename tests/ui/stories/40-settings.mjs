// Settings: language and theme switch live and last, keys never come back, diagnostics are written, shortcuts are listed.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";

import { ask, room } from "../steps.mjs";

export const stories = {
  async "the language switches live and lasts"({ page }) {
    await room(page, "Settings");
    await page.getByRole("radio", { name: "简体中文" }).check();
    await page.getByRole("heading", { name: "设置" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
    await page.reload();
    await page.getByRole("heading", { name: "设置" }).waitFor();
    await page.getByRole("radio", { name: "English" }).check();
    await page.getByRole("heading", { name: "Settings" }).waitFor();
  },

  async "the theme switches live"({ page }) {
    await page.getByRole("radio", { name: "Dark" }).check();
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
    await page.getByRole("radio", { name: "Light" }).check();
    await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
  },

  async "a key is kept and its text never comes back"({ page }) {
    const secret = "hf_0123456789secret";
    await page.getByText(/^Kept in memory until Eyewright ends, never in a file/).waitFor();
    await page.getByLabel("New key: Download hub").fill(secret);
    await page.getByRole("button", { name: "Set", exact: true }).first().click();
    await page.getByText(/ends with cret/).waitFor();
    const { body } = await ask(page, "list_keys");
    assert.ok(!JSON.stringify(body).includes(secret));
    await page.getByRole("button", { name: "Forget" }).first().click();
  },

  async "a program that is a server says that the switch has nothing to switch"({ page }) {
    await page.getByText("is this server: it runs until that program ends.", { exact: false }).waitFor();
    assert.equal(await page.getByRole("switch", { name: "Run the API server" }).count(), 0);
    const { body } = await ask(page, "api_server");
    assert.ok(body.running && body.always, JSON.stringify(body));
  },

  async "diagnostics hold no secret"({ page }) {
    await page.getByRole("button", { name: "Write file" }).click();
    const text = await page.getByText(/^Written: /).textContent();
    const path = text.replace("Written: ", "").trim();
    assert.ok(existsSync(path));
    assert.ok(!readFileSync(path, "latin1").includes("hf_0123456789secret"));
  },

  async "the list of shortcuts opens by keyboard"({ page }) {
    await page.keyboard.press("Control+/");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  },

  async "hostile arguments settle with typed errors"({ page }) {
    const rows = [
      ["get_chat", { chat: "../../etc/passwd" }],
      ["get_chat", { chat: "nobody" }],
      ["get_run", { run: "\u0000" }],
      ["list_rows", { dataset: "x", offset: -1, limit: 1e9 }],
      ["add_picture_bytes", { name: "x", base64: "!!!" }],
      ["add_picture_files", { paths: ["/etc/shadow", "relative", ""] }],
      ["change_settings", { api_port: 700000 }],
      ["preview_run", { draft: { recipe: "../x", preset: "?", values: { "lr.llm": "fast" } } }],
      ["no_such_command", {}],
      ["app_info", { surprise: true }],
    ];
    for (const [command, request] of rows) {
      const { status, body } = await ask(page, command, request);
      const typed = typeof body?.code === "string" && typeof body?.message === "string";
      assert.ok(typed || status === 200, `${command}: ${status} ${JSON.stringify(body)}`);
      assert.notEqual(body?.code, "internal", `${command}: ${JSON.stringify(body)}`);
    }
  },

  async "a used link and a stranger are refused"({ browser, origin }) {
    const context = await browser.newContext();
    const reply = await context.request.post(`${origin}/api/app_info`, { data: {} });
    assert.equal(reply.status(), 401);
    await context.close();
  },
};
