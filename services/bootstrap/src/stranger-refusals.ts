import type { RateLimit } from "@ferry/profile";
import { deviceKey } from "@ferry/proto";
import { putNewest } from "@ferry/runtime";
import { type BucketState, type DeviceRef, takeToken } from "@ferry/state";

/** How long a refusal under the same name is not told again, ms. */
export const STRANGER_MEMORY_MS = 600_000;
/** Names that are remembered; the oldest is forgotten first. */
export const MAX_STRANGERS = 4_096;
/** So many are told at most: names can be invented. `lwm2m_bootstrap_requests_total{outcome="unknownDevice"}` counts all. */
export const STRANGERS_LIMIT: RateLimit = [{ capacity: 600, periodMs: 60_000 }];

/** Which refusals of senders who proved nothing are told of: one for each name they give in a while, and a number in all. */
export class StrangerRefusals {
  readonly #monotonicMs: () => number;
  /** By name: until when it is known. */
  readonly #known = new Map<string, number>();
  readonly #told: BucketState = [];

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Whether one under this name is news; then it is none for a while. */
  isNews({ tenant, endpoint }: DeviceRef): boolean {
    const nowMs = this.#monotonicMs();
    const key = deviceKey(tenant, endpoint);
    if ((this.#known.get(key) ?? 0) > nowMs || takeToken(STRANGERS_LIMIT, this.#told, nowMs) > 0) return false;
    putNewest(this.#known, key, nowMs + STRANGER_MEMORY_MS, MAX_STRANGERS);
    return true;
  }
}
