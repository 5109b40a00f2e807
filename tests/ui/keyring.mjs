// A keyring on a session bus of its own, in a folder of its own: nobody's real keys are in reach.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAMS = { "dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring" };
const STARTS_WITHIN = 10_000;

/** The Debian packages that a keyring takes and this machine lacks. */
export function lacking() {
  const missing = Object.entries(PROGRAMS).filter(([program]) => spawnSync(program, ["--version"]).error?.code === "ENOENT");
  return missing.map(([, debian]) => debian);
}

/** Ends with `stop`. `env` is what a program needs to find this keyring and no other. */
export async function startKeyring() {
  const home = mkdtempSync(join(tmpdir(), "eyewright-keyring-"));
  const own = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  const started = [];
  const stop = () => {
    for (const child of started) child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const bus = spawn("dbus-daemon", ["--session", "--nofork", "--print-address"], { env: own, stdio: ["ignore", "pipe", "ignore"] });
    started.push(bus);
    const address = { DBUS_SESSION_BUS_ADDRESS: (await firstLine(bus)).trim() };
    const daemon = spawn("gnome-keyring-daemon", ["--foreground", "--unlock", "--components=secrets"], { env: { ...own, ...address }, stdio: ["pipe", "ignore", "ignore"] });
    started.push(daemon);
    // The password of a keyring that begins here; having read it, the daemon asks nobody.
    daemon.stdin.end("a password");
    await until(() => isServed({ ...own, ...address }), "gnome-keyring-daemon serves no keyring");
    return { env: { ...address, EYEWRIGHT_NO_KEYRING: undefined }, home, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

function isServed(env) {
  const bus = ["--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner"];
  return spawnSync("dbus-send", [...bus, "string:org.freedesktop.secrets"], { env, encoding: "utf8" }).stdout?.includes("true");
}

async function firstLine(child) {
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part) => (text += part));
  await until(() => text.includes("\n"), "dbus-daemon prints no address");
  return text;
}

async function until(holds, otherwise) {
  const began = Date.now();
  while (!holds()) {
    if (Date.now() - began > STARTS_WITHIN) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
