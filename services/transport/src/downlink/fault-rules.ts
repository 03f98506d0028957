import { UnexpectedResponseError } from "@ferry/lwm2m";
import type { Performed } from "./perform.ts";

/**
 * What follows from an attempt to do what the profile wants, or to write what is desired.
 *
 * `refused`: the device will never do it; not again until it registers anew, its objects or its profile change.
 * `failed`: it may do it later; again after a while, which grows. `unheard`: it was sent, and the device slept, or woke before it answered:
 * `failed`, when it happens again. `unsent`: nothing is known; again when the device is heard.
 */
export type Verdict = "done" | "refused" | "failed" | "unheard" | "unsent";

/** Nothing there, not possible there, not allowed: the device would say it again. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404, 405]);

/** `left`: a datagram did. */
export function verdictOn(performed: Performed, left: boolean): Verdict {
  switch (performed.type) {
    case "answered": {
      const { code, observing } = performed.outcome;
      // An Observe that is answered as a Read (RFC 7641 §4.1): the device does not observe this.
      if (code < 300) return observing === false ? "refused" : "done";
      return REFUSALS.has(code) ? "refused" : "failed";
    }
    case "invalid":
      if (performed.kept) return "done"; // What was wrong is told; asked again it would be again.
      return performed.error instanceof UnexpectedResponseError ? "failed" : "refused"; // Else it cannot even be asked.
    case "failed":
      return performed.reason === "cancelled" ? "unsent" : "failed";
    case "unreachable":
      return left ? "unheard" : "unsent";
  }
}

/** How soon what failed is tried again. */
export interface RetrySettings {
  /** After the first failure, ms. */
  readonly retryAfterMs: number;
  /** However often it failed, ms. */
  readonly retryAtMostMs: number;
}

/** How soon what Redis or Kafka could not take is tried again: they come back sooner than a device. */
export const ENVIRONMENT_RETRY: RetrySettings = { retryAfterMs: 1_000, retryAtMostMs: 1_000 };

/** How long to wait after so many failures in a row, ms: doubled each time up to the limit, the second half of it at random so that a fleet does not come back at once. */
export function retryDelayMs(failures: number, settings: RetrySettings, random: (size: number) => Uint8Array): number {
  const ceilingMs = Math.min(settings.retryAtMostMs, settings.retryAfterMs * 2 ** (failures - 1));
  const [high = 0, low = 0] = random(2);
  return (ceilingMs / 2) * (1 + ((high << 8) | low) / 0xffff);
}
