import type {
  Bus,
  GroupSubscription,
  IncomingRecord,
  ReaderSubscription,
  Running,
  Sender,
  Subscription,
  TopicLayout,
  TopicProblem,
} from "../bus.ts";
import { CatchUp } from "../catch-up.ts";
import { DEFAULT_SENDER_LIMITS, type SenderLimits, SingleFlightSender } from "../single-flight-sender.ts";
import { MemoryBroker } from "./memory-broker.ts";
import { MemorySubscription } from "./memory-subscription.ts";

/** Settings of the memory bus. */
export interface MemoryBusOptions {
  /** Where the records are; one of its own by default. Buses that share a broker are clients of the same records. */
  readonly broker?: MemoryBroker;
  readonly sender?: Partial<SenderLimits>;
  /** Records of one partition that a group handles at once, of different keys; 64 by default. */
  readonly concurrency?: number;
  /** How long `stop` waits for the records in hand and for the senders; 10 000 ms by default. */
  readonly stopTimeoutMs?: number;
}

/** Records that a reader holds in hand for each partition; they are handled one after another. */
const READER_LIMIT = 1_000;

/** The bus in one process: partitions, offsets, groups and compaction as Kafka has them, and nothing survives the process. */
export class MemoryBus implements Bus {
  readonly #broker: MemoryBroker;
  readonly #limits: SenderLimits;
  readonly #concurrency: number;
  readonly #stopTimeoutMs: number;
  readonly #senders: SingleFlightSender[] = [];
  readonly #subscriptions = new Set<MemorySubscription>();

  constructor({
    broker = new MemoryBroker(),
    sender,
    concurrency = 64,
    stopTimeoutMs = 10_000,
  }: MemoryBusOptions = {}) {
    this.#broker = broker;
    this.#limits = { ...DEFAULT_SENDER_LIMITS, ...sender };
    this.#concurrency = concurrency;
    this.#stopTimeoutMs = stopTimeoutMs;
  }

  sender({ lingerMs = this.#limits.lingerMs }: { readonly name: string; readonly lingerMs?: number }): Sender {
    const flight = {
      deliver: async (records: Parameters<MemoryBroker["append"]>[0]) => this.#broker.append(records),
      stop: async () => {},
    };
    const sender = new SingleFlightSender(flight, { ...this.#limits, lingerMs });
    this.#senders.push(sender);
    return sender;
  }

  subscribe(subscription: Subscription): Running {
    return subscription.type === "group" ? this.#join(subscription) : this.#read(subscription);
  }

  async ensureTopics(topics: readonly TopicLayout[], mode: "create" | "verify"): Promise<readonly TopicProblem[]> {
    return this.#broker.ensureTopics(topics, mode);
  }

  async endOffsets(topic: string): Promise<readonly number[]> {
    return this.#broker.topic(topic).partitions.map(({ end }) => end);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    for (const sender of this.#senders) {
      await sender.flush(this.#stopTimeoutMs);
      await sender.stop();
    }
  }

  #join({ groupId, topics, handle }: GroupSubscription): MemorySubscription {
    const running = this.#subscription(
      handle,
      ({ key }) => key,
      this.#concurrency,
      (topic, partition, handledTo) => this.#broker.commit(groupId, topic, partition, handledTo),
    );
    this.#broker.whenTopicsExist(topics, () => this.#broker.join(groupId, running, topics));
    return running;
  }

  #read({ topic, partitions, from, handle, onCaughtUp }: ReaderSubscription): MemorySubscription {
    const catchUp = new CatchUp(onCaughtUp);
    const running = this.#subscription(
      handle,
      () => null,
      READER_LIMIT,
      (_topic, partition, handledTo) => catchUp.progress(partition, handledTo),
    );
    this.#broker.whenTopicsExist([topic], () => {
      const own = [...this.#broker.topic(topic).partitions.entries()]
        .filter(([partition]) => partitions?.includes(partition) !== false)
        .map(([partition, log]) => {
          if (from === "earliest") this.#broker.compact(topic, partition);
          return { topic, partition, log, position: from === "earliest" ? log.start : log.end, end: log.end };
        });
      running.assign(own);
      catchUp.start(own);
    });
    return running;
  }

  #subscription(
    handle: (record: IncomingRecord) => void | Promise<void>,
    laneOf: (record: IncomingRecord) => string | null,
    concurrency: number,
    onProgress: (topic: string, partition: number, handledTo: number) => void,
  ): MemorySubscription {
    const running = new MemorySubscription({
      handle,
      laneOf,
      concurrency,
      stopTimeoutMs: this.#stopTimeoutMs,
      onProgress,
      onStop: (stopped) => {
        this.#broker.remove(stopped);
        this.#subscriptions.delete(stopped);
      },
    });
    this.#broker.add(running);
    this.#subscriptions.add(running);
    return running;
  }
}
