import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer, ConsumerConfig, EachBatchPayload, KafkaMessage } from "kafkajs";
import type { IncomingRecord, Running } from "../bus.ts";
import { BusUnavailableError } from "../errors.ts";
import { delay, PartitionLanes } from "../partition-lanes.ts";
import type { KafkaClients } from "./kafka-clients.ts";
import { errorText } from "./kafka-errors.ts";

/** What the two kinds of subscription differ in. */
export interface SubscriptionKind {
  /** For logs. */
  readonly name: string;
  /** Asked before each start: topics, group and assigner of the consumer to build. */
  readonly plan: () => Promise<ConsumerPlan>;
  readonly handle: (record: IncomingRecord) => void | Promise<void>;
  readonly laneOf: (record: IncomingRecord) => string | null;
  /** Records in hand for each partition. */
  readonly limit: number;
  readonly commits: boolean;
  /** Told how far a partition is handled. */
  readonly onProgress: (partition: number, handledTo: number) => void;
}

/** A consumer to build. */
export interface ConsumerPlan {
  readonly topics: readonly string[];
  readonly groupId: string;
  readonly partitionAssigners?: ConsumerConfig["partitionAssigners"];
  /** Where a partition begins that was not read before; the group's committed offset when absent. */
  readonly startAt?: (partition: number) => number;
  /** Topics that were asked for but are not there. */
  readonly missing: readonly string[];
}

interface Partition {
  readonly topic: string;
  readonly partition: number;
  readonly lanes: PartitionLanes;
  committed: number;
  paused: boolean;
}

const COMMIT_EVERY_MS = 1_000;
const COMMIT_EVERY_RECORDS = 500;
/** A consumer that fetched nothing for this long, not even an empty answer, makes no progress; after three times as long it is replaced. */
const PROGRESS_MS = 10_000;
const REBUILD_MS = { first: 200, longest: 5_000 } as const;
/** After this long without a fetch, and while a topic is missing, we ask which topics exist. */
const SUSPICIOUS_MS = 3_000;
const INSPECT_EVERY_MS = 3_000;
/** How long a fetched batch waits for its lanes. */
const ROOM_MS = 200;
const STOPPED = "stopped";
/** kafkajs tries this long within one consumer, about a minute; what outlasts it gets a new one. */
const CONSUMER_RETRY = { retries: 30, initialRetryTime: 100, maxRetryTime: 2_000, factor: 0.2, multiplier: 2 } as const;
const MAX_PARTITIONS_AT_ONCE = 64;

/** A subscription on Kafka: keeps a consumer running, builds a new one when it crashes or stalls, and goes on where the old one was. */
export class KafkaSubscription implements Running {
  readonly ready: Promise<void>;
  readonly #becomeReady: () => void;
  readonly #clients: KafkaClients;
  readonly #kind: SubscriptionKind;
  readonly #stopTimeoutMs: number;
  readonly #onStopped: () => void;
  readonly #stopping = new AbortController();
  readonly #partitions = new Map<string, Partition>();
  readonly #supervised: Promise<void>;
  #consumer: Consumer | undefined;
  #plan: ConsumerPlan | undefined;
  #joined = false;
  #paused = false;
  #isFailing = false;
  #lastProgressMs = 0;
  #lastInspectedMs = 0;
  #handledSinceCommit = 0;
  #committing: Promise<void> | undefined;

  /** `onStopped` is told once it has left. */
  constructor(clients: KafkaClients, kind: SubscriptionKind, stopTimeoutMs: number, onStopped: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#becomeReady = resolve;
    this.#clients = clients;
    this.#kind = kind;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#onStopped = onStopped;
    this.#supervised = this.#supervise();
  }

  get healthy(): boolean {
    return this.#joined && this.#plan?.missing.length === 0 && (this.#paused || this.#silentMs() < PROGRESS_MS);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#lastProgressMs = performance.now();
    for (const partition of this.#partitions.values()) this.#fetchAgain(partition);
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return this.#supervised;
    this.#stopping.abort();
    await this.#supervised;
    this.#onStopped();
  }

  /** Builds consumers, one after another, until the subscription is stopped. */
  async #supervise(): Promise<void> {
    const { signal } = this.#stopping;
    for (let rebuildMs: number = REBUILD_MS.first; !signal.aborted; ) {
      const startedMs = performance.now();
      try {
        await this.#runConsumer();
      } catch (error) {
        this.#reportFailure(errorText(error));
      }
      this.#joined = false;
      const ranLong = performance.now() - startedMs > 30_000;
      rebuildMs = ranLong ? REBUILD_MS.first : Math.min(rebuildMs * 2, REBUILD_MS.longest);
      await delay(rebuildMs, signal);
    }
    for (const { lanes } of this.#partitions.values()) lanes.abandon();
  }

  /** One life of a consumer: ends when it crashed, stalled, must read other topics, or the subscription is stopped. */
  async #runConsumer(): Promise<void> {
    const plan = await this.#kind.plan();
    // A reader of an empty topic is told that it caught up by the plan, and may have been stopped by who was told.
    if (this.#stopping.signal.aborted) return;
    const { missing } = plan;
    if (missing.length > 0 && missing.join() !== this.#plan?.missing.join()) {
      this.#clients.log("warn", "topics to read do not exist", { consumer: this.#kind.name, topics: missing });
    }
    this.#plan = plan;
    if (plan.topics.length === 0) return delay(INSPECT_EVERY_MS, this.#stopping.signal);
    const { promise: ended, resolve: end } = Promise.withResolvers<string>();
    const consumer = this.#newConsumer(plan, end);
    const ticking = setInterval(() => this.#tick(plan, end), COMMIT_EVERY_MS);
    const onStop = () => end(STOPPED);
    this.#stopping.signal.addEventListener("abort", onStop);
    this.#lastProgressMs = performance.now();
    this.#start(consumer, plan).catch((error: unknown) => end(errorText(error)));
    try {
      const reason = await ended;
      if (reason === STOPPED) await this.#drain();
      else this.#reportFailure(reason);
    } finally {
      clearInterval(ticking);
      this.#stopping.signal.removeEventListener("abort", onStop);
      this.#consumer = undefined;
      const gone = consumer.disconnect().catch(() => {}); // It is thrown away; a broken connection is gone anyway.
      await within(this.#stopTimeoutMs, gone);
    }
  }

  async #start(consumer: Consumer, { topics }: ConsumerPlan): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: MAX_PARTITIONS_AT_ONCE,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  #newConsumer({ groupId, partitionAssigners, startAt }: ConsumerPlan, end: (reason: string) => void): Consumer {
    const { sessionTimeoutMs = 10_000, heartbeatIntervalMs = 1_000, fetchMaxWaitMs = 200 } = this.#clients.settings;
    const consumer = this.#clients.client(this.#kind.name, CONSUMER_RETRY).consumer({
      groupId,
      ...(partitionAssigners && { partitionAssigners }),
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatIntervalMs,
      maxWaitTimeInMs: fetchMaxWaitMs,
      minBytes: 1,
      allowAutoTopicCreation: false,
      // One way to recover from a crash: a new consumer, built here.
      retry: { ...CONSUMER_RETRY, restartOnFailure: async () => false },
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => end(errorText(payload.error)));
    consumer.on(consumer.events.REBALANCING, () => void this.#commit());
    consumer.on(consumer.events.FETCH, () => {
      this.#lastProgressMs = performance.now();
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#assign(consumer, payload.memberAssignment, startAt));
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      // Nothing but transaction markers or aborted records: kafkajs does not call eachBatch for them.
      const partition = this.#partitions.get(`${payload.topic}/${payload.partition}`);
      if (payload.batchSize === 0 && partition !== undefined) this.#skipTo(partition, Number(payload.lastOffset) + 1);
    });
    this.#consumer = consumer;
    return consumer;
  }

  /** Lets go of partitions that went to other members; those that stay go on where they were. */
  #assign(consumer: Consumer, assignment: Record<string, number[]>, startAt: ConsumerPlan["startAt"]): void {
    const assigned = new Set(
      Object.entries(assignment).flatMap(([topic, own]) => own.map((each) => `${topic}/${each}`)),
    );
    for (const [name, { lanes }] of this.#partitions) {
      if (assigned.has(name)) continue;
      lanes.abandon();
      this.#partitions.delete(name);
    }
    for (const partition of this.#partitions.values()) partition.paused = false;
    // kafkajs remembers pauses of partitions that it lost meanwhile.
    consumer.resume(Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions })));
    if (startAt !== undefined) {
      for (const [topic, own] of Object.entries(assignment)) {
        for (const partition of own) {
          const { lanes } = this.#partition(topic, partition, startAt(partition));
          consumer.seek({ topic, partition, offset: String(lanes.position) });
        }
      }
    }
    this.#joined = true;
    this.#isFailing = false;
    this.#becomeReady();
  }

  /**
   * Takes the records of a batch in hand as the lanes have room. Where that takes long it returns, so that other partitions are fetched,
   * and has this one fetched again later.
   */
  async #eachBatch({ batch, resolveOffset, heartbeat, pause }: EachBatchPayload): Promise<void> {
    const { topic, partition: id } = batch;
    const partition = this.#partitionAt(topic, id, Number(batch.firstOffset()), Number(batch.highWatermark));
    const { lanes } = partition;
    for (const message of batch.messages) {
      const takes = this.#takes(lanes) || (await this.#waitForRoom(lanes, heartbeat));
      if (!takes) {
        pause();
        partition.paused = true;
        if (!this.#paused) void lanes.roomy().then(() => this.#fetchAgain(partition));
        return heartbeat();
      }
      lanes.take(toRecord(topic, id, message));
      resolveOffset(message.offset);
    }
    // Behind the last record there may be transaction markers.
    this.#skipTo(partition, Number(batch.lastOffset()) + 1);
    await heartbeat();
  }

  /** The partition's lanes; new ones when the topic was deleted and made anew, so that its offsets begin again. */
  #partitionAt(topic: string, id: number, firstOffset: number, highWatermark: number): Partition {
    const known = this.#partitions.get(`${topic}/${id}`);
    if (known !== undefined && highWatermark < known.lanes.position) {
      known.lanes.abandon();
      this.#partitions.delete(`${topic}/${id}`);
    }
    return this.#partition(topic, id, firstOffset);
  }

  #takes(lanes: PartitionLanes): boolean {
    return lanes.hasRoom && !this.#paused && !this.#stopping.signal.aborted;
  }

  async #waitForRoom(lanes: PartitionLanes, heartbeat: () => Promise<void>): Promise<boolean> {
    if (!this.#paused && !this.#stopping.signal.aborted) await within(ROOM_MS, lanes.roomy());
    await heartbeat();
    return this.#takes(lanes);
  }

  #fetchAgain(partition: Partition): void {
    const { topic, partition: id, lanes, paused } = partition;
    if (!paused || this.#paused || this.#stopping.signal.aborted) return;
    if (!lanes.hasRoom) {
      void lanes.roomy().then(() => this.#fetchAgain(partition));
      return;
    }
    partition.paused = false;
    if (this.#partitions.get(`${topic}/${id}`) === partition && this.#joined) {
      this.#consumer?.resume([{ topic, partitions: [id] }]);
    }
  }

  #partition(topic: string, partition: number, position: number): Partition {
    const name = `${topic}/${partition}`;
    const known = this.#partitions.get(name);
    if (known !== undefined) return known;
    const made: Partition = {
      topic,
      partition,
      lanes: this.#newLanes(partition, position),
      committed: position,
      paused: false,
    };
    this.#partitions.set(name, made);
    return made;
  }

  #newLanes(partition: number, position: number): PartitionLanes {
    const { handle, laneOf, limit, onProgress } = this.#kind;
    const lanes: PartitionLanes = new PartitionLanes(
      {
        handle,
        laneOf,
        limit,
        onHandled: () => {
          this.#lastProgressMs = performance.now();
          this.#handledSinceCommit += 1;
          if (this.#handledSinceCommit >= COMMIT_EVERY_RECORDS) void this.#commit();
          onProgress(partition, lanes.committable);
        },
        onRejected: ({ topic, offset }, error) =>
          this.#clients.log("warn", "a record is tried again", { topic, partition, offset, error: errorText(error) }),
      },
      position,
    );
    return lanes;
  }

  #skipTo({ partition, lanes }: Partition, position: number): void {
    lanes.skipTo(position);
    this.#kind.onProgress(partition, lanes.committable);
  }

  /** One warning for each episode: the first failure after it had joined. */
  #reportFailure(reason: string): void {
    const level = this.#isFailing ? "debug" : "warn";
    this.#isFailing = true;
    this.#clients.log(level, "a consumer is rebuilt", { consumer: this.#kind.name, reason });
  }

  #silentMs(): number {
    return performance.now() - this.#lastProgressMs;
  }

  #tick(plan: ConsumerPlan, end: (reason: string) => void): void {
    void this.#commit();
    const silentMs = this.#isBusy() ? 0 : this.#silentMs();
    if (silentMs > 3 * PROGRESS_MS) end("nothing was fetched");
    if (plan.missing.length > 0 || silentMs > SUSPICIOUS_MS) void this.#inspect(plan, end);
  }

  /** Ends the consumer when one of its topics is gone, which would hold up the others, or one that was missing has come. */
  async #inspect(plan: ConsumerPlan, end: (reason: string) => void): Promise<void> {
    if (performance.now() - this.#lastInspectedMs < INSPECT_EVERY_MS) return;
    this.#lastInspectedMs = performance.now();
    try {
      const { missing } = await this.#kind.plan();
      if (missing.join() !== plan.missing.join())
        end(`topics that do not exist: ${missing.join(", ") || "none any more"}`);
    } catch (error) {
      if (!(error instanceof BusUnavailableError)) throw error; // Kafka is away: looked at again later.
    }
  }

  #isBusy(): boolean {
    return this.#paused || [...this.#partitions.values()].some(({ lanes }) => lanes.inHand > 0);
  }

  async #drain(): Promise<void> {
    const lanes = [...this.#partitions.values()].map((partition) => partition.lanes);
    await within(this.#stopTimeoutMs, Promise.all(lanes.map((each) => each.idle())));
    for (const each of lanes) each.abandon();
    await within(this.#stopTimeoutMs, this.#committing ?? Promise.resolve());
    await within(this.#stopTimeoutMs, this.#commit());
  }

  /** Commits what is handled, one request at a time. */
  async #commit(): Promise<void> {
    if (!this.#kind.commits || !this.#joined || this.#committing !== undefined) return;
    const due = [...this.#partitions.values()].filter(({ lanes, committed }) => lanes.committable > committed);
    if (due.length === 0) return;
    const offsets = due.map(({ topic, partition, lanes }) => ({ topic, partition, offset: String(lanes.committable) }));
    this.#handledSinceCommit = 0;
    this.#committing = this.#commitOffsets(offsets, due);
    await this.#committing;
    this.#committing = undefined;
  }

  async #commitOffsets(
    offsets: readonly { topic: string; partition: number; offset: string }[],
    due: readonly Partition[],
  ): Promise<void> {
    try {
      await this.#consumer?.commitOffsets([...offsets]);
      for (const [index, partition] of due.entries()) partition.committed = Number(offsets[index]?.offset);
    } catch (error) {
      // Committed with the next round, or read again by whom the partition went to.
      this.#clients.log("debug", "offsets are not committed", { consumer: this.#kind.name, error: errorText(error) });
    }
  }
}

function toRecord(
  topic: string,
  partition: number,
  { offset, key, value, headers = {}, timestamp }: KafkaMessage,
): IncomingRecord {
  const texts: Record<string, string> = {};
  for (const name in headers) {
    const header = headers[name];
    texts[name] = String(Array.isArray(header) ? header.at(-1) : (header ?? ""));
  }
  return {
    topic,
    partition,
    offset: Number(offset),
    key: key === null ? null : key.toString(),
    value,
    headers: texts,
    timestampMs: Number(timestamp),
  };
}

/** Resolves with the promise or after `ms`, whichever is first. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  await Promise.race([promise, sleep(ms, undefined, { signal: patience.signal }).catch(() => {})]);
  patience.abort();
}
