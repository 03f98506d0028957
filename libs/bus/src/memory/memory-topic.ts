import type { IncomingRecord, OutgoingRecord, TopicLayout } from "../bus.ts";
import { partitionOf } from "../murmur2.ts";

/** Compaction waits until this many records could go. */
const COMPACT_AFTER_RECORDS = 1_000;

/** One partition of a topic in memory: records in the order of their offsets. */
export class MemoryPartition {
  readonly #compacted: boolean;
  readonly #maxRecords: number;
  #records: IncomingRecord[] = [];
  /** For compacted topics: the offset of each key's latest record. */
  readonly #latest = new Map<string | null, number>();
  #end = 0;

  constructor(compacted: boolean, maxRecords: number) {
    this.#compacted = compacted;
    this.#maxRecords = maxRecords;
  }

  /** The offset that the next record gets. */
  get end(): number {
    return this.#end;
  }

  /** The offset of the oldest record that is kept, or the end. */
  get start(): number {
    return this.#records[0]?.offset ?? this.#end;
  }

  append(partition: number, record: OutgoingRecord, timestampMs: number): void {
    const { topic, key, value, headers = {} } = record;
    const offset = this.#end++;
    this.#records.push({ topic, partition, offset, key, value, headers, timestampMs });
    if (this.#compacted) this.#latest.set(key, offset);
    else if (this.#records.length > this.#maxRecords * 1.1) this.#records = this.#records.slice(-this.#maxRecords);
  }

  /** The first record at or after `offset`. */
  next(offset: number): IncomingRecord | undefined {
    const first = this.start;
    // Without gaps the record lies where the arithmetic says; compaction leaves gaps, and then the search runs left of there.
    let high = Math.min(Math.max(offset - first, 0), this.#records.length);
    if (this.#offsetAt(high) === offset) return this.#records[high];
    let low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsetAt(middle) ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return this.#records[low];
  }

  /** Drops, below `before`, the records that a later one of the same key replaces, and tombstones. */
  compact(before: number): void {
    if (!this.#compacted) return;
    this.#records = this.#records.filter((record) => {
      if (record.offset >= before) return true;
      if (this.#latest.get(record.key) !== record.offset) return false;
      if (record.value === null) this.#latest.delete(record.key);
      return record.value !== null;
    });
  }

  /** Whether enough records are replaced for compaction to pay. */
  get isCompactionDue(): boolean {
    return this.#compacted && this.#records.length > 2 * this.#latest.size + COMPACT_AFTER_RECORDS;
  }

  #offsetAt(index: number): number | undefined {
    return this.#records[index]?.offset;
  }
}

/** A topic in memory. */
export class MemoryTopic {
  readonly layout: TopicLayout;
  readonly partitions: readonly MemoryPartition[];
  #nextWithoutKey = 0;

  constructor(layout: TopicLayout, maxRecordsPerPartition: number) {
    this.layout = layout;
    this.partitions = Array.from(
      { length: layout.partitions },
      () => new MemoryPartition(layout.cleanup === "compact", maxRecordsPerPartition),
    );
  }

  append(record: OutgoingRecord, timestampMs: number): void {
    const index = record.partition ?? this.#partitionOf(record.key);
    this.partitions[index]?.append(index, record, timestampMs);
  }

  #partitionOf(key: string | null): number {
    return key === null ? this.#nextWithoutKey++ % this.partitions.length : partitionOf(key, this.partitions.length);
  }
}
