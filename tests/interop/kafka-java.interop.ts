import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { partitionOf } from "@ferry/bus";
import { KafkaBus } from "@ferry/bus/kafka";
import { CONTENT_TYPE, encodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import { type KafkaProcess, startKafka } from "@ferry/testing";
import { afterAll, beforeAll, expect, it } from "@jest/globals";

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, "../..");
const JARS = join(
  process.env.KAFKA_DEV_DIR ?? join(ROOT, ".ferry/kafka"),
  `libs-${process.env.KAFKA_VERSION ?? "4.4.0"}`,
);
const PEER = join(import.meta.dirname, "java/KafkaPeer.java");
const PARTITIONS = 7;
const KEYS = ["default/a", "default/meter-17", "default/größe-☃", "acme/urn:dev:ops:32473-Refrigerator-5002", "x"];

let kafka: KafkaProcess;
let bus: KafkaBus;

beforeAll(async () => {
  kafka = await startKafka();
  bus = new KafkaBus({ bootstrapServers: kafka.bootstrapServers, clientId: "interop", compressionType: "gzip" });
}, 60_000);

afterAll(async () => {
  await bus?.stop();
  await kafka?.stop();
}, 60_000);

async function newTopic(): Promise<string> {
  const name = `interop-${randomUUID()}`;
  const layout = { name, partitions: PARTITIONS, partitionsFixed: true, cleanup: "delete" } as const;
  expect(await bus.ensureTopics([layout], "create")).toEqual([]);
  return name;
}

/** Runs Kafka's Java client; its lines, split at spaces. */
async function javaPeer(...args: readonly string[]): Promise<string[][]> {
  const { stdout } = await run(
    "java",
    ["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", `${JARS}/*`, PEER, ...args],
    {
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    },
  );
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
}

it("puts a key into the partition into which the Java client puts it", async () => {
  const topic = await newTopic();
  const placed = await javaPeer("produce", kafka.bootstrapServers.join(","), topic, ...KEYS);
  expect(placed).toEqual(KEYS.map((key) => [String(partitionOf(key, PARTITIONS)), key]));
}, 60_000);

it("writes gzip records with headers, and tombstones, that the Java client reads", async () => {
  const topic = await newTopic();
  const sender = bus.sender({ name: "interop" });
  const type = TOPICS.telemetry.type ?? lwm2m.v1.TelemetryRecord;
  const value = encodeMessage(
    type,
    { samples: [{ key: "batteryLevel", value: { int64: 100 } }] },
    CONTENT_TYPE.protobuf,
  );
  const headers = { "content-type": CONTENT_TYPE.protobuf, note: "grüße" };
  await Promise.all(KEYS.map((key) => sender.publish({ topic, key, value, headers })));
  await sender.publish({ topic, key: "gone", value: null });

  const lines = await javaPeer("consume", kafka.bootstrapServers.join(","), topic, String(KEYS.length + 1));
  const read = new Map(lines.map(([partition, key, text, header]) => [key, { partition, text, header }]));
  for (const key of KEYS) {
    expect(read.get(key)).toEqual({
      partition: String(partitionOf(key, PARTITIONS)),
      text: Buffer.from(value).toString("base64"),
      header: "content-type=application/x-protobuf,note=grüße",
    });
  }
  expect(read.get("gone")?.text).toBe("null");
}, 60_000);
