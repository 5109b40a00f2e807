// Downloads: from a hub on this machine that cuts the connection once, and one that has no such model.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { ROOT } from "../program.mjs";
import { ask, room } from "../steps.mjs";

const MODEL = join(ROOT, "tests/golden/models/llava_hf_new");
const WEIGHTS = "model.safetensors";
const COMMIT = "c0ffee".padEnd(40, "0");

/** A hub with one repository, `owner/fetched`. The first answer with weights ends in the middle. */
async function startHub() {
  const asked = [];
  const files = readdirSync(MODEL).map((name) => {
    const bytes = readFileSync(join(MODEL, name));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { rfilename: name, size: bytes.length, lfs: { sha256, size: bytes.length } };
  });
  const server = createServer((request, response) => {
    asked.push({ path: request.url, range: request.headers.range });
    if (request.url.startsWith("/api/models/owner/fetched/revision/main")) {
      response.end(JSON.stringify({ sha: COMMIT, siblings: files }));
      return;
    }
    const name = request.url.split(`/owner/fetched/resolve/${COMMIT}/`)[1];
    if (!name || !existsSync(join(MODEL, name))) {
      response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
      return;
    }
    const bytes = readFileSync(join(MODEL, name));
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { "content-length": bytes.length - from };
    if (from > 0) headers["content-range"] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(from > 0 ? 206 : 200, headers);
    const first = asked.filter((one) => one.path.endsWith(WEIGHTS)).length === 1;
    if (name === WEIGHTS && first) response.write(bytes.subarray(0, 10_000), () => response.destroy());
    else response.end(bytes.subarray(from));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, asked, address: `http://127.0.0.1:${server.address().port}` };
}

async function download(page, repository) {
  await page.getByRole("button", { name: "Download", exact: true }).first().click();
  await page.getByLabel("Repository").fill(repository);
  await page.getByRole("dialog").getByRole("button", { name: "Download", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

let hub;

export const stories = {
  async "the download address is a setting, and must be one"({ page }) {
    hub = await startHub();
    await room(page, "Settings");
    const field = page.getByLabel("Download address");
    await field.fill("ftp://somewhere");
    await field.blur();
    await page.getByText("it must begin with https:// or http://").first().waitFor();
    await page.getByText(/^Not saved\. In use is/).waitFor();
    assert.equal(await field.inputValue(), "ftp://somewhere");
    await field.fill(hub.address);
    await field.blur();
    await page.waitForFunction(async (address) => {
      const reply = await fetch("/api/get_settings", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      return (await reply.json()).hub === address;
    }, hub.address);
  },

  async "a model that is not there is said, with a way to try again"({ page }) {
    await room(page, "Models");
    await download(page, "owner/none");
    const card = page.getByRole("region", { name: "owner/none" });
    await card.getByRole("alert").filter({ hasText: /has no .?owner\/none/ }).waitFor();
    await card.getByRole("button", { name: "Try again" }).waitFor();
  },

  async "a cut connection goes on, and the model is there"({ page }) {
    await download(page, "owner/fetched");
    await page.getByRole("listitem").filter({ hasText: "fetched" }).getByText("with eyes", { exact: true }).waitFor();
    const ranges = hub.asked.filter((one) => one.path.endsWith(WEIGHTS)).map((one) => one.range);
    assert.equal(ranges.length, 2);
    assert.match(ranges[1], /^bytes=[1-9]\d*-$/);
    const { body } = await ask(page, "list_models");
    const model = body.find((one) => one.name === "fetched");
    assert.equal(readFileSync(join(model.paths.model, WEIGHTS)).compare(readFileSync(join(MODEL, WEIGHTS))), 0);
    assert.ok(model.in_library);
    hub.server.close();
  },
};
