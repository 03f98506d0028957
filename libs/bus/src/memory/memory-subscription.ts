import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingRecord, Running } from "../bus.ts";
import { PartitionLanes } from "../partition-lanes.ts";
import type { MemoryPartition } from "./memory-topic.ts";

/** A partition that a subscription reads, and where it begins. */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly log: MemoryPartition;
  readonly position: number;
}

/** What the two kinds of subscription differ in. */
export interface MemorySubscriptionOptions {
  readonly handle: (record: IncomingRecord) => void | Promise<void>;
  readonly laneOf: (record: IncomingRecord) => string | null;
  readonly concurrency: number;
  readonly stopTimeoutMs: number;
  /** Told how far a partition is handled, after each record. */
  readonly onProgress: (topic: string, partition: number, committable: number) => void;
  readonly onStop: (subscription: MemorySubscription) => void;
}

interface Reading extends AssignedPartition {
  readonly lanes: PartitionLanes;
}

/** A subscription of the memory bus: reads the partitions that it is assigned, in its own turns of the event loop. */
export class MemorySubscription implements Running {
  readonly ready: Promise<void>;
  readonly #options: MemorySubscriptionOptions;
  readonly #readings = new Map<string, Reading>();
  readonly #becomeReady: () => void;
  #state: "starting" | "running" | "stopped" = "starting";
  #paused = false;
  #scheduled = false;

  constructor(options: MemorySubscriptionOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#becomeReady = resolve;
    this.#options = options;
  }

  get healthy(): boolean {
    return this.#state === "running";
  }

  /** Where the subscription is in a partition; undefined when it does not read it. */
  positionOf(topic: string, partition: number): number | undefined {
    return this.#readings.get(`${topic}/${partition}`)?.lanes.committable;
  }

  /** Goes on with what it had, begins what is new, and lets go of the rest. */
  assign(partitions: readonly AssignedPartition[]): void {
    if (this.#state === "stopped") return;
    const assigned = new Map(partitions.map((each) => [`${each.topic}/${each.partition}`, each]));
    for (const [name, reading] of this.#readings) {
      if (assigned.has(name)) continue;
      reading.lanes.abandon();
      this.#readings.delete(name);
    }
    for (const [name, each] of assigned) {
      if (!this.#readings.has(name)) this.#readings.set(name, { ...each, lanes: this.#lanesOf(each) });
    }
    this.#state = "running";
    this.#becomeReady();
    this.wake();
  }

  /** Looks for records, soon. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const reading of this.#readings.values()) this.#read(reading);
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  async stop(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    const readings = [...this.#readings.values()];
    const patience = new AbortController();
    await Promise.race([
      Promise.all(readings.map(({ lanes }) => lanes.idle())),
      sleep(this.#options.stopTimeoutMs, undefined, { signal: patience.signal }).catch(() => {}),
    ]);
    patience.abort();
    for (const { lanes } of readings) lanes.abandon();
    this.#readings.clear();
    this.#options.onStop(this);
  }

  #read({ topic, partition, lanes, log }: Reading): void {
    while (this.#state === "running" && !this.#paused && lanes.hasRoom && lanes.position < log.end) {
      const record = log.next(lanes.position);
      if (record !== undefined) {
        lanes.take(record);
        continue;
      }
      // The rest was compacted away.
      lanes.skipTo(log.end);
      this.#options.onProgress(topic, partition, lanes.committable);
    }
  }

  #lanesOf({ topic, partition, position }: AssignedPartition): PartitionLanes {
    const lanes: PartitionLanes = new PartitionLanes(
      {
        handle: this.#options.handle,
        laneOf: this.#options.laneOf,
        limit: this.#options.concurrency,
        onHandled: () => {
          if (this.#readings.get(`${topic}/${partition}`)?.lanes !== lanes) return;
          this.#options.onProgress(topic, partition, lanes.committable);
          this.wake();
        },
        onRejected: () => {},
      },
      position,
    );
    return lanes;
  }
}
