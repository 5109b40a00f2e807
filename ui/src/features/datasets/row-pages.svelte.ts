// Rows of a data set, read in pages as they come into view.

import type { DatasetRow } from "../../bindings/protocol";
import { call } from "../../app/backend";
import { tellError } from "../../app/notices.svelte";

export const PAGE = 100;

export class RowPages {
  /** One place for each row that matches; `undefined` until its page was read. */
  rows: (DatasetRow | undefined)[] = $state.raw([]);
  total: number | null = $state(null);
  cut = $state(false);
  ready = $state(false);
  private asked = new Set<number>();
  private round = 0;

  constructor(private readonly dataset: string) {}

  async start(search: string, problemsOnly: boolean): Promise<void> {
    this.round += 1;
    this.asked.clear();
    this.search = search;
    this.problemsOnly = problemsOnly;
    await this.read(0, this.round);
    this.ready = true;
  }

  private search = "";
  private problemsOnly = false;

  /** Makes sure that what is in view is read. */
  want(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) {
      if (page * PAGE < this.rows.length) void this.read(page, this.round);
    }
  }

  private async read(page: number, round: number): Promise<void> {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    try {
      const answer = await call("list_rows", {
        dataset: this.dataset,
        offset: page * PAGE,
        limit: PAGE,
        search: this.search || null,
        problems_only: this.problemsOnly || null,
      });
      if (round !== this.round) return;
      this.total = answer.total;
      this.cut = answer.total === null;
      const length = answer.total ?? page * PAGE + answer.rows.length + (answer.rows.length === PAGE ? PAGE : 0);
      const rows = page === 0 ? [] : [...this.rows];
      rows.length = Math.max(length, answer.total === null ? rows.length : 0);
      for (const [at, row] of answer.rows.entries()) rows[page * PAGE + at] = row;
      // Without a total the end shows itself when a page is not full.
      if (answer.total === null && answer.rows.length < PAGE) rows.length = page * PAGE + answer.rows.length;
      this.rows = rows;
    } catch (thrown) {
      this.asked.delete(page);
      if (round === this.round) tellError(thrown);
    }
  }
}
