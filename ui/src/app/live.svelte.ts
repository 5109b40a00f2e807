// What all rooms look at: the program, the machine, settings, lists and running work, kept current by events.

import type {
  ApiServerStatus,
  AppInfo,
  DatasetSummary,
  Envelope,
  Event,
  HardwareReport,
  JobInfo,
  ListName,
  ModelSummary,
  RunSummary,
  Settings,
  WorkerStatus,
} from "../bindings/protocol";
import { platform, type LineState } from "../platform";
import { call } from "./backend";
import { speak } from "./language.svelte";
import { attempt } from "./notices.svelte";
import { Sequence } from "./sequence";
import { wear } from "./theme";

interface Live {
  line: LineState;
  info: AppInfo | undefined;
  settings: Settings | undefined;
  hardware: HardwareReport | undefined;
  worker: WorkerStatus | undefined;
  api: ApiServerStatus | undefined;
  jobs: JobInfo[];
  models: ModelSummary[] | undefined;
  datasets: DatasetSummary[] | undefined;
  runs: RunSummary[] | undefined;
  /** Counts up whenever the list of chats changed. */
  chatsVersion: number;
}

export const live = $state<Live>({
  line: "connecting",
  info: undefined,
  settings: undefined,
  hardware: undefined,
  worker: undefined,
  api: undefined,
  jobs: [],
  models: undefined,
  datasets: undefined,
  runs: undefined,
  chatsVersion: 0,
});

const listeners = new Set<(event: Event) => void>();
const recoveries = new Set<() => void>();

/** Every event, for the room that is open. */
export function onEvent(listener: (event: Event) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Called when events were missed and what is shown should be read again. */
export function onMissed(listener: () => void): () => void {
  recoveries.add(listener);
  return () => recoveries.delete(listener);
}

/** Reads one list again. */
export async function reload(list: ListName): Promise<void> {
  if (list === "chats") live.chatsVersion += 1;
  if (list === "models") live.models = (await attempt(() => call("list_models"))) ?? live.models ?? [];
  if (list === "datasets") live.datasets = (await attempt(() => call("list_datasets"))) ?? live.datasets ?? [];
  if (list === "runs") live.runs = (await attempt(() => call("list_runs"))) ?? live.runs ?? [];
}

export async function rescanHardware(): Promise<void> {
  live.hardware = (await attempt(() => call("hardware"))) ?? live.hardware;
}

export function job(id: number | null | undefined): JobInfo | undefined {
  return live.jobs.find((one) => one.id === id);
}

/** Whether a job is not at its end. */
export function isAtWork(one: JobInfo | undefined): boolean {
  return one?.state === "running" || one?.state === "waiting";
}

/** Whether a run goes on. */
export function isActive(run: RunSummary): boolean {
  return ["preparing", "running", "stopping"].includes(run.state);
}

/** Whether a run has the device; as long as it does, there are no answers and no other run begins. */
export function isTraining(): boolean {
  return (live.runs ?? []).some(isActive);
}

export function useSettings(settings: Settings): void {
  live.settings = settings;
  speak(settings.language);
  wear(settings.theme);
}

function take(event: Event): void {
  switch (event.kind) {
    case "job": {
      const place = live.jobs.findIndex((one) => one.id === event.job.id);
      if (place >= 0) live.jobs[place] = event.job;
      else live.jobs.unshift(event.job);
      break;
    }
    case "changed":
      void reload(event.list);
      break;
    case "settings":
      useSettings(event.settings);
      break;
    case "worker":
      live.worker = event.status;
      break;
    case "api_server":
      live.api = event.status;
      break;
    case "api_request":
      if (live.api) live.api.requests = [...live.api.requests, event.request].slice(-100);
      break;
    case "train":
      if (event.event.kind === "summary") replaceRun(event.event.summary);
      if (event.event.kind === "progress") advance(event.run, event.event.progress.step);
      break;
    default:
  }
  for (const listener of listeners) listener(event);
}

function advance(id: RunSummary["id"], step: number): void {
  const run = live.runs?.find((one) => one.id === id);
  if (run) run.step = step;
}

function replaceRun(summary: RunSummary): void {
  const place = live.runs?.findIndex((run) => run.id === summary.id) ?? -1;
  if (live.runs && place >= 0) live.runs[place] = summary;
  else void reload("runs");
}

async function readAll(): Promise<void> {
  const [info, settings, worker, jobs] = await Promise.all([
    call("app_info"),
    call("get_settings"),
    call("worker_status"),
    call("list_jobs"),
  ]);
  live.info = info;
  useSettings(settings);
  live.worker = worker;
  live.jobs = jobs;
  await Promise.all((["models", "datasets", "runs", "chats"] as const).map(reload));
  if (!live.hardware) void rescanHardware();
}

/** Begins to listen. Everything is read when the line opens, and again when events were missed. */
export function start(): () => void {
  const sequence = new Sequence();
  const again = () => {
    void attempt(readAll);
    for (const recover of recoveries) recover();
  };
  return platform.listen(
    (envelope: Envelope) => {
      if (sequence.missed(envelope.seq)) again();
      take(envelope.event);
    },
    (line) => {
      live.line = line;
      if (line === "open") {
        sequence.restart();
        again();
      }
    },
  );
}
