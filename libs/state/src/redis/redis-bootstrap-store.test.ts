import { type RedisProcess, startRedis } from "@ferry/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import { BOOTSTRAP_MEMORY_MS, type BootstrapSummary } from "../bootstrap-store.ts";
import { newDevice } from "../contract/harness.ts";
import type { DeviceRef } from "../device-store.ts";
import { StateUnavailableError } from "../errors.ts";
import { shardOf } from "../shard.ts";
import { RedisConnection } from "./connection.ts";
import { lastBootstrapKeys, nameOf, shardPrefix } from "./keys.ts";
import { RedisBootstrapStore } from "./redis-bootstrap-store.ts";

const SUMMARY: BootstrapSummary = {
  sessionId: "00000000000000a0",
  node: "ferry-bootstrap-0",
  startedAtMs: 1_800_000_000_000,
  outcome: "running",
  reason: "",
  securityMode: "NO_SEC",
  servers: [],
  steps: [],
};

let server: RedisProcess;
let raw: Redis;
let connection: RedisConnection;
let store: RedisBootstrapStore;
let quarantined: number;
let device: DeviceRef;
let keys: { readonly last: string; readonly bad: string };

beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
  connection = new RedisConnection({ url: server.url });
  store = new RedisBootstrapStore(connection, { onQuarantine: (count) => (quarantined += count) });
});
beforeEach(() => {
  quarantined = 0;
  device = newDevice();
  keys = lastBootstrapKeys(device);
});
afterAll(async () => {
  await connection.close();
  raw.disconnect();
  await server.stop();
});

it("It lies in the device's slot, for 30 days", async () => {
  await store.put(device, SUMMARY);
  expect(keys.last).toBe(`${shardPrefix(shardOf(device.tenant, device.endpoint))}b:last:${nameOf(device)}`);
  const ttlMs = await raw.pttl(keys.last);
  expect(ttlMs).toBeLessThanOrEqual(BOOTSTRAP_MEMORY_MS);
  expect(ttlMs).toBeGreaterThan(BOOTSTRAP_MEMORY_MS - 60_000);
});

describe("A last bootstrap that does not parse", () => {
  const damages: Record<string, () => Promise<unknown>> = {
    empty: () => raw.set(keys.last, ""),
    "no JSON": () => raw.set(keys.last, "{"),
    "of another version": () => raw.set(keys.last, JSON.stringify({ ...SUMMARY, v: 2 })),
    "of another type": () => raw.lpush(keys.last, "x"),
  };
  it.each(Object.keys(damages))("Counts as none, is counted and kept apart for a week (%s)", async (damage) => {
    await damages[damage]?.();
    expect([await store.get(device), await store.get(device), quarantined]).toEqual([undefined, undefined, 1]);
    expect(await raw.pttl(keys.bad)).toBeGreaterThan(6 * 86_400_000);
  });

  it.each(Object.keys(damages))("Stands in nobody's way (%s)", async (damage) => {
    await damages[damage]?.();
    await store.put(device, SUMMARY);
    expect(await store.get(device)).toEqual(SUMMARY);
  });
});

it("A Redis that is away rejects every step with StateUnavailableError", async () => {
  const away = new RedisConnection({ url: "redis://127.0.0.1:1", commandTimeoutMs: 100 });
  const absent = new RedisBootstrapStore(away);
  try {
    for (const step of [() => absent.put(device, SUMMARY), () => absent.get(device)]) {
      await expect(step()).rejects.toThrow(StateUnavailableError);
    }
  } finally {
    await away.close();
  }
});
