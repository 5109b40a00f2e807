// Do lists survive, and is every key shown once?

import { expect, test } from "vitest";

import type { PlanRow } from "../../bindings/protocol";
import { groupsOf } from "./groups";
import { listOf, textOf } from "./lists";

test.each([[[]], [["a.png"]], [['with "quotes"', "back\\slash", "中文"]]])("lists %j survive as TOML", (items) => {
  expect(listOf(textOf(items))).toEqual(items);
});

test("one text without brackets is a list of one", () => {
  expect([listOf("a, b"), listOf("")]).toEqual([["a, b"], []]);
});

const row = (key: string): PlanRow => ({ key, flag: "", kind: { kind: "text" }, value: "", recommended: "", source: "recipe", advice: "" });

test("Advanced shows all keys once, except those of the steps before", () => {
  const rows = ["seed", "lr.llm", "optimiser.eps", "model.llm", "strange.new", "train.batch"].map(row);
  const keys = (advanced: boolean) => groupsOf(rows, advanced).flatMap((group) => group.rows.map((one) => one.key));
  expect(keys(true)).toEqual(["lr.llm", "train.batch", "optimiser.eps", "seed", "strange.new"]);
  expect(keys(false)).toEqual(["lr.llm", "train.batch"]);
});
