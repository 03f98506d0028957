import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type KafkaProcess, startKafka } from "@ferry/testing";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import kafkajs from "kafkajs";
import type { TopicLayout } from "../bus.ts";
import { KafkaBus } from "./kafka-bus.ts";

const OUTAGE_MS = 3_000;

let kafka: KafkaProcess;
let bus: KafkaBus;
const episodes: string[] = [];

beforeAll(async () => {
  kafka = await startKafka({ own: true });
  bus = new KafkaBus({ bootstrapServers: kafka.bootstrapServers, clientId: "crash" }, (level, message) => {
    if (level !== "debug") episodes.push(message);
  });
}, 60_000);

afterAll(async () => {
  await bus?.stop();
  await kafka?.stop();
}, 60_000);

it("a broker that is killed under load loses no acknowledged record, keeps the order of every key, and its consumers go on", async () => {
  await ensure([{ name: "load", partitions: 6, partitionsFixed: true, cleanup: "delete" }]);
  const keys = Array.from({ length: 40 }, (_, n) => `default/device-${n}`);
  const grouped = new Map<string, number[]>();
  const readOff = new Map<string, number[]>();
  const note = (seen: Map<string, number[]>) => (record: { key: string | null; value: Uint8Array | null }) => {
    const key = record.key ?? "";
    const numbers = seen.get(key) ?? [];
    seen.set(key, numbers);
    numbers.push(Number(Buffer.from(record.value ?? []).toString()));
  };
  const group = bus.subscribe({
    type: "group",
    groupId: "workers",
    topics: ["load"],
    handle: async (each) => note(grouped)(each),
  });
  const reader = bus.subscribe({ type: "reader", topic: "load", from: "latest", handle: note(readOff) });
  await Promise.all([group.ready, reader.ready]);

  const sender = bus.sender({ name: "load" });
  const acknowledged = new Map<string, number[]>(keys.map((key) => [key, []]));
  const outcomes: Promise<void>[] = [];
  let given = 0;
  const publish = (key: string, number: number) => {
    const accepted = sender.publish({ topic: "load", key, value: Buffer.from(String(number)) });
    outcomes.push(
      accepted.then(
        () => void acknowledged.get(key)?.push(number),
        () => {
          given += 1;
        },
      ),
    );
  };
  let number = 0;
  const load = setInterval(() => {
    for (const key of keys) publish(key, number);
    number += 1;
  }, 50);

  await sleep(1_000);
  await kafka.kill9();
  await sleep(OUTAGE_MS);
  expect(sender.pressure).not.toBe("normal");
  await kafka.restart();
  const restartedMs = performance.now();
  const atRestart = count(grouped);
  while (count(grouped) === atRestart) await sleep(20);
  const resumedMs = performance.now() - restartedMs;
  await sleep(1_000);
  clearInterval(load);
  await sender.flush(30_000);
  await Promise.all(outcomes);
  while (!allSeen(acknowledged, grouped) || !allSeen(acknowledged, readOff)) await sleep(20);

  expect(given).toBe(0);
  expect(resumedMs).toBeLessThan(15_000);
  for (const seen of [grouped, readOff]) {
    for (const key of keys) {
      const firsts = [...new Set(seen.get(key))];
      expect(firsts).toEqual(firsts.toSorted((one, other) => one - other));
    }
  }
  expect(episodes.filter((message) => message === "Kafka does not take records")).toHaveLength(1);
  expect(group.healthy && reader.healthy).toBe(true);
  await Promise.all([group.stop(), reader.stop()]);
}, 90_000);

it("a topic that is deleted holds up neither the senders nor the consumers of others", async () => {
  await ensure(["kept", "deleted"].map((name) => ({ name, partitions: 2, partitionsFixed: true, cleanup: "delete" })));
  const seen: string[] = [];
  const group = bus.subscribe({
    type: "group",
    groupId: "others",
    topics: ["kept", "deleted"],
    handle: async ({ topic }) => void seen.push(topic),
  });
  const sender = bus.sender({ name: "others", lingerMs: 0 });
  const publish = (topic: string) => sender.publish({ topic, key: "k", value: Buffer.from("v") });
  await group.ready;
  await publish("kept");
  await publish("deleted");
  while (seen.length < 2) await sleep(20);

  const admin = new kafkajs.Kafka({ brokers: [...kafka.bootstrapServers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: ["deleted"] });
  await admin.disconnect();

  await expect(publish("deleted")).rejects.toThrow("topic deleted does not exist");
  await publish("kept");
  while (seen.filter((topic) => topic === "kept").length < 2) await sleep(20);
  await group.stop();
}, 90_000);

it("a record that a killed process had in hand is handled by another member of its group", async () => {
  await ensure([{ name: "hands", partitions: 1, partitionsFixed: true, cleanup: "delete" }]);
  const sender = bus.sender({ name: "hands", lingerMs: 0 });
  for (const value of ["done", "in hand", "behind"]) {
    await sender.publish({ topic: "hands", key: "k", value: Buffer.from(value) });
  }
  // Handles the first record, commits it, and never finishes the next.
  const member = spawn(process.execPath, ["--input-type=module", "--eval", MEMBER], {
    env: { ...process.env, KAFKA: kafka.bootstrapServers.join(","), BUS: join(import.meta.dirname, "kafka-bus.ts") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  member.stdout.on("data", (text: Buffer) => {
    output += text;
  });
  while (!output.includes("in hand")) await sleep(20);
  const admin = new kafkajs.Kafka({ brokers: [...kafka.bootstrapServers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const committed = async (): Promise<string | undefined> => {
    const [topic] = await admin.fetchOffsets({ groupId: "hands", topics: ["hands"] });
    return topic?.partitions[0]?.offset;
  };
  while ((await committed()) !== "1") await sleep(50);
  await admin.disconnect();
  member.kill("SIGKILL");
  await once(member, "exit");

  const seen: string[] = [];
  const group = bus.subscribe({
    type: "group",
    groupId: "hands",
    topics: ["hands"],
    handle: async ({ value }) => void seen.push(Buffer.from(value ?? []).toString()),
  });
  while (seen.length < 2) await sleep(50);
  expect(seen).toEqual(["in hand", "behind"]);
  await group.stop();
}, 60_000);

const MEMBER = `
  const { KafkaBus } = await import(process.env.BUS);
  const bus = new KafkaBus({ bootstrapServers: [process.env.KAFKA], clientId: "member", sessionTimeoutMs: 6_000 });
  bus.subscribe({
    type: "group",
    groupId: "hands",
    topics: ["hands"],
    handle: async ({ value }) => {
      process.stdout.write(value.toString());
      if (value.toString() === "in hand") await new Promise(() => {});
    },
  });
`;

async function ensure(topics: readonly TopicLayout[]): Promise<void> {
  expect(await bus.ensureTopics(topics, "create")).toEqual([]);
}

function count(seen: ReadonlyMap<string, readonly number[]>): number {
  return [...seen.values()].reduce((sum, numbers) => sum + numbers.length, 0);
}

function allSeen(sent: ReadonlyMap<string, readonly number[]>, seen: ReadonlyMap<string, readonly number[]>): boolean {
  return [...sent].every(([key, numbers]) => {
    const own = new Set(seen.get(key));
    return numbers.every((number) => own.has(number));
  });
}
