// Draws icons/eyewright.svg in every size an operating system asks for. Needs Chromium; run with `npm run icons`.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { chromiumPath } from "./chromium.mjs";

const folder = fileURLToPath(new URL("../../icons/", import.meta.url));
const svg = await readFile(`${folder}eyewright.svg`, "utf8");
const browser = await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox"] });
const page = await browser.newPage();

async function draw(side) {
  await page.setViewportSize({ width: side, height: side });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${side}px;height:${side}px}</style>${svg}`);
  return page.screenshot({ omitBackground: true, type: "png" });
}

const drawn = new Map();
for (const side of [16, 24, 32, 48, 64, 128, 256, 512, 1024]) drawn.set(side, await draw(side));
await browser.close();

/** An .ico is a table of pictures; since Windows Vista they may be PNGs. */
function ico(sides) {
  const head = Buffer.alloc(6 + 16 * sides.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(sides.length, 4);
  let at = head.length;
  for (const [place, side] of sides.entries()) {
    const entry = 6 + 16 * place;
    head[entry] = head[entry + 1] = side % 256;
    head.writeUInt16LE(1, entry + 4);
    head.writeUInt16LE(32, entry + 6);
    head.writeUInt32LE(drawn.get(side).length, entry + 8);
    head.writeUInt32LE(at, entry + 12);
    at += drawn.get(side).length;
  }
  return Buffer.concat([head, ...sides.map((side) => drawn.get(side))]);
}

/** An .icns is a list of pictures with a four-letter name for each size. */
function icns(types) {
  const parts = types.map(([type, side]) => {
    const head = Buffer.alloc(8);
    head.write(type, 0, "latin1");
    head.writeUInt32BE(drawn.get(side).length + 8, 4);
    return Buffer.concat([head, drawn.get(side)]);
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.write("icns", 0, "latin1");
  head.writeUInt32BE(body.length + 8, 4);
  return Buffer.concat([head, body]);
}

const files = {
  "32x32.png": drawn.get(32),
  "128x128.png": drawn.get(128),
  "128x128@2x.png": drawn.get(256),
  "icon.png": drawn.get(512),
  "icon.ico": ico([16, 24, 32, 48, 64, 256]),
  "icon.icns": icns([["icp4", 16], ["icp5", 32], ["icp6", 64], ["ic07", 128], ["ic08", 256], ["ic09", 512], ["ic10", 1024]]),
};
for (const [name, bytes] of Object.entries(files)) await writeFile(folder + name, bytes);
