// Says when a run ends or long work fails, wherever the user is.

import { onEvent } from "./live.svelte";
import { live } from "./live.svelte";
import { m } from "./language.svelte";
import { tell } from "./notices.svelte";
import { go, route } from "./route.svelte";

export function announceRuns(): () => void {
  return onEvent((event) => {
    if (event.kind !== "train") return;
    const { run, event: what } = event;
    if (what.kind !== "finished" && what.kind !== "failed") return;
    if (route().room === "runs" && route().id === run) return;
    const name = live.runs?.find((one) => one.id === run)?.name ?? run;
    const action = { label: m().shell.seeRun, run: () => go("runs", run) };
    if (what.kind === "finished") tell({ tone: "good", text: m().shell.runFinished(name), action });
    else tell({ tone: "bad", text: m().shell.runFailed(name), hint: what.error.message, action });
  });
}
