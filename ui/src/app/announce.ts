// Says when a run, an export or a drawing ends, wherever the user is, and when a check fails.

import type { JobInfo } from "../bindings/protocol";
import { onEvent } from "./live.svelte";
import { live } from "./live.svelte";
import { m } from "./language.svelte";
import { notify } from "./notify";
import { tell, tellError } from "./notices.svelte";
import { go, route } from "./route.svelte";

function announceDrawn({ outcome, error }: JobInfo): void {
  if (outcome?.kind === "drawn") {
    const { id, name } = outcome.dataset;
    tell({ tone: "good", text: m().datasets.drawn(name), action: { label: m().shell.seeRun, run: () => go("datasets", id) } });
  } else if (error) tellError(error);
}

/** An export shows its report in its own room, and its faults there too. */
function announceExport({ state, subject, error }: JobInfo): void {
  if (subject === null || (route().room === "export" && route().id === subject)) return;
  const action = { label: m().shell.seeRun, run: () => go("export", subject) };
  const what = m().shell.jobKinds.export;
  if (state === "finished") tell({ tone: "good", text: m().shell.jobDone(what), action });
  else if (state === "failed" && error) tell({ tone: "bad", text: m().shell.jobFailed(what), error, action });
}

export function announceEnds(): () => void {
  return onEvent((event) => {
    if (event.kind === "job" && event.job.kind === "draw") return announceDrawn(event.job);
    if (event.kind === "job" && event.job.kind === "export") return announceExport(event.job);
    if (event.kind === "job" && event.job.kind === "check" && event.job.error && event.job.state === "failed") return void tellError(event.job.error);
    if (event.kind !== "train") return;
    const { run, event: what } = event;
    if (what.kind !== "finished" && what.kind !== "failed") return;
    const name = live.runs?.find((one) => one.id === run)?.name ?? run;
    const text = what.kind === "finished" ? m().shell.runFinished(name) : m().shell.runFailed(name);
    const action = { label: m().shell.seeRun, run: () => go("runs", run) };
    notify(text, action.run);
    if (route().room === "runs" && route().id === run) return;
    if (what.kind === "finished") tell({ tone: "good", text, action });
    else tell({ tone: "bad", text, error: what.error, action });
  });
}
