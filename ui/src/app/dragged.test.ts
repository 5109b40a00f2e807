// Is a drag from a web page taken for what it brings?

import { expect, test } from "vitest";

import { draggedFrom } from "./dragged";

const WHOLE = "data:image/png;base64,iVBORw==";
const BYTES = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);
const PAGE = "https://example.org/cat";
const nothing = { pictures: [], addressOnly: false };
const address = { pictures: [], addressOnly: true };
const whole = { pictures: [BYTES], addressOnly: false };

test.each<[string, string, string[], unknown]>([
  ["a picture of a page", "https://example.org/cat.png", ["https://example.org/cat.png"], address],
  ["a link", PAGE, [], address],
  ["a picture that a page made", "blob:https://example.org/1", [], address],
  ["a picture whose address the page has shortened", "", ["cat.png"], address],
  ["a list with a remark", `# cats\r\n${PAGE}\r\n`, [], address],
  ["a picture inside its address", WHOLE, [], whole],
  ["the same one in both", WHOLE, [WHOLE], whole],
  ["one inside a link", PAGE, [WHOLE], whole],
  ["one of two", "", [WHOLE, "https://example.org/cat.png"], { pictures: [BYTES], addressOnly: true }],
  ["percent signs in the bytes", "DATA:image/png;charset=x;BASE64,iVBORw%3D%3D", [], whole],
  ["bytes as text", "data:image/svg+xml,%3Csvg%2F%3E", [], { pictures: [new TextEncoder().encode("<svg/>")], addressOnly: false }],
  ["bytes that are none", "data:image/png;base64,???", [], address],
  ["bytes with a broken sign", "data:image/png,%E0%A4%A", [], address],
  ["no picture", "data:text/html,<p>", [], nothing],
  ["a letter", "mailto:cat@example.org", [], nothing],
  ["a file's name", "file:///cat.png", [], nothing],
  ["text", "", [], nothing],
])("%s", (_, list, images, found) => expect(draggedFrom(list, images, false)).toEqual(found));

test("a text field keeps links, not pictures", () => {
  expect(draggedFrom(PAGE, [], true)).toEqual(nothing);
  expect(draggedFrom(PAGE, [`${PAGE}.png`], true)).toEqual(address);
  expect(draggedFrom(WHOLE, [WHOLE], true)).toEqual(whole);
});
