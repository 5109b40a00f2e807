// One table: what to say to an error that came without a next step of its own.

import type { ErrorCode } from "../bindings/protocol";
import { m } from "./language.svelte";

export function errorAdvice(code: ErrorCode | undefined): string | undefined {
  if (!code) return undefined;
  const advice: Partial<Record<ErrorCode, string>> = m().errors;
  return advice[code];
}
