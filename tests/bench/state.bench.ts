/**
 * What a device costs in Redis, and what a step costs: `node tests/bench/state.bench.ts [devices]`.
 *
 * Method: a Redis of its own on loopback; bytes are INFO's used_memory before and after `devices` NoSec devices with four observations each
 * (outbox settled); CPU is INFO's used_cpu of the server's main thread, and this process' own, over as many steps of one kind, 64 in flight, after a
 * round to warm up; of the server's, the script alone (INFO commandstats; wall-clock, so crowded cores inflate it), the rest is the socket's. The price of settling, which goes beside Register and Update, is a line of its own.
 */
import { randomBytes } from "node:crypto";
import {
  type DeviceRef,
  type DeviceStore,
  makeRegistrationId,
  NO_SEC,
  type NodeRef,
  type Observation,
  observationToken,
  SHARDS,
  shardOf,
} from "@ferry/state";
import { RedisConnection, RedisDeviceStore } from "@ferry/state/redis";
import { startRedis } from "@ferry/testing";
import { Redis } from "ioredis";

const DEVICES = Number(process.argv[2] ?? 20_000);
const IN_FLIGHT = 64;
const NODES: readonly [NodeRef, NodeRef] = [
  { slot: 0, bootId: "00000000000000a0" },
  { slot: 1, bootId: "00000000000000b1" },
];
const PATHS = ["/3/0/9", "/3303/0/5700", "/3304/0/5700", "/6/0"];
const OBJECT_LINKS =
  '</>;rt="oma.lwm2m";ct="60 110 112 11542",</1/0>;ver=1.1,</3/0>,</4/0>,</5/0>,</6/0>,</7/0>,</3303/0>,</3304/0>';

/** CPU per step, µs. */
interface Figure {
  readonly name: string;
  readonly redisUs: number;
  readonly scriptUs: number;
  readonly clientUs: number;
}

interface BenchDevice extends DeviceRef {
  readonly registrationId: string;
  readonly observations: readonly Observation[];
  /** Its own address. */
  readonly peer: string;
}

const server = await startRedis();
const info = new Redis(server.url);
const connection = new RedisConnection({ url: server.url });
const store = new RedisDeviceStore(connection);
const devices = Array.from({ length: DEVICES }, (_, index) => makeDevice(`urn:dev:ops:ferry-meter-${index}`, index));

const empty = await usedMemory();
const figures = [
  await measure("register + 4 observations", (device) => register(store, device)),
  await measureSettling(),
];
const perDevice = ((await usedMemory()) - empty) / DEVICES;
figures.push(
  await measure("update", (device) => update(store, device, 0)),
  await measure("claim, owned", (device) => claim(store, device, 0)),
  await measure("claim, moved (by token)", (device, index) =>
    claim(store, device, Math.floor(index / DEVICES) % 2 === 0 ? 1 : 0),
  ),
  await measure("get", (device) => store.get(device)),
  await measure("sweep, nothing to do", (_, index) => sweep(index % SHARDS, 1e9)),
);
const lines = [
  `${DEVICES} devices: ${Math.round(perDevice)} bytes each (budget 1300)`,
  ...figures.map(
    ({ name, redisUs, scriptUs, clientUs }) =>
      `${name}: Redis ${redisUs.toFixed(1)} µs (script ${scriptUs.toFixed(1)}), client ${clientUs.toFixed(1)} µs`,
  ),
];
process.stdout.write(`${lines.join("\n")}\n`);
info.disconnect();
await connection.close();
await server.stop();

function makeDevice(endpoint: string, index: number): BenchDevice {
  const shard = shardOf("default", endpoint);
  const observations = PATHS.map(
    (path): Observation => ({
      token: observationToken(shard, randomBytes),
      paths: [path],
      source: "profile",
      contentFormat: 11_542,
    }),
  );
  const peer = `198.18.${index >> 8}.${index & 0xff}:56830`;
  return { tenant: "default", endpoint, registrationId: makeRegistrationId(shard, randomBytes), observations, peer };
}

/** Sweeps and settles what the registrations left in the outbox; per entry. */
async function measureSettling(): Promise<Figure> {
  const meter = await startMeter();
  let settled = 0;
  for (let shard = 0; shard < SHARDS; shard++) settled += await settleShard(shard);
  return { name: "hand over and settle an outbox entry", ...(await meter(settled)) };
}

/** Two rounds over all devices; the second counts. */
async function measure(name: string, step: (device: BenchDevice, index: number) => Promise<unknown>): Promise<Figure> {
  await round(step, 0);
  const meter = await startMeter();
  await round(step, DEVICES);
  return { name, ...(await meter(DEVICES)) };
}

/** Reads the meters now; the function that it returns reads them again and divides by the steps. */
async function startMeter(): Promise<(steps: number) => Promise<Omit<Figure, "name">>> {
  const [redis, script, client] = [await redisCpuUs(), await scriptUs(), process.cpuUsage()];
  return async (steps) => {
    const { user, system } = process.cpuUsage(client);
    return {
      redisUs: ((await redisCpuUs()) - redis) / steps,
      scriptUs: ((await scriptUs()) - script) / steps,
      clientUs: (user + system) / steps,
    };
  };
}

async function round(step: (device: BenchDevice, index: number) => Promise<unknown>, offset: number): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let index = next++; index < DEVICES; index = next++)
        await step(devices[index] as BenchDevice, offset + index);
    }),
  );
}

function register(devices: DeviceStore, device: BenchDevice): Promise<unknown> {
  const { tenant, endpoint, registrationId, observations, peer } = device;
  return devices.register({
    registration: {
      tenant,
      endpoint,
      registrationId,
      lifetimeS: 300,
      lwm2mVersion: "1.1",
      bindingMode: "U",
      queueMode: false,
      objectLinks: OBJECT_LINKS,
      profile: "meter",
      securityMode: "NO_SEC",
      peer,
    },
    digest: randomBytes(12).toString("base64url"),
    observations,
    node: NODES[0],
    nowMs: Date.now(),
  });
}

function update(devices: DeviceStore, { registrationId, peer }: BenchDevice, node: 0 | 1): Promise<unknown> {
  return devices.update({ registrationId, peer, node: NODES[node], sender: NO_SEC, nowMs: Date.now() });
}

function claim(devices: DeviceStore, { observations, peer }: BenchDevice, node: 0 | 1): Promise<unknown> {
  const token = observations[0]?.token ?? new Uint8Array();
  return devices.claim({ proof: { type: "token", token }, peer, node: NODES[node], sender: NO_SEC, nowMs: Date.now() });
}

async function settleShard(shard: number): Promise<number> {
  const outcome = await sweep(shard, 0);
  const ids = outcome.type === "swept" ? outcome.outbox.map(({ id }) => id) : [];
  await store.settle(shard, ids);
  return ids.length;
}

function sweep(shard: number, outboxAgeMs: number): ReturnType<DeviceStore["sweep"]> {
  return store.sweep({ shard, node: NODES[0], outboxAgeMs, graceMs: 247_000, limit: 100, nowMs: Date.now() });
}

async function redisCpuUs(): Promise<number> {
  const text = await info.info("cpu");
  const field = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
  return (field("used_cpu_user_main_thread") + field("used_cpu_sys_main_thread")) * 1e6;
}

async function scriptUs(): Promise<number> {
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(await info.info("commandstats"))?.[1] ?? 0);
}

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await info.info("memory"))?.[1]);
}
