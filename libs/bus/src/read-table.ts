import type { Bus, IncomingRecord } from "./bus.ts";

export interface ReadTableOptions {
  /** Which keys are wanted, of a topic that may be large; all when absent. */
  readonly keep?: (key: string) => boolean;
  /** Told of each record of those keys, tombstones included. */
  readonly onRecord?: (record: IncomingRecord) => void;
  /** Gives up, with its reason. */
  readonly signal?: AbortSignal;
}

/** The last record of each key of a compacted topic, in the order of their offsets per partition; what ends with a tombstone is left out. Reads to the end that the topic has now. */
export async function readTable(
  bus: Bus,
  topic: string,
  { keep = () => true, onRecord = () => {}, signal }: ReadTableOptions = {},
): Promise<ReadonlyMap<string, IncomingRecord>> {
  const last = new Map<string, IncomingRecord>();
  const handle = (record: IncomingRecord): void => {
    if (record.key === null || !keep(record.key)) return;
    onRecord(record);
    last.delete(record.key); // So that the map keeps the order of the offsets.
    if (record.value !== null) last.set(record.key, record);
  };
  await readAll(bus, topic, handle, signal);
  return last;
}

/** Offset of the last record of each key of a compacted topic, without the keys that end with a tombstone. A key lies in one partition, so its offset names its record. */
export type TableIndex = ReadonlyMap<string, number>;

/** Reads a topic that memory cannot hold for the first time, to the end that it has now: `handleTable` reads it again. */
export async function indexTable(bus: Bus, topic: string, signal?: AbortSignal): Promise<TableIndex> {
  const index = new Map<string, number>();
  const note = ({ key, value, offset }: IncomingRecord): void => {
    if (key === null) return;
    if (value === null) index.delete(key);
    else index.set(key, offset);
  };
  await readAll(bus, topic, note, signal);
  return index;
}

/** Hands over the records of an index, not what was written since. `handle` gets one record of a partition after another; a rejection is repeated. */
export async function handleTable(
  bus: Bus,
  topic: string,
  index: TableIndex,
  handle: (record: IncomingRecord) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const handleLast = (record: IncomingRecord): Promise<void> | void => {
    if (record.key !== null && index.get(record.key) === record.offset) return handle(record);
  };
  if (index.size > 0) await readAll(bus, topic, handleLast, signal);
}

/** Reads a topic from its beginning to the end that it has now. */
async function readAll(
  bus: Bus,
  topic: string,
  handle: (record: IncomingRecord) => Promise<void> | void,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const { promise: caughtUp, resolve: onCaughtUp, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  // What was given up is not repeated: the reader would stop only when it lost its patience.
  const handleUntilAborted = (record: IncomingRecord): Promise<void> | void => {
    if (signal.aborted) return;
    return handle(record)?.catch((error) => {
      if (!signal.aborted) throw error;
    });
  };
  const reader = bus.subscribe({ type: "reader", topic, from: "earliest", handle: handleUntilAborted, onCaughtUp });
  try {
    await caughtUp;
  } finally {
    signal.removeEventListener("abort", abort);
    await reader.stop();
  }
}
