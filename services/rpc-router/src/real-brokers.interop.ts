import { KafkaBus } from "@ferry/bus/kafka";
import { CONTENT_TYPE, TOPICS } from "@ferry/proto";
import { Catalogue, deleteRecords, followProvisioning, publishRecords, readDocuments } from "@ferry/provisioning";
import { createHealth, createLogger, createMetrics, createShutdown, type Shutdown } from "@ferry/runtime";
import { connectRedis, type RedisState } from "@ferry/state/redis";
import { type KafkaProcess, type RedisProcess, startKafka, startRedis } from "@ferry/testing";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { RPC_ROUTER_CONFIG } from "./config.ts";
import { startRpcRouter } from "./service.ts";

const PREFIX = `router-${process.pid}.`;

let kafka: KafkaProcess;
let redis: RedisProcess;
let bus: KafkaBus;
let state: RedisState;
let shutdown: Shutdown;

beforeAll(async () => {
  [kafka, redis] = await Promise.all([startKafka(), startRedis()]);
  const env = {
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers.join(","),
    KAFKA_TOPIC_PREFIX: PREFIX,
    KAFKA_TOPICS: "create",
    REDIS_URL: redis.url,
  };
  const settings = RPC_ROUTER_CONFIG.load({ env, file: undefined });
  bus = new KafkaBus({ bootstrapServers: kafka.bootstrapServers, clientId: "router-test" });
  state = connectRedis({ url: redis.url });
  const logger = createLogger("rpc-router", { level: "fatal", format: "json" });
  shutdown = createShutdown(logger, 20_000);
  shutdown.onStop("state", () => state.stop());
  shutdown.onStop("bus", () => bus.stop());
  const runtime = {
    logger,
    metrics: createMetrics({ process: false }),
    health: createHealth(0),
    shutdown,
    httpPort: 0,
  };
  await startRpcRouter(settings, runtime, { bus, state });
}, 60_000);

afterAll(async () => {
  await shutdown?.stop();
  await Promise.all([kafka?.stop(), redis?.stop()]);
}, 60_000);

it("on Kafka and Redis: provisions, admits, answers, and rebuilds an emptied Redis from the topic", async () => {
  const options = { timeoutMs: 20_000, topicPrefix: PREFIX };
  const documents = await readDocuments([`${import.meta.dirname}/../../../examples/quickstart`]);
  const outcomes = await publishRecords(bus, documents, options);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(["applied", "applied", "applied"]);

  const catalogue = new Catalogue(state.provisioning);
  await followProvisioning({ bus, catalogue, topicPrefix: PREFIX }).caughtUp;
  expect(await catalogue.admit("demo")).toMatchObject({ type: "admitted" });
  expect(await catalogue.admit("sim-1")).toMatchObject({ type: "admitted" });

  const responses: Record<string, unknown>[] = [];
  const reader = bus.subscribe({
    type: "reader",
    topic: PREFIX + TOPICS.rpcResponse.name,
    from: "latest",
    handle: ({ value, headers }) => {
      expect(headers["content-type"]).toBe(CONTENT_TYPE.json);
      responses.push(JSON.parse(Buffer.from(value ?? []).toString()));
    },
  });
  await reader.ready;
  const sender = bus.sender({ name: "caller", lingerMs: 0 });
  const request = { requestId: "r-1", endpoint: "demo", method: "Read", params: { id: "/3/0/9" } };
  const record = {
    topic: PREFIX + TOPICS.rpcRequest.name,
    key: "default/demo",
    value: Buffer.from(JSON.stringify(request)),
  };
  await sender.publish(record);
  await until(() => responses.length === 1);
  expect(responses[0]).toMatchObject({ requestId: "r-1", status: "NOT_REGISTERED" });

  // It has nothing on disk: what comes back is empty.
  await redis.kill9();
  await redis.restart();
  expect(await deleteRecords(bus, [{ kind: "device", tenant: "default", id: "sim-*" }], options)).toMatchObject([
    { outcome: "deleted" },
  ]);
  expect(await catalogue.admit("demo")).toMatchObject({ type: "admitted" });
  expect(await catalogue.admit("sim-1")).toMatchObject({ type: "refused" });
}, 60_000);

async function until(isSo: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (!isSo() && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(isSo()).toBe(true);
}
