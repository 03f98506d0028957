import type { Message, Producer, TopicMessages } from "kafkajs";
import type { OutgoingRecord } from "../bus.ts";
import { BusUnavailableError, RecordTooLargeError } from "../errors.ts";
import { partitionOf } from "../murmur2.ts";
import { delay } from "../partition-lanes.ts";
import type { Flight } from "../single-flight-sender.ts";
import type { KafkaClients } from "./kafka-clients.ts";
import { RETRY } from "./kafka-clients.ts";
import { errorText, errorType } from "./kafka-errors.ts";
import { kafkajs } from "./kafkajs.ts";

const RETRY_MS = { first: 100, longest: 2_000 } as const;

/** Failures of the way to the broker: the same producer goes on, so that the broker recognises what it has already written. */
const CONNECTION_ERRORS: ReadonlySet<string> = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
]);

/** Flights of one sender: an idempotent producer that asks for all acknowledgements, tries until the deadline, and is replaced when it is beyond repair. */
export class KafkaFlight implements Flight {
  readonly #clients: KafkaClients;
  readonly #name: string;
  readonly #stopped = new AbortController();
  #producer: Producer | undefined;
  /** Records without a key go round. */
  #nextWithoutKey = 0;

  constructor(clients: KafkaClients, name: string) {
    this.#clients = clients;
    this.#name = name;
  }

  async deliver(
    recordsByTopic: ReadonlyMap<string, readonly OutgoingRecord[]>,
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, Error>> {
    const refused = new Map<string, Error>();
    let left = [...recordsByTopic].map(([topic, records]) => ({ topic, messages: records.map(toMessage) }));
    let failedSinceMs: number | undefined;
    for (let retryMs: number = RETRY_MS.first; left.length > 0; retryMs = Math.min(retryMs * 2, RETRY_MS.longest)) {
      try {
        await this.#send(left);
        break;
      } catch (error) {
        failedSinceMs ??= this.#report(error);
        if (isTooLarge(error))
          return this.#deliverApart(
            left.map(({ topic }) => topic),
            recordsByTopic,
            deadlineMs,
          );
        for (const [topic, refusal] of await this.#refusals(left, error)) refused.set(topic, refusal);
        left = left.filter(({ topic }) => !refused.has(topic));
        if (!isConnectionError(error)) await this.#replaceProducer();
        if (left.length > 0) await delay(retryMs, this.#stopped.signal);
        if (this.#stopped.signal.aborted || performance.now() >= deadlineMs) {
          throw new BusUnavailableError(`Kafka did not take the records: ${errorText(error)}`, { cause: error });
        }
      }
    }
    if (failedSinceMs !== undefined) {
      const outageMs = Math.round(performance.now() - failedSinceMs);
      this.#clients.log("info", "Kafka takes records again", { sender: this.#name, outageMs });
    }
    return refused;
  }

  /** Kafka refused the size of a batch and did not say of which topic: delivers one topic after another. */
  async #deliverApart(
    topics: readonly string[],
    recordsByTopic: ReadonlyMap<string, readonly OutgoingRecord[]>,
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, Error>> {
    const [only] = topics;
    if (topics.length === 1 && only !== undefined) {
      return new Map([[only, new RecordTooLargeError(`Kafka refuses the size: raise max.message.bytes of ${only}`)]]);
    }
    const refused = new Map<string, Error>();
    for (const topic of topics) {
      const alone = new Map([[topic, recordsByTopic.get(topic) ?? []]]);
      for (const [name, refusal] of await this.deliver(alone, deadlineMs)) refused.set(name, refusal);
    }
    return refused;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#replaceProducer();
  }

  async #send(topicMessages: TopicMessages[]): Promise<void> {
    const { compressionType } = this.#clients.settings;
    this.#producer ??= this.#newProducer();
    // Does nothing when it is connected.
    await this.#producer.connect();
    await this.#producer.sendBatch({
      acks: -1,
      compression: compressionType === "gzip" ? kafkajs.CompressionTypes.GZIP : kafkajs.CompressionTypes.None,
      topicMessages,
    });
  }

  #newProducer(): Producer {
    return this.#clients.client(this.#name).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: RETRY,
      createPartitioner:
        () =>
        ({ partitionMetadata, message }) =>
          this.#partition(message, partitionMetadata.length),
    });
  }

  /** Chosen once for a record without a key: a repetition must be the same batch, or the broker cannot recognise it. */
  #partition(message: Message, partitions: number): number {
    if (typeof message.key === "string") message.partition ??= partitionOf(message.key, partitions);
    else message.partition ??= this.#nextWithoutKey++ % partitions;
    return message.partition;
  }

  /** Topics that will not take their records however often we try. */
  async #refusals(left: readonly TopicMessages[], error: unknown): Promise<Map<string, Error>> {
    const topics = left.map(({ topic }) => topic);
    const type = errorType(error);
    if (type !== "UNKNOWN_TOPIC_OR_PARTITION" && type !== "INVALID_TOPIC_EXCEPTION") return new Map();
    try {
      const existing = new Set(await this.#clients.administer((admin) => admin.listTopics()));
      const missing = topics.filter((topic) => !existing.has(topic));
      return new Map(missing.map((topic) => [topic, new BusUnavailableError(`topic ${topic} does not exist`)]));
    } catch (unreachable) {
      if (unreachable instanceof BusUnavailableError) return new Map(); // Asked again after the next attempt.
      throw unreachable;
    }
  }

  #report(error: unknown): number {
    this.#clients.log("warn", "Kafka does not take records", { sender: this.#name, error: errorText(error) });
    return performance.now();
  }

  async #replaceProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => {}); // It is thrown away; a broken connection is gone anyway.
  }
}

function isTooLarge(error: unknown): boolean {
  const type = errorType(error);
  return type === "MESSAGE_TOO_LARGE" || type === "RECORD_LIST_TOO_LARGE";
}

function isConnectionError(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) if (CONNECTION_ERRORS.has(each.name)) return true;
  return false;
}

/** All of one shape, with what is absent as undefined; produce-request.ts encodes it, and takes any Uint8Array. */
function toMessage({ key, value, headers, partition }: OutgoingRecord): Message {
  return { key, value, headers, partition } as Message;
}
