import { type Address, type HandshakeFailure, networkOf } from "@ferry/dtls";
import type { RateLimit } from "@ferry/profile";
import { deviceKey } from "@ferry/proto";
import { putNewest } from "@ferry/runtime";
import { type BucketState, type DeviceRef, takeToken } from "@ferry/state";

/** How long a failure of the same kind is not told again, ms. */
export const REFUSAL_MEMORY_MS = 600_000;
/** Failures that are remembered; the oldest is forgotten first. */
export const MAX_REFUSALS = 4_096;

/** Failures of peers that nobody knows are told so many at most, whatever networks they come from. */
export const STRANGERS_LIMIT: RateLimit = [{ capacity: 600, periodMs: 60_000 }];

/** Tells failures of handshakes once for each peer and kind: a device that cannot connect tries for days. */
export class RefusalMemory {
  readonly #monotonicMs: () => number;
  /** By peer and reason: until when it is known. */
  readonly #known = new Map<string, number>();
  readonly #strangers: BucketState = [];

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Whether it is news of a device. */
  note(device: DeviceRef, reason: HandshakeFailure): boolean {
    const { tenant, endpoint } = device;
    return this.#isNews(`${reason} ${deviceKey(tenant, endpoint)}`, this.#monotonicMs());
  }

  /** Whether it is news of a peer whose device is not known: by network, for a stranger has many addresses. */
  noteStranger(address: Address, reason: HandshakeFailure): boolean {
    const nowMs = this.#monotonicMs();
    return (
      this.#isNews(`${reason} ${networkOf(address)}`, nowMs) && takeToken(STRANGERS_LIMIT, this.#strangers, nowMs) === 0
    );
  }

  #isNews(key: string, nowMs: number): boolean {
    if ((this.#known.get(key) ?? 0) > nowMs) return false;
    putNewest(this.#known, key, nowMs + REFUSAL_MEMORY_MS, MAX_REFUSALS);
    return true;
  }
}
