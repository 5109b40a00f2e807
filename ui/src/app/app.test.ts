// Do formats, addresses, shortcuts, lost events and both languages hold?

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import bindings from "../bindings/protocol.ts?raw";
import { en } from "../messages/en";
import { zh } from "../messages/zh";
import { ago, baseName, bytes, clock, parameters, short } from "./format";
import { hrefOf, parseRoute } from "./route.svelte";
import { Sequence } from "./sequence";
import { shortcutOf } from "./shortcuts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [7.5 * 1024 ** 3, "7.5 GiB"],
])("%d bytes", (count, text) => expect(bytes(count)).toBe(text));

test("numbers as people read them", () => {
  expect([clock(187), clock(7387), parameters(1_234_567), parameters(7e9)]).toEqual(["3:07", "2:03:07", "1.2M", "7.0B"]);
  expect([short(2e-5), short(1.23456), short(0), short(12345)]).toEqual(["2.00e-5", "1.235", "0", "12350"]);
  expect(ago(Date.now() - 3 * 3600e3, "en")).toBe("3 hours ago");
  expect(ago(Date.now() - 3 * 3600e3, "zh")).toContain("3");
  expect([baseName("/a/b.json"), baseName("C:\\x\\y\\"), baseName("z")]).toEqual(["b.json", "y", "z"]);
});

test.each(["#/chat/a%2Fb?run=x&step=3", "#/nowhere", "", "#/runs/%E7%8C%AB", "#/chat/%"])("address %s", (hash) => {
  const route = parseRoute(hash);
  expect(parseRoute(hrefOf(route.room, route.id, route.params))).toEqual(route);
});

test("a gap in the events is noticed once", () => {
  const sequence = new Sequence();
  expect([41, 42, 45, 46].map((number) => sequence.missed(number))).toEqual([false, false, true, false]);
  sequence.restart();
  expect(sequence.missed(7)).toBe(false);
});

const press = (key: string, mods: Partial<Record<"ctrlKey" | "metaKey" | "shiftKey", boolean>> = {}) => ({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...mods });

test("shortcuts", () => {
  expect(shortcutOf(press("n", { ctrlKey: true }), false)).toBe("newChat");
  expect(shortcutOf(press("O", { ctrlKey: true, shiftKey: true }), false)).toBe("newChat");
  expect(shortcutOf(press("n", { ctrlKey: true }), true)).toBeUndefined();
  expect(shortcutOf(press("k", { metaKey: true }), true)).toBe("search");
  expect(shortcutOf(press("Escape"), false)).toBe("stop");
  expect(shortcutOf(press("Enter"), false)).toBeUndefined();
  expect(shortcutOf({ ...press("n", { ctrlKey: true }), isComposing: true }, false)).toBeUndefined();
});

/** All texts of a language by their place. */
function texts(node: unknown, place: string, found: Map<string, unknown>): Map<string, unknown> {
  if (typeof node === "object" && node !== null) for (const [key, value] of Object.entries(node)) texts(value, `${place}.${key}`, found);
  else found.set(place, node);
  return found;
}

test("both languages have the same texts, none empty, and Chinese is Chinese", () => {
  const [english, chinese] = [texts(en, "", new Map()), texts(zh, "", new Map())];
  // English has these from the core.
  const own = (keys: Iterable<string>) => [...keys].filter((key) => !/^\.(plan\.(advice|recipeAdvice|summary)|models\.(names|licences))/.test(key)).sort();
  expect(own(chinese.keys())).toEqual(own(english.keys()));
  for (const [place, text] of [...english, ...chinese]) if (typeof text === "string") expect(text.trim(), place).not.toBe("");
  const same = [...english].filter(([place, text]) => typeof text === "string" && chinese.get(place) === text).map(([place]) => place);
  // Names and units that are the same everywhere.
  for (const place of same) expect(/^\.plan\.(label|word)\.|^\.settings\.keyNames\.|^\.chat\.top[PK]$|^\.exporting\.names|^\.runs\.csv$/.test(place), place).toBe(true);
});

test("every key of a plan has a name in both languages and advice in Chinese", () => {
  expect(Object.keys(zh.plan.label).sort()).toEqual(Object.keys(en.plan.label).sort());
  expect(Object.keys(zh.plan.advice).sort()).toEqual(Object.keys(en.plan.label).sort());
});

test.each(["ErrorCode", "RowFault"])("every %s of the core has words in both languages", (type) => {
  const declared = new RegExp(`export type ${type} = (.*);`).exec(bindings)?.[1] ?? "";
  const codes = [...declared.matchAll(/"(\w+)"/g)].map((found) => found[1]);
  expect(codes.length).toBeGreaterThan(5);
  for (const words of [en, zh]) expect(Object.keys(type === "ErrorCode" ? words.errors : words.datasets.problems).sort()).toEqual(codes.sort());
});

test("what the core names in English has a name in Chinese", () => {
  const models = join(import.meta.dirname, "../../../models");
  const named = (folder: string) => readdirSync(join(models, folder)).filter((file) => file.endsWith(".toml")).map((file) => file.slice(0, -5)).sort();
  expect(Object.keys(zh.models.licences).sort()).toEqual(named("presets"));
  expect(Object.keys(zh.plan.summary).sort()).toEqual([...named("presets"), ...named("recipes")].sort());
  const advice = readdirSync(join(models, "recipes")).filter((file) => file.endsWith(".toml")).flatMap((file) => [...readFileSync(join(models, "recipes", file), "utf8").matchAll(/advice = "(.*)" \}/g)].map((found) => found[1]));
  expect(Object.keys(zh.plan.recipeAdvice).sort()).toEqual([...new Set(advice)].sort());
  expect(Object.keys(zh.models.names)).toEqual(["demo", "demo-llm", "demo-tower"]);
});
