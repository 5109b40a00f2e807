// Which data set did Eyewright draw for the demo?

import type { DatasetSummary } from "../bindings/protocol";

/** The first one that is whole: only such data sets keep questions back. */
export function drawnDataset(datasets: readonly DatasetSummary[]): DatasetSummary | undefined {
  return datasets.find((one) => one.held_out.length > 0 && !one.fault);
}
