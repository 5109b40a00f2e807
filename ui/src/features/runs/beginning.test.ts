// The base of a run is found among models that share parts of it.

import { expect, it } from "vitest";

import type { ModelSummary, PlanRow } from "../../bindings/protocol";
import { baseOf } from "./beginning";

const row = (key: string, value: string) => ({ key, value }) as PlanRow;
const model = (id: string, llm: string, tower: string | null, llava: string | null) => ({ id, kind: "stack", paths: { model: llm, visual_encoder: tower, llava } }) as ModelSummary;

const models = [model("demo", "/d/llm", "/d/tower", "/d/pretrained"), model("other-eye", "/m/llm", "/x/tower", "/m/one"), model("plain", "/m/llm", "/m/tower", "/m/one"), model("begun", "/m/llm", "/m/tower", "/m/two")];
const plan = (llm: string, pretrained: string) => [row("model.llm", llm), row("model.tower", "/m/tower"), row("model.pretrained", pretrained)];

it.each([
  ["/m/llm", "", "plain"],
  ["/m/llm", "/m/two", "begun"],
  ["/m/llm", "/elsewhere", "plain"],
  ["/unknown", "/m/two", undefined],
])("%s from `%s` began from %s", (llm, pretrained, expected) => {
  expect(baseOf(plan(llm, pretrained), models)?.id).toBe(expected);
});

it("finds folders that a plan names by their end, and repositories by their last name", () => {
  const bundled = model("bundled", "/usr/models/demo/llm", "/usr/models/demo/tower", "/usr/models/demo/pretrained");
  const said = [row("model.llm", "demo/llm"), row("model.tower", "demo/tower"), row("model.pretrained", "demo/pretrained")];
  expect(baseOf(said, [models[1]!, bundled])?.id).toBe("bundled");
  expect(baseOf([row("model.llm", "org/chat-2b")], [model("hub", "C:\\lib\\chat-2b", null, null)])?.id).toBe("hub");
});
