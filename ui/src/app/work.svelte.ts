// A dialog's piece of work: whether it goes on, and why it failed. What fails is told in the dialog, which stays open.

import type { ErrorBody } from "../bindings/protocol";
import { toErrorBody } from "../platform";

export class Work {
  busy = $state(false);
  failed: ErrorBody | undefined = $state();

  /** What the work gave, or nothing if it failed. */
  async run<T>(what: () => Promise<T>): Promise<T | undefined> {
    this.busy = true;
    this.failed = undefined;
    try {
      return await what();
    } catch (thrown) {
      this.failed = toErrorBody(thrown);
      return undefined;
    } finally {
      this.busy = false;
    }
  }
}
