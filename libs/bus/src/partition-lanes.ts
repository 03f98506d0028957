import type { IncomingRecord } from "./bus.ts";

/** How a partition's records are handled. */
export interface LaneOptions {
  readonly handle: (record: IncomingRecord) => void | Promise<void>;
  /** Records of one lane are handled one after another, those of different lanes at once. */
  readonly laneOf: (record: IncomingRecord) => string | null;
  /** Records in hand, those that wait for their lane included. */
  readonly limit: number;
  /** Told when a record was handled. */
  readonly onHandled: () => void;
  /** Told of the first rejection of a record; it is tried again with back-off. */
  readonly onRejected: (record: IncomingRecord, error: unknown) => void;
}

const RETRY_MS = { first: 100, longest: 5_000 } as const;

/**
 * The records of one partition that are in hand: handled in lanes, retried until they succeed, and committed only up to the lowest
 * one that is not handled yet.
 */
export class PartitionLanes {
  readonly #options: LaneOptions;
  /** Offsets in hand, ascending: a Set keeps the order of insertion. */
  readonly #unfinished = new Set<number>();
  /** Records that wait for an earlier one of their lane. */
  readonly #waiting = new Map<string | null, IncomingRecord[]>();
  readonly #abandoned = new AbortController();
  readonly #changed: (() => void)[] = [];
  #position: number;

  constructor(options: LaneOptions, position: number) {
    this.#options = options;
    this.#position = position;
  }

  /** The offset that is taken next; lower ones are in hand or done. */
  get position(): number {
    return this.#position;
  }

  /** All below it is handled. */
  get committable(): number {
    const [lowest] = this.#unfinished;
    return lowest ?? this.#position;
  }

  get inHand(): number {
    return this.#unfinished.size;
  }

  get hasRoom(): boolean {
    return this.#unfinished.size < this.#options.limit;
  }

  /** Takes a record in hand; one that was taken before is passed over. */
  take(record: IncomingRecord): void {
    if (record.offset < this.#position) return;
    this.#position = record.offset + 1;
    this.#unfinished.add(record.offset);
    const lane = this.#options.laneOf(record);
    const waiting = this.#waiting.get(lane);
    if (waiting !== undefined) {
      waiting.push(record);
      return;
    }
    this.#waiting.set(lane, []);
    void this.#run(lane, record);
  }

  /** Nothing that concerns us lies below `position`: the rest was compacted away or belongs to transactions. */
  skipTo(position: number): void {
    this.#position = Math.max(this.#position, position);
  }

  /** Resolves when the next record was handled, or the lanes were abandoned. */
  async change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changed.push(resolve);
    await promise;
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    while (this.#unfinished.size > 0 && !this.#abandoned.signal.aborted) await this.change();
  }

  /** Starts no further record and ends the retries; what is not handled stays uncommitted. */
  abandon(): void {
    this.#abandoned.abort();
    this.#notify();
  }

  async #run(lane: string | null, first: IncomingRecord): Promise<void> {
    for (let record: IncomingRecord | undefined = first; record !== undefined; ) {
      if (!(await this.#handle(record))) return;
      this.#unfinished.delete(record.offset);
      this.#options.onHandled();
      this.#notify();
      record = this.#waiting.get(lane)?.shift();
    }
    this.#waiting.delete(lane);
  }

  /** False when the lanes were abandoned before the record was handled. */
  async #handle(record: IncomingRecord): Promise<boolean> {
    const { signal } = this.#abandoned;
    for (let retryMs: number = RETRY_MS.first; !signal.aborted; retryMs = Math.min(retryMs * 2, RETRY_MS.longest)) {
      try {
        await this.#options.handle(record);
        return true;
      } catch (error) {
        if (retryMs === RETRY_MS.first) this.#options.onRejected(record, error);
        await delay(retryMs, signal);
      }
    }
    return false;
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

/** Resolves after `ms`, or at once when the signal is raised. */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = () => {
    clearTimeout(timer);
    resolve();
  };
  signal.addEventListener("abort", onAbort);
  await promise;
  signal.removeEventListener("abort", onAbort);
}
