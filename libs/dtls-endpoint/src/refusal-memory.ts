import type { HandshakeFailure } from "@ferry/dtls";
import { putNewest } from "./put-newest.ts";

/** How long a failure of the same kind is not told again, ms. */
export const REFUSAL_MEMORY_MS = 600_000;
/** Failures that are remembered; the oldest is forgotten first. */
export const MAX_REFUSALS = 4_096;

/** Tells failures of handshakes once for each peer and kind: a device that cannot connect tries for days. */
export class RefusalMemory {
  readonly #monotonicMs: () => number;
  /** By peer and reason: until when it is known. */
  readonly #known = new Map<string, number>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Whether it is news. `peer`: the device, or the host where the device is not known. */
  note(peer: string, reason: HandshakeFailure): boolean {
    const key = `${reason} ${peer}`;
    const nowMs = this.#monotonicMs();
    if ((this.#known.get(key) ?? 0) > nowMs) return false;
    putNewest(this.#known, key, nowMs + REFUSAL_MEMORY_MS, MAX_REFUSALS);
    return true;
  }
}
