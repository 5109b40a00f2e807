// Rows of a data set, read in pages as they come into view.

import type { DatasetRow, RowFault } from "../../bindings/protocol";
import { call } from "../../app/backend";
import { tellError } from "../../app/notices.svelte";

export const PAGE = 100;

export interface WantedRows {
  search: string;
  problemsOnly: boolean;
  finding: RowFault | null;
}

export class RowPages {
  /** One place for each row that matches; `undefined` until its page was read. */
  rows: (DatasetRow | undefined)[] = $state.raw([]);
  /** Changes of this session that can be taken back. */
  changes = $state(0);
  cut = $state(false);
  ready = $state(false);
  private asked = new Set<number>();
  private round = 0;
  private wanted: WantedRows = { search: "", problemsOnly: false, finding: null };
  private view = [0, 0];

  constructor(private readonly dataset: string) {}

  /** Other rows are wanted: begins at the top. */
  async start(wanted: WantedRows): Promise<void> {
    this.wanted = wanted;
    this.asked.clear();
    await this.read(0, ++this.round, []);
    this.ready = true;
  }

  /** The file has changed: what is in view is read again, and stays until it comes. */
  async again(): Promise<void> {
    this.asked.clear();
    this.round += 1;
    await this.want(this.view[0] ?? 0, this.view[1] ?? 0);
  }

  /** Makes sure that what is in view is read. */
  async want(first: number, last: number): Promise<void> {
    this.view = [first, last];
    const pages: Promise<void>[] = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) {
      if (page === 0 || page * PAGE < this.rows.length) pages.push(this.read(page, this.round));
    }
    await Promise.all(pages);
  }

  private async read(page: number, round: number, before?: undefined[]): Promise<void> {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    try {
      const answer = await call("list_rows", {
        dataset: this.dataset,
        offset: page * PAGE,
        limit: PAGE,
        search: this.wanted.search || null,
        problems_only: this.wanted.problemsOnly || null,
        finding: this.wanted.finding,
      });
      if (round !== this.round) return;
      this.changes = answer.changes;
      this.cut = answer.total === null;
      const length = answer.total ?? page * PAGE + answer.rows.length + (answer.rows.length === PAGE ? PAGE : 0);
      const rows = before ?? [...this.rows];
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
