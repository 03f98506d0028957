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
    if (record.offset < this.#position || this.#abandoned.signal.aborted) return;
    this.#position = record.offset + 1;
    const lane = this.#options.laneOf(record);
    const waiting = this.#waiting.get(lane);
    if (waiting !== undefined) {
      this.#unfinished.add(record.offset);
      waiting.push(record);
      return;
    }
    const attempt = this.#attempt(record);
    if (attempt === undefined) {
      // Handled already: no promise, nothing to wait for.
      this.#options.onHandled();
      return;
    }
    this.#unfinished.add(record.offset);
    this.#waiting.set(lane, []);
    void this.#run(lane, record, attempt);
  }

  /** Nothing that concerns us lies below `position`: the rest was compacted away or belongs to transactions. */
  skipTo(position: number): void {
    this.#position = Math.max(this.#position, position);
  }

  /** Resolves when half of the lanes' room is free: taking then goes on for a while. */
  roomy(): Promise<void> {
    return this.#atMost(this.#options.limit / 2);
  }

  /** Resolves when nothing is in hand. */
  idle(): Promise<void> {
    return this.#atMost(0);
  }

  /** Starts no further record and ends the retries; what is not handled stays uncommitted. */
  abandon(): void {
    this.#abandoned.abort();
    this.#notify();
  }

  #attempt(record: IncomingRecord): void | Promise<void> {
    try {
      return this.#options.handle(record);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Handles the records of a lane until none waits. */
  async #run(lane: string | null, first: IncomingRecord, firstAttempt: Promise<void>): Promise<void> {
    let attempt: void | Promise<void> = firstAttempt;
    for (let record: IncomingRecord | undefined = first; record !== undefined; ) {
      if (!(await this.#persist(record, attempt))) return;
      this.#unfinished.delete(record.offset);
      this.#options.onHandled();
      this.#notify();
      record = this.#waiting.get(lane)?.shift();
      if (record !== undefined && !this.#abandoned.signal.aborted) attempt = this.#attempt(record);
    }
    this.#waiting.delete(lane);
  }

  /** Waits for the attempt and repeats it with back-off; false when the lanes were abandoned before the record was handled. */
  async #persist(record: IncomingRecord, firstAttempt: void | Promise<void>): Promise<boolean> {
    const { signal } = this.#abandoned;
    let attempt = firstAttempt;
    for (let retryMs: number = RETRY_MS.first; !signal.aborted; retryMs = Math.min(retryMs * 2, RETRY_MS.longest)) {
      try {
        await attempt;
        return true;
      } catch (error) {
        if (retryMs === RETRY_MS.first) this.#options.onRejected(record, error);
        await delay(retryMs, signal);
        if (!signal.aborted) attempt = this.#attempt(record);
      }
    }
    return false;
  }

  async #atMost(inHand: number): Promise<void> {
    while (this.#unfinished.size > inHand && !this.#abandoned.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#changed.push(resolve);
      await promise;
    }
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
