// Keys outlive the program where there is a keyring, and only there; Settings says which it is.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { lacking, startKeyring } from "../keyring.mjs";
import { newHome, openTab, startProgram } from "../program.mjs";
import { room } from "../steps.mjs";

const SECRET = "hf_0123456789secret";

/** Starts the program anew, looks into its settings, and ends it. */
async function inSettings(browser, start, look) {
  const program = await startProgram(start);
  try {
    const { page } = await openTab(browser, program);
    await room(page, "Settings");
    await look(page, page.getByRole("region", { name: "Keys" }));
    await page.context().close();
  } finally {
    await program.stop({ keepHome: true });
  }
}

async function setKey(page, keys) {
  await keys.getByText("none").first().waitFor();
  await keys.getByLabel("New key: Download hub").fill(SECRET);
  await keys.getByRole("button", { name: "Set", exact: true }).first().click();
}

function holds(folder, text) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), "latin1").includes(text));
}

export const stories = {
  async "without a keyring a key is in memory, and gone at the next start"({ browser }) {
    const home = newHome();
    try {
      await inSettings(browser, { home }, async (page, keys) => {
        await keys.getByText("Kept in memory until Eyewright ends, never in a file").waitFor();
        await setKey(page, keys);
        await keys.getByText("in memory only, ends with cret").waitFor();
      });
      assert.ok(!holds(home, SECRET), "no file of the program holds the key");
      await inSettings(browser, { home }, async (page, keys) => {
        await keys.getByText("none", { exact: true }).first().waitFor();
        assert.equal(await keys.getByText("ends with").count(), 0);
      });
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },

  async "with a keyring a key is there at the next start, and forgotten when asked"({ browser }) {
    const missing = lacking();
    if (missing.length > 0) return `needs the Debian package ${missing.join(", ")}; \`cargo xtask test\` installs it`;
    const [home, keyring] = [newHome(), await startKeyring()];
    const start = { home, keyring: keyring.env };
    try {
      await inSettings(browser, start, async (page, keys) => {
        await keys.getByText("Kept in the system's keyring").waitFor();
        await setKey(page, keys);
        await keys.getByText("in the keyring, ends with cret").waitFor();
      });
      assert.ok(!holds(home, SECRET), "no file of the program holds the key");
      assert.ok(!holds(keyring.home, SECRET), "the keyring's own file is encrypted");
      await inSettings(browser, start, async (page, keys) => {
        await keys.getByText("in the keyring, ends with cret").waitFor();
        await keys.getByRole("button", { name: "Forget" }).first().click();
        await keys.getByText("none", { exact: true }).first().waitFor();
      });
      await inSettings(browser, start, async (page, keys) => {
        await keys.getByText("none", { exact: true }).first().waitFor();
      });
    } finally {
      keyring.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
};
