import type { OutgoingRecord, Pressure, Sender } from "./bus.ts";
import { BusOverflowError, BusUnavailableError, RecordTooLargeError } from "./errors.ts";

/** Limits of a sender. */
export interface SenderLimits {
  /** How long a batch gathers before it flies, ms; 0 gathers what is published in the same turn of the event loop. */
  readonly lingerMs: number;
  /** Records of one batch. */
  readonly maxBatchRecords: number;
  /** Bytes of one batch; a larger record flies alone. */
  readonly maxBatchBytes: number;
  /** Records that may wait, those in flight included. */
  readonly maxBufferedRecords: number;
  /** Bytes that may wait, those in flight included. */
  readonly maxBufferedBytes: number;
  /** Largest record, with key and headers. */
  readonly maxRecordBytes: number;
  /** How long a record may wait for its acceptance, ms. */
  readonly deliveryTimeoutMs: number;
}

/** 10 ms of gathering; batches of 1000 records or 512 KiB; a buffer of 200 000 records or 64 MiB; records up to 1 MiB; 120 s to deliver. */
export const DEFAULT_SENDER_LIMITS: SenderLimits = {
  lingerMs: 10,
  maxBatchRecords: 1000,
  maxBatchBytes: 512 * 1024,
  maxBufferedRecords: 200_000,
  maxBufferedBytes: 64 * 1024 * 1024,
  maxRecordBytes: 1024 * 1024,
  deliveryTimeoutMs: 120_000,
};

/** Takes one flight to the bus. A sender has one flight at a time. */
export interface Flight {
  /**
   * Resolves when every record is durable; topics whose records were refused come back with the reason. Tries until `deadlineMs`.
   *
   * @throws {BusUnavailableError} it gave up
   */
  deliver(
    recordsByTopic: ReadonlyMap<string, readonly OutgoingRecord[]>,
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, Error>>;
  /** Ends what is being tried and disconnects. */
  stop(): Promise<void>;
}

/** Records of one topic in one batch: they share a promise. */
interface Part {
  readonly records: OutgoingRecord[];
  readonly accepted: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Batch {
  readonly parts: Map<string, Part>;
  /** When its first record was published, on the clock of `performance.now()`. */
  readonly sinceMs: number;
  records: number;
  bytes: number;
}

/** What Kafka's record format adds to key, value and headers, at most. */
const RECORD_OVERHEAD_BYTES = 70;

const DEGRADED = { fill: 0.5, ageMs: 2_000 } as const;
const SHEDDING = { fill: 0.9, ageMs: 10_000 } as const;

/**
 * Gathers records into batches and sends them one batch at a time: while one flies, the next gathers.
 *
 * One flight at a time is what keeps the order of a key through a failure of the broker.
 */
export class SingleFlightSender implements Sender {
  readonly #flight: Flight;
  readonly #limits: SenderLimits;
  /** Oldest first: while `#flying` the first is in the air; the last gathers. */
  readonly #batches: Batch[] = [];
  readonly #whenEmpty: (() => void)[] = [];
  #flying = false;
  #stopped = false;
  #departure: { cancel(): void } | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #bytes = 0;
  #records = 0;

  constructor(flight: Flight, limits: SenderLimits = DEFAULT_SENDER_LIMITS) {
    this.#flight = flight;
    this.#limits = limits;
  }

  publish(record: OutgoingRecord): Promise<void> {
    const bytes = sizeOf(record);
    const refusal = this.#refusal(record, bytes);
    if (refusal !== undefined) return Promise.reject(refusal);

    const batch = this.#gatheringBatch(bytes);
    const part = batch.parts.get(record.topic) ?? addPart(batch, record.topic);
    part.records.push(record);
    batch.records += 1;
    batch.bytes += bytes;
    this.#records += 1;
    this.#bytes += bytes;
    this.#expiry ??= this.#expireAfter(this.#limits.deliveryTimeoutMs);
    this.#schedule();
    return part.accepted;
  }

  get pressure(): Pressure {
    const fill = Math.max(this.#bytes / this.#limits.maxBufferedBytes, this.#records / this.#limits.maxBufferedRecords);
    const ageMs = this.oldestAgeMs;
    if (fill >= SHEDDING.fill || ageMs >= SHEDDING.ageMs) return "shedding";
    if (fill >= DEGRADED.fill || ageMs >= DEGRADED.ageMs) return "degraded";
    return "normal";
  }

  get bufferedBytes(): number {
    return this.#bytes;
  }

  get bufferedRecords(): number {
    return this.#records;
  }

  get oldestAgeMs(): number {
    const oldest = this.#batches[0];
    return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
  }

  async flush(timeoutMs: number): Promise<void> {
    if (this.#batches.length === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timeout = setTimeout(
      () => reject(new BusUnavailableError(`${this.#records} records are not accepted after ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#whenEmpty.push(resolve);
    this.#schedule();
    try {
      await promise;
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Takes no more records, gives up those that are left and disconnects; `flush` first to keep them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#departure?.cancel();
    clearTimeout(this.#expiry);
    await this.#flight.stop();
    const left = this.#batches.slice(this.#flying ? 1 : 0);
    for (const batch of left) this.#discard(batch, new BusUnavailableError("the sender is stopped"));
  }

  #refusal(record: OutgoingRecord, bytes: number): Error | undefined {
    const { maxRecordBytes, maxBufferedRecords, maxBufferedBytes } = this.#limits;
    if (this.#stopped) return new BusUnavailableError("the sender is stopped");
    if (bytes > maxRecordBytes) {
      return new RecordTooLargeError(
        `record of ${bytes} bytes for ${record.topic}, at most ${maxRecordBytes} are taken`,
      );
    }
    if (this.#records >= maxBufferedRecords || this.#bytes + bytes > maxBufferedBytes) {
      return new BusOverflowError(`${this.#records} records of ${this.#bytes} bytes already wait`);
    }
    return undefined;
  }

  #gatheringBatch(bytes: number): Batch {
    const last = this.#batches.at(-1);
    const inTheAir = this.#flying && this.#batches.length === 1;
    if (last !== undefined && !inTheAir && !this.#isFull(last, bytes)) return last;
    const batch: Batch = { parts: new Map(), sinceMs: performance.now(), records: 0, bytes: 0 };
    this.#batches.push(batch);
    return batch;
  }

  #isFull(batch: Batch, moreBytes: number): boolean {
    return batch.records >= this.#limits.maxBatchRecords || batch.bytes + moreBytes > this.#limits.maxBatchBytes;
  }

  /** Lets the first batch fly: now when it is full or somebody flushes, else when it has gathered long enough. */
  #schedule(): void {
    const batch = this.#batches[0];
    if (this.#flying || this.#stopped || batch === undefined) return;
    if (this.#batches.length > 1 || this.#whenEmpty.length > 0 || this.#isFull(batch, 1)) {
      this.#fly(batch);
      return;
    }
    if (this.#departure !== undefined) return;
    const waitMs = batch.sinceMs + this.#limits.lingerMs - performance.now();
    const depart = () => {
      this.#departure = undefined;
      const first = this.#batches[0];
      if (!this.#flying && !this.#stopped && first !== undefined) this.#fly(first);
    };
    if (waitMs > 0) {
      const timer = setTimeout(depart, waitMs);
      this.#departure = { cancel: () => clearTimeout(timer) };
    } else {
      // A microtask later, so that what is published in one go flies together.
      this.#departure = { cancel: () => {} };
      queueMicrotask(depart);
    }
  }

  #fly(batch: Batch): void {
    this.#departure?.cancel();
    this.#departure = undefined;
    this.#flying = true;
    const recordsByTopic = new Map([...batch.parts].map(([topic, part]) => [topic, part.records]));
    void this.#flight.deliver(recordsByTopic, batch.sinceMs + this.#limits.deliveryTimeoutMs).then(
      (refused) => this.#land(batch, (topic) => refused.get(topic)),
      (error: Error) => this.#land(batch, () => error),
    );
  }

  #land(batch: Batch, errorOf: (topic: string) => Error | undefined): void {
    this.#flying = false;
    this.#remove(batch);
    for (const [topic, part] of batch.parts) {
      const error = errorOf(topic);
      if (error === undefined) part.resolve();
      else part.reject(error);
    }
    this.#schedule();
  }

  #discard(batch: Batch, error: Error): void {
    this.#remove(batch);
    for (const part of batch.parts.values()) part.reject(error);
  }

  #remove(batch: Batch): void {
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    this.#records -= batch.records;
    this.#bytes -= batch.bytes;
    if (this.#batches.length > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #expireAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#expiry = undefined;
      this.#expire();
    }, ms).unref();
  }

  /** Tells the callers of records whose deadline passed. What is in the air stays there until it lands: its outcome is not known. */
  #expire(): void {
    const { deliveryTimeoutMs } = this.#limits;
    const error = new BusUnavailableError(`not accepted within ${deliveryTimeoutMs} ms`);
    const inTheAir = this.#flying ? this.#batches[0] : undefined;
    const isDue = (batch: Batch) => batch.sinceMs + deliveryTimeoutMs <= performance.now();
    for (const batch of this.#batches.filter(isDue)) {
      if (batch === inTheAir) for (const part of batch.parts.values()) part.reject(error);
      else this.#discard(batch, error);
    }
    const next = this.#batches.find((batch) => !isDue(batch));
    if (next !== undefined) this.#expiry = this.#expireAfter(next.sinceMs + deliveryTimeoutMs - performance.now() + 1);
  }
}

function addPart(batch: Batch, topic: string): Part {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const part: Part = { records: [], accepted: promise, resolve, reject };
  batch.parts.set(topic, part);
  return part;
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  const keyBytes = key === null ? 0 : Buffer.byteLength(key);
  return RECORD_OVERHEAD_BYTES + (value?.length ?? 0) + keyBytes + (headers === undefined ? 0 : headersSize(headers));
}

type Headers = NonNullable<OutgoingRecord["headers"]>;
/** Records mostly share the object that holds their headers. */
const headersSizes: WeakMap<Headers, number> = new WeakMap();

function headersSize(headers: Headers): number {
  const known = headersSizes.get(headers);
  if (known !== undefined) return known;
  let bytes = 0;
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? "");
  headersSizes.set(headers, bytes);
  return bytes;
}
