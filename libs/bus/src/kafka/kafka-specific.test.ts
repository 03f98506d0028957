import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type KafkaProcess, startKafka } from "@ferry/testing";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import kafkajs from "kafkajs";
import type { IncomingRecord, TopicLayout } from "../bus.ts";
import { BusUnavailableError, RecordTooLargeError } from "../errors.ts";
import { KafkaBus } from "./kafka-bus.ts";

let kafka: KafkaProcess;
let bus: KafkaBus;
let other: import("kafkajs").Kafka;

beforeAll(async () => {
  kafka = await startKafka();
  bus = new KafkaBus({ bootstrapServers: kafka.bootstrapServers, clientId: "specific" });
  other = new kafkajs.Kafka({ brokers: [...kafka.bootstrapServers], logLevel: kafkajs.logLevel.NOTHING });
}, 60_000);

afterAll(async () => {
  await bus?.stop();
  await kafka?.stop();
}, 60_000);

async function newTopic(partitions = 1): Promise<string> {
  const topic: TopicLayout = { name: `t-${randomUUID()}`, partitions, partitionsFixed: true, cleanup: "delete" };
  expect(await bus.ensureTopics([topic], "create")).toEqual([]);
  return topic.name;
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!isTrue() && performance.now() < deadline) await sleep(10);
  expect(isTrue()).toBe(true);
}

it("a reader catches up where transaction markers and aborted records end a partition", async () => {
  const topic = await newTopic(2);
  const producer = other.producer({ transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  for (const [partition, end] of [
    [0, "commit"],
    [1, "abort"],
  ] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ key: "k", value: end, partition }] });
    await transaction[end]();
  }
  await producer.disconnect();
  const records: IncomingRecord[] = [];
  let caughtUp = false;
  const running = bus.subscribe({
    type: "reader",
    topic,
    from: "earliest",
    handle: (record) => void records.push(record),
    onCaughtUp: () => {
      caughtUp = true;
    },
  });
  await until(() => caughtUp);
  expect(records.map(({ partition }) => partition)).toEqual([0]);
  await running.stop();
});

it("a topic that takes only small records refuses its own, and no record of another topic in the batch", async () => {
  const small = await newTopic();
  const normal = await newTopic();
  const admin = other.admin();
  await admin.connect();
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: small,
        configEntries: [{ name: "max.message.bytes", value: "500" }],
      },
    ],
  });
  await admin.disconnect();
  const layout = { partitions: 1, partitionsFixed: true, cleanup: "delete" } as const;
  expect(await bus.ensureTopics([{ name: small, ...layout }], "verify")).toEqual([
    { topic: small, problem: expect.stringContaining("max.message.bytes=500, but records reach 1048576") },
  ]);
  const sender = bus.sender({ name: "sizes" });
  const value = Buffer.alloc(1_000, 7);
  const refused = sender.publish({ topic: small, key: "k", value });
  const taken = sender.publish({ topic: normal, key: "k", value });
  await Promise.all([expect(refused).rejects.toThrow(RecordTooLargeError), taken]);
});

it("a compacted topic keeps what is followed for as long as its layout says", async () => {
  const name = `t-${randomUUID()}`;
  const layout = {
    name,
    partitions: 1,
    partitionsFixed: true,
    cleanup: "compact",
    minCompactionLagMs: 3_600_000,
  } as const;
  expect(await bus.ensureTopics([layout], "create")).toEqual([]);
  const admin = other.admin();
  await admin.connect();
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: ["min.compaction.lag.ms"] }],
  });
  await admin.disconnect();
  expect(resources[0]?.configEntries).toMatchObject([{ configValue: "3600000" }]);
});

it("a group of two members hands over the partitions of one that is stopped, without a gap", async () => {
  const topic = await newTopic(4);
  const groupId = randomUUID();
  const seen = new Set<string>();
  const handle = async ({ partition, offset }: IncomingRecord) => void seen.add(`${partition}/${offset}`);
  const members = [0, 1].map(() => bus.subscribe({ type: "group", groupId, topics: [topic], handle }));
  await Promise.all(members.map(({ ready }) => ready));
  const sender = bus.sender({ name: "handover" });
  let sent = 0;
  const load = setInterval(() => void sender.publish({ topic, key: String(sent++), value: null }), 5);
  await sleep(500);
  await members[0]?.stop();
  await sleep(500);
  clearInterval(load);
  await sender.flush(10_000);
  await until(() => seen.size === sent);
  await members[1]?.stop();
});

it("a broker that is not there is said to be unreachable, and a subscription waits for it unhealthy", async () => {
  const nowhere = new KafkaBus({
    bootstrapServers: ["127.0.0.1:1"],
    clientId: "nowhere",
    deliveryTimeoutMs: 500,
    // The record is given up before kafkajs lets go of it: stopping waits for that.
    stopTimeoutMs: 10_000,
  });
  const running = nowhere.subscribe({ type: "reader", topic: "t", from: "earliest", handle: () => {} });
  await expect(nowhere.ensureTopics([], "verify")).rejects.toThrow(BusUnavailableError);
  await expect(nowhere.sender({ name: "x" }).publish({ topic: "t", key: null, value: null })).rejects.toThrow(
    BusUnavailableError,
  );
  expect(running.healthy).toBe(false);
  await nowhere.stop();
});
