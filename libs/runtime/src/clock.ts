import { setTimeout as sleep } from "node:timers/promises";

/** Gives the time in ms. Monotonic for deadlines, wall for what is stored or shown. */
export type Clock = () => number;

/** Ms since the process started; never goes back and knows no dates. The `nowMs` of every machine. */
export const monotonicMs: Clock = () => performance.now();

/** Ms since 1970 by the machine's clock. */
export const wallMs: Clock = () => Date.now();

/** Waits; no longer than until the signal aborts, which is no error. */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects with an AbortError, and with nothing else, when the signal aborts.
  await sleep(ms, undefined, { signal }).catch(() => {});
}
