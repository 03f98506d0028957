/** A record on its way to the bus. */
export interface OutgoingRecord {
  /** Full topic name, prefix included. */
  readonly topic: string;
  /** Decides the partition (murmur2, as in the Java client) unless `partition` is set. */
  readonly key: string | null;
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly partition?: number;
}

/** A record that came from the bus. */
export interface IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Broker or producer time, ms since 1970. */
  readonly timestampMs: number;
}

/**
 * How full the buffer in front of the bus is: `normal`; `degraded` from half of it or a record older than 2 s: own reads are put off;
 * `shedding` from nine tenths or older than 10 s: Send and CON notifications stay unacknowledged, NON are dropped.
 */
export type Pressure = "normal" | "degraded" | "shedding";

/** Accepts records and says when they are durable. One sender keeps the order of its records per key, through failures of the broker. */
export interface Sender {
  /**
   * Resolves once the bus holds the record durably (acks=all). Records of one batch and topic share one promise.
   *
   * @throws {BusOverflowError} the buffer is full: nothing was taken
   * @throws {BusUnavailableError} the topic does not exist, or the record was not accepted within the delivery deadline: whether it was written is unknown
   * @throws {RecordTooLargeError} larger than the bus takes
   */
  publish(record: OutgoingRecord): Promise<void>;
  readonly pressure: Pressure;
  readonly bufferedBytes: number;
  readonly bufferedRecords: number;
  /** Age of the oldest record that is not accepted yet, ms; 0 when there is none. */
  readonly oldestAgeMs: number;
  /** Resolves when all that was published is accepted, or rejects after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
}

/** Where a subscription without a group begins. */
export type StartAt = "earliest" | "latest";

/** A group's subscription: partitions are shared by its members, an offset is committed once `handle` resolved. */
export interface GroupSubscription {
  readonly type: "group";
  readonly groupId: string;
  readonly topics: readonly string[];
  /**
   * Called for one record of a key after another, in order of offsets; records of different keys run at once, up to a limit for each partition.
   * A rejection is retried with back-off and holds back its key and the commit: catch what must not block.
   */
  readonly handle: (record: IncomingRecord) => Promise<void>;
}

/** A reader of its own: no group, no commits, no rebalance. */
export interface ReaderSubscription {
  readonly type: "reader";
  readonly topic: string;
  /** All partitions when absent. */
  readonly partitions?: readonly number[];
  readonly from: StartAt;
  /** Called for one record of a partition after another. A rejection is retried with back-off and holds the partition back. */
  readonly handle: (record: IncomingRecord) => void | Promise<void>;
  /** Called once, when all that was there at the start has been handled. */
  readonly onCaughtUp?: () => void;
}

export type Subscription = GroupSubscription | ReaderSubscription;

/** A running subscription. */
export interface Running {
  /** Resolves when it has its partitions: from then on a reader from `latest` misses nothing. */
  readonly ready: Promise<void>;
  /** False while it is being rebuilt or makes no progress. */
  readonly healthy: boolean;
  pause(): void;
  resume(): void;
  /** Finishes the records in hand (for at most 10 s), commits, leaves. */
  stop(): Promise<void>;
}

/** A topic as it should be on the broker. */
export interface TopicLayout {
  readonly name: string;
  readonly partitions: number;
  /** The number is part of the contract: more or fewer is wrong. */
  readonly partitionsFixed: boolean;
  readonly cleanup: "delete" | "compact";
  readonly retentionMs?: number;
  /** How long a compacted topic keeps a record that a later one of its key follows, at least. */
  readonly minCompactionLagMs?: number;
}

/** What `ensureTopics` found wrong, in words a user can act on; empty when all is right. */
export interface TopicProblem {
  readonly topic: string;
  readonly problem: string;
}

/** The way to the bus: the one interface that services know. */
export interface Bus {
  /** A sender with a connection and buffer of its own; `lingerMs` 0 sends at once, absent means the bus's setting (10 ms). */
  sender(options: { readonly name: string; readonly lingerMs?: number }): Sender;
  subscribe(subscription: Subscription): Running;
  /**
   * `create` makes what is missing and verifies the rest; `verify` only looks.
   *
   * @throws {BusUnavailableError} the bus cannot be asked
   */
  ensureTopics(topics: readonly TopicLayout[], mode: "create" | "verify"): Promise<readonly TopicProblem[]>;
  /** End of each partition: the offset that the next record gets. */
  endOffsets(topic: string): Promise<readonly number[]>;
  /** Stops subscriptions, flushes senders, disconnects. */
  stop(): Promise<void>;
}
