import { randomUUID } from "node:crypto";
import type {
  Bus,
  GroupSubscription,
  ReaderSubscription,
  Running,
  Sender,
  Subscription,
  TopicLayout,
  TopicProblem,
} from "../bus.ts";
import { CatchUp } from "../catch-up.ts";
import { BusUnavailableError } from "../errors.ts";
import { DEFAULT_SENDER_LIMITS, type SenderLimits, SingleFlightSender } from "../single-flight-sender.ts";
import { fixedPartitions } from "./fixed-partitions.ts";
import { KafkaClients, type KafkaLog } from "./kafka-clients.ts";
import { KafkaFlight } from "./kafka-flight.ts";
import { type ConsumerPlan, KafkaSubscription, type SubscriptionKind } from "./kafka-subscription.ts";
import { createMissingTopics, type TopicNeeds, verifyTopics } from "./kafka-topics.ts";
import type { KafkaSettings } from "./settings.ts";

/** Records that a reader holds in hand for each partition; they are handled one after another. */
const READER_LIMIT = 1_000;

/** The bus on Kafka, by kafkajs. It connects when it is first used and again whenever it must. */
export class KafkaBus implements Bus {
  readonly #settings: KafkaSettings;
  readonly #clients: KafkaClients;
  readonly #limits: SenderLimits;
  readonly #stopTimeoutMs: number;
  readonly #senders: SingleFlightSender[] = [];
  readonly #subscriptions = new Set<KafkaSubscription>();

  constructor(settings: KafkaSettings, log: KafkaLog = () => {}) {
    const { lingerMs, deliveryTimeoutMs, maxRequestSizeBytes, bufferMemoryBytes, stopTimeoutMs = 10_000 } = settings;
    this.#settings = settings;
    this.#clients = new KafkaClients(settings, log);
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#limits = {
      ...DEFAULT_SENDER_LIMITS,
      ...(lingerMs !== undefined && { lingerMs }),
      ...(deliveryTimeoutMs !== undefined && { deliveryTimeoutMs }),
      ...(maxRequestSizeBytes !== undefined && { maxRecordBytes: maxRequestSizeBytes }),
      ...(bufferMemoryBytes !== undefined && { maxBufferedBytes: bufferMemoryBytes }),
      ...settings.sender,
    };
  }

  sender({ name, lingerMs = this.#limits.lingerMs }: { readonly name: string; readonly lingerMs?: number }): Sender {
    const sender = new SingleFlightSender(new KafkaFlight(this.#clients, name), { ...this.#limits, lingerMs });
    this.#senders.push(sender);
    return sender;
  }

  subscribe(subscription: Subscription): Running {
    const kind = subscription.type === "group" ? this.#group(subscription) : this.#reader(subscription);
    const running: KafkaSubscription = new KafkaSubscription(this.#clients, kind, this.#stopTimeoutMs, () =>
      this.#subscriptions.delete(running),
    );
    this.#subscriptions.add(running);
    return running;
  }

  ensureTopics(topics: readonly TopicLayout[], mode: "create" | "verify"): Promise<readonly TopicProblem[]> {
    const { replicationFactor } = this.#settings;
    const needs: TopicNeeds = {
      maxRecordBytes: this.#limits.maxRecordBytes,
      ...(replicationFactor !== undefined && { replicationFactor }),
    };
    return this.#clients.administer(async (admin) => {
      if (mode === "create") await createMissingTopics(admin, topics, needs);
      return verifyTopics(admin, topics, needs);
    });
  }

  async endOffsets(topic: string): Promise<readonly number[]> {
    return (await this.#offsets(topic)).map(({ high }) => high);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    await Promise.all(
      this.#senders.map(async (sender) => {
        try {
          await sender.flush(this.#stopTimeoutMs);
        } finally {
          await sender.stop();
        }
      }),
    );
  }

  #group({ groupId, topics, handle }: GroupSubscription): SubscriptionKind {
    return {
      name: groupId,
      handle,
      laneOf: ({ key }) => key,
      limit: this.#settings.concurrency ?? 64,
      commits: true,
      onProgress: () => {},
      plan: async () => {
        const missing = await this.#missing(topics);
        return { topics: topics.filter((topic) => !missing.includes(topic)), groupId, missing };
      },
    };
  }

  /** A reader is the only member of a group of its own, new at each start: a successor must not wait for the session of a dead one. */
  #reader({ topic, partitions, from, handle, onCaughtUp }: ReaderSubscription): SubscriptionKind {
    const catchUp = new CatchUp(onCaughtUp);
    const positions = new Map<number, number>();
    return {
      name: `reader-${topic}`,
      handle,
      laneOf: () => null,
      limit: READER_LIMIT,
      commits: false,
      onProgress: (partition, handledTo) => catchUp.progress(partition, handledTo),
      plan: async (): Promise<ConsumerPlan> => {
        const missing = await this.#missing([topic]);
        if (missing.length === 0 && positions.size === 0) {
          const own = (await this.#offsets(topic)).filter(({ partition }) => partitions?.includes(partition) !== false);
          for (const { partition, low, high } of own) positions.set(partition, from === "earliest" ? low : high);
          catchUp.start(
            own.map(({ partition, high }) => ({ partition, position: positions.get(partition) ?? 0, end: high })),
          );
        }
        return {
          topics: missing.length === 0 ? [topic] : [],
          groupId: `${this.#settings.clientId}-reader-${randomUUID()}`,
          partitionAssigners: [fixedPartitions(topic, partitions)],
          // A partition that was added later is read from its beginning.
          startAt: (partition) => positions.get(partition) ?? 0,
          missing,
        };
      },
    };
  }

  #missing(topics: readonly string[]): Promise<readonly string[]> {
    return this.#clients.administer(async (admin) => {
      const existing = new Set(await admin.listTopics());
      return topics.filter((topic) => !existing.has(topic));
    });
  }

  #offsets(topic: string): Promise<readonly { partition: number; low: number; high: number }[]> {
    return this.#clients.administer(async (admin) => {
      // Asked about a topic that does not exist, kafkajs tries several times and names no topic.
      if (!(await admin.listTopics()).includes(topic)) throw new BusUnavailableError(`topic ${topic} does not exist`);
      return (await admin.fetchTopicOffsets(topic))
        .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
        .sort((one, other) => one.partition - other.partition);
    });
  }
}
