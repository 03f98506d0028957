import { BOOTSTRAP_MEMORY_MS, type BootstrapStore, type BootstrapSummary } from "../bootstrap-store.ts";
import { decodeSummary, encodeSummary, summaryRank } from "../bootstrap-summary.ts";
import type { DeviceRef } from "../device-store.ts";

interface Kept {
  readonly text: string;
  readonly rank: number;
  readonly untilMs: number;
}

/** How often what lapsed is forgotten that nobody asks for. */
const FORGET_INTERVAL_MS = 60_000;

/** Keeps the last bootstrap of each device in this process. */
export class MemoryBootstrapStore implements BootstrapStore {
  readonly #now: () => number;
  readonly #last = new Map<string, Kept>();
  #forgetAtMs = 0;

  /** `now`: the store's own clock, ms since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async put(device: DeviceRef, summary: BootstrapSummary, ttlMs: number = BOOTSTRAP_MEMORY_MS): Promise<void> {
    this.#forgetLapsed();
    const rank = summaryRank(summary);
    const stored = this.#kept(device);
    if (stored !== undefined && stored.rank > rank) return;
    this.#last.set(keyOf(device), { text: encodeSummary(summary), rank, untilMs: this.#now() + ttlMs });
  }

  async get(device: DeviceRef): Promise<BootstrapSummary | undefined> {
    const kept = this.#kept(device);
    return kept && decodeSummary(kept.text);
  }

  #kept(device: DeviceRef): Kept | undefined {
    const kept = this.#last.get(keyOf(device));
    return kept !== undefined && this.#now() < kept.untilMs ? kept : undefined;
  }

  #forgetLapsed(): void {
    const nowMs = this.#now();
    if (nowMs < this.#forgetAtMs) return;
    this.#forgetAtMs = nowMs + FORGET_INTERVAL_MS;
    for (const [key, { untilMs }] of this.#last) if (nowMs >= untilMs) this.#last.delete(key);
  }
}

function keyOf({ tenant, endpoint }: DeviceRef): string {
  return `${tenant}/${endpoint}`;
}
