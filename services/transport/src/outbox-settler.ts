import type { DeviceStore } from "@ferry/state";
import { StateUnavailableError } from "@ferry/state";

/** Entries wait so long for others of their shard before Redis is told, ms: well below the sweeper's age. */
const GATHER_MS = 200;

/** Tells the outbox what Kafka has, gathered by shard. What is not told is published again by the sweeper, under the same event id. */
export class OutboxSettler {
  readonly #devices: DeviceStore;
  readonly #after: (ms: number, then: () => void) => void;
  #settled = new Map<number, string[]>();
  #scheduled = false;

  constructor(devices: DeviceStore, after: (ms: number, then: () => void) => void) {
    this.#devices = devices;
    this.#after = after;
  }

  settle(shard: number, outboxId: string): void {
    const ids = this.#settled.get(shard);
    if (ids === undefined) this.#settled.set(shard, [outboxId]);
    else ids.push(outboxId);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#after(GATHER_MS, () => void this.flush());
  }

  /** Tells at once; used on drain. */
  async flush(): Promise<void> {
    this.#scheduled = false;
    const settled = this.#settled;
    this.#settled = new Map();
    try {
      await Promise.all([...settled].map(([shard, ids]) => this.#devices.settle(shard, ids)));
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
    }
  }
}
