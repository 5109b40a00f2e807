// The run that is open: its page, its measurements, its answers and its log, kept current by events.

import type { LogText, MetricRow, RunDetail, SampleGrid, TrainEvent } from "../../bindings/protocol";
import { call } from "../../app/backend";
import { live } from "../../app/live.svelte";
import { attempt, tellError } from "../../app/notices.svelte";
import { toErrorBody } from "../../platform";
import { baseOf } from "./beginning";
import { append, emptyColumns, type Columns } from "./metrics";

const LOG_BYTES = 200_000;
const LOG_LINES = 4000;
const PAGE = 20_000;

/** Reads all measurements of a run. */
export async function readColumns(run: string): Promise<Columns> {
  const columns = emptyColumns();
  let offset = 0;
  for (;;) {
    const page = await call("read_metrics", { run, offset, limit: PAGE });
    append(columns, page.rows);
    offset = page.next;
    if (!page.more || page.rows.length === 0) return columns;
  }
}

export class RunStore {
  detail: RunDetail | undefined = $state();
  columns: Columns = $state.raw(emptyColumns());
  rows: MetricRow[] = $state.raw([]);
  samples: SampleGrid | undefined = $state();
  log: LogText | undefined = $state();
  missing = $state(false);
  /** The model it began from, where that is on the list. */
  readonly base = $derived(baseOf(this.detail?.plan ?? [], live.models ?? []));
  private waiting: MetricRow[] | null = null;

  constructor(readonly id: string) {}

  async read(): Promise<void> {
    this.waiting = [];
    try {
      this.detail = await call("get_run", { run: this.id });
      this.missing = false;
    } catch (thrown) {
      this.missing = toErrorBody(thrown).code === "not_found";
      tellError(thrown);
      return;
    }
    const columns = await attempt(() => readColumns(this.id));
    if (columns) this.columns = append(columns, this.waiting ?? []);
    this.waiting = null;
    await Promise.all([this.readSamples(), this.readLog()]);
  }

  async readSamples(): Promise<void> {
    this.samples = (await attempt(() => call("list_samples", { run: this.id }))) ?? this.samples;
  }

  async readLog(): Promise<void> {
    this.log = (await attempt(() => call("read_log", { run: this.id, bytes: LOG_BYTES }))) ?? this.log;
  }

  async reread(): Promise<void> {
    this.detail = (await attempt(() => call("get_run", { run: this.id }))) ?? this.detail;
  }

  happened(event: TrainEvent): void {
    const { detail } = this;
    switch (event.kind) {
      case "summary":
        if (detail) detail.summary = event.summary;
        break;
      case "progress":
        if (detail) detail.progress = event.progress;
        break;
      case "metrics":
        if (this.waiting) this.waiting.push(...event.rows);
        // A new object tells the curves that there is more; the columns themselves grow in place.
        else this.columns = { ...append(this.columns, event.rows) };
        break;
      case "finding":
        if (detail) detail.findings = [...detail.findings.filter((old) => old.finding !== event.finding.finding), event.finding];
        break;
      case "sampled":
        void this.readSamples();
        break;
      case "log":
        if (this.log) this.log.text = lastLines(`${this.log.text.replace(/\n$/, "")}\n${event.line}`);
        break;
      case "checkpoint_saved":
        void this.reread();
        break;
      case "finished":
      case "stopped":
      case "failed":
        void this.reread();
        void this.readSamples();
        void this.readLog();
        break;
      default:
    }
  }
}

function lastLines(text: string): string {
  const lines = text.split("\n");
  return lines.length > LOG_LINES ? lines.slice(-LOG_LINES).join("\n") : text;
}
