// Starts the real program with a library of its own, and a browser on its interface.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromiumPath } from "../../ui/scripts/chromium.mjs";

const require = createRequire(new URL("../../ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");
/** The source of axe-core, run inside the page. */
export const AXE = require.resolve("axe-core/axe.min.js");
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LINK = /^http:\/\/\S+token=\S+/m;
const STARTS_WITHIN = 60_000;

function programPath() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const path = process.env.EYEWRIGHT_PROGRAM ?? join(target, "debug", "eyewright");
  if (!existsSync(path)) throw new Error(`\`${path}\` is missing; build it with \`cargo build --bin eyewright\``);
  return path;
}

/** A folder for a program's files; a program that starts again is given it again. */
export function newHome() {
  return mkdtempSync(join(tmpdir(), "eyewright-ui-"));
}

/** The program, its newest link, and what to do at the end. The user's own keyring is never touched. */
export async function startProgram({ home = newHome(), keyring = { EYEWRIGHT_NO_KEYRING: "1" } } = {}) {
  // The build folder may lie outside the checkout, from where bundled models are not found.
  const env = { ...process.env, EYEWRIGHT_MODELS: join(ROOT, "models"), ...keyring };
  const program = spawn(programPath(), ["serve", "--ui", "--listen", "127.0.0.1:0", "--home", home], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const links = [];
  const take = (text) => {
    said += text;
    const found = LINK.exec(text)?.[0];
    if (found) links.push(found);
  };
  program.stdout.setEncoding("utf8").on("data", take);
  program.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const ended = new Promise((resolve) => program.once("exit", resolve));
  const began = Date.now();
  while (links.length === 0) {
    if (program.exitCode !== null || Date.now() - began > STARTS_WITHIN) throw new Error(`the program printed no link:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    home,
    process: program,
    said: () => said,
    /** A link that was not used yet. */
    async link() {
      for (let wait = 0; wait < 100 && links.length === 0; wait += 1) await new Promise((resolve) => setTimeout(resolve, 50));
      const link = links.shift();
      if (!link) throw new Error(`no unused link:\n${said}`);
      return link;
    },
    async stop({ keepHome = false } = {}) {
      program.kill("SIGTERM");
      const timer = setTimeout(() => program.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(timer);
      if (!keepHome) rmSync(home, { recursive: true, force: true });
    },
  };
}

export async function openBrowser() {
  return chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox", "--disable-gpu"] });
}

/** A tab on the interface. Anything the page complains about is kept in `complaints`. */
export async function openTab(browser, program) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 820 }, reducedMotion: "reduce", locale: "en-US" });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A refused request shows as an error of the network, which stories provoke on purpose.
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) complaints.push(message.text());
  });
  const link = await program.link();
  await page.goto(link);
  await page.getByRole("navigation", { name: "Rooms" }).waitFor();
  return { page, complaints, origin: new URL(link).origin };
}
