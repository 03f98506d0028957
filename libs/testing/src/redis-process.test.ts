import { expect, it } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { startRedisCluster } from "./redis-cluster-process.ts";
import { startRedis } from "./redis-process.ts";

it("A Redis of a test's own comes back on its port after a crash and is gone after stop", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => {});
  await client.set("key", "value");
  await redis.kill9();
  await redis.restart();
  expect(await client.get("key")).toBeNull();
  client.disconnect();
  await redis.stop();
  const late = new Redis(redis.url, { retryStrategy: null, lazyConnect: true });
  late.on("error", () => {});
  await expect(late.connect()).rejects.toThrow("closed");
});

it("A cluster of a test's own serves every slot", async () => {
  const cluster = await startRedisCluster();
  const client = new Cluster(cluster.masters.map(({ host, port }) => ({ host, port })));
  try {
    for (let i = 0; i < 30; i++) await client.set(`key-${i}`, i);
    const sizes = await Promise.all(client.nodes("master").map((node) => node.dbsize()));
    expect(sizes).toHaveLength(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(30);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  } finally {
    client.disconnect();
    await cluster.stop();
  }
});
