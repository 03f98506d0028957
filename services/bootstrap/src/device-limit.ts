import type { RateLimit } from "@ferry/profile";
import { deviceKey } from "@ferry/proto";
import { putNewest } from "@ferry/runtime";
import { type BucketState, type DeviceRef, takeToken } from "@ferry/state";

/** Devices that are counted; who has not asked for longest is forgotten first. */
export const MAX_COUNTED_DEVICES = 10_000;

/** How often each device may ask to be bootstrapped, at this process: one that starts again and again costs Redis calls, records and requests each time. */
export class DeviceLimit {
  readonly #limit: RateLimit;
  readonly #monotonicMs: () => number;
  readonly #buckets = new Map<string, BucketState>();

  /** `limit`: empty for none. */
  constructor(limit: RateLimit, monotonicMs: () => number) {
    this.#limit = limit;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether the device may ask once more; that is counted then. */
  admits({ tenant, endpoint }: DeviceRef): boolean {
    if (this.#limit.length === 0) return true;
    const key = deviceKey(tenant, endpoint);
    const bucket = this.#buckets.get(key) ?? [];
    putNewest(this.#buckets, key, bucket, MAX_COUNTED_DEVICES);
    return takeToken(this.#limit, bucket, this.#monotonicMs()) === 0;
  }
}
