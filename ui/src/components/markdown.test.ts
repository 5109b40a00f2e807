// Is Markdown safe from strangers and whole at every letter of a stream?

import { expect, test } from "vitest";

import { blocksOf, plain, safeLink } from "./markdown";

test.each([
  ["https://example.org/a?b=c", true],
  ["http://example.org", true],
  ["mailto:a@example.org", true],
  ["javascript:alert(1)", false],
  ["JaVaScRiPt:alert(1)", false],
  ["data:text/html,x", false],
  ["file:///etc/passwd", false],
  ["//example.org", false],
])("link %s is %s", (address, safe) => {
  expect(safeLink(address) !== undefined).toBe(safe);
});

test("unfinished text of a stream parses at every letter", () => {
  const text = "# Title\n\n- **one** `two`\n\n```js\nlet x = '<b>';\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n<script>alert(1)</script>";
  for (let end = 0; end <= text.length; end += 1) expect(() => blocksOf(text.slice(0, end))).not.toThrow();
  expect(blocksOf(text).map((block) => block.type)).toEqual(["heading", "list", "code", "table", "html"]);
});

test("raw HTML stays a token of its own, to be shown as text", () => {
  const [block] = blocksOf("<img src=x onerror=alert(1)>");
  expect(block?.type === "html" || block?.type === "paragraph").toBe(true);
  expect(block?.raw).toContain("<img");
});

test("escapes made for HTML are taken back", () => {
  expect(plain("a &lt;b&gt; &amp;amp; &quot;c&quot; &#39;")).toBe("a <b> &amp; \"c\" '");
});
