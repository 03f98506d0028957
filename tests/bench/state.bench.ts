/**
 * What a device costs in Redis, and what a step costs: `node tests/bench/state.bench.ts [devices]`.
 *
 * Method: a Redis of its own on loopback; bytes are INFO's used_memory before and after `devices` NoSec devices with four observations each
 * (outbox settled), then of as many with DTLS, each with an association with Connection ID and a session; CPU is INFO's used_cpu of the server's main thread, and this process' own, over as many steps of one kind, 64 in flight, after a
 * round to warm up; of the server's, the script alone (INFO commandstats; wall-clock, so crowded cores inflate it), the rest is the socket's. The price of settling, which goes beside Register and Update, is a line of its own.
 */
import { randomBytes } from "node:crypto";
import {
  type AssociationHold,
  type DeviceRef,
  type DeviceStore,
  makeRegistrationId,
  NO_SEC,
  type NodeRef,
  type Observation,
  observationToken,
  type Registration,
  SHARDS,
  type StoredAssociation,
  type StoredSession,
  shardOf,
} from "@ferry/state";
import { RedisAssociationStore, RedisConnection, RedisDeviceStore } from "@ferry/state/redis";
import { startRedis } from "@ferry/testing";
import { Redis } from "ioredis";

const DEVICES = Number(process.argv[2] ?? 20_000);
const IN_FLIGHT = 64;
const DAY_MS = 86_400_000;
/** What @ferry/dtls-endpoint seals of an association by AEAD with Connection IDs both ways, or of a session. */
const SEALED_BYTES = 102;
const STAMP = Math.floor(Date.now() / 1000);
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
  readonly associationId: string;
  readonly cid: Uint8Array;
}

const server = await startRedis();
const info = new Redis(server.url);
const connection = new RedisConnection({ url: server.url });
const store = new RedisDeviceStore(connection);
const associations = new RedisAssociationStore(connection);
const devices = Array.from({ length: DEVICES }, (_, index) => makeDevice(`urn:dev:ops:ferry-meter-${index}`, index));
const secureDevices = devices.map((_, index) => makeDevice(`urn:dev:ops:ferry-secure-${index}`, index));

const empty = await usedMemory();
const figures = [
  await measure("register + 4 observations", (device) => register(store, device, "NO_SEC")),
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

await settleAll();
const beforeSecure = await usedMemory();
await round(async (_, index) => register(store, secureDevice(index), "PSK"), 0);
await settleAll();
const registered = await usedMemory();
await round(async (_, index) => associations.put(association(secureDevice(index)), DAY_MS), 0);
const associated = await usedMemory();
await round(async (_, index) => associations.putSession(session(secureDevice(index)), DAY_MS), 0);
const perSecureDevice = ((await usedMemory()) - beforeSecure) / DEVICES;
figures.push(
  await measure("association: mark", (_, index) => associations.mark(receivedBy(secureDevice(index)))),
  await measure("association: reserve", (_, index) => associations.reserve(receivedBy(secureDevice(index)))),
  await measure("association: find by Connection ID", (_, index) => associations.findByCid(secureDevice(index).cid)),
  await measure("association: claim", (_, index) => {
    const { association, ttlMs } = receivedBy(secureDevice(index));
    return associations.claim({ association, node: NODES[1], ttlMs, nowMs: Date.now() });
  }),
);
const lines = [
  `${DEVICES} devices: ${Math.round(perDevice)} bytes each (budget 1300)`,
  `${DEVICES} with DTLS: ${Math.round(perSecureDevice)} bytes each (budget 2100): registration ${Math.round((registered - beforeSecure) / DEVICES)}, association ${Math.round((associated - registered) / DEVICES)}, session ${Math.round(perSecureDevice - (associated - beforeSecure) / DEVICES)}`,
  ...figures.map(
    ({ name, redisUs, scriptUs, clientUs }) =>
      `${name}: Redis ${redisUs.toFixed(1)} µs (script ${scriptUs.toFixed(1)}), client ${clientUs.toFixed(1)} µs`,
  ),
];
process.stdout.write(`${lines.join("\n")}\n`);
info.disconnect();
await connection.close();
await server.stop();

function secureDevice(index: number): BenchDevice {
  return secureDevices[index % DEVICES] as BenchDevice; // Below the length.
}

function association({ tenant, endpoint, associationId, cid, peer }: BenchDevice): StoredAssociation {
  return {
    id: associationId,
    device: { tenant, endpoint },
    securityMode: "PSK",
    suite: 0xc0a8,
    cid,
    createdAtMs: Date.now(),
    sealed: randomBytes(SEALED_BYTES),
    owner: NODES[0],
    stamp: STAMP,
    sendCeiling: 1024,
    mark: { newest: 1, window: new Uint8Array(8) },
    address: peer,
  };
}

/** What the device's first owner shows when it stores its mark. */
function receivedBy(device: BenchDevice): AssociationHold & Pick<StoredAssociation, "mark" | "address"> {
  const { id, device: ref, mark, address } = association(device);
  return {
    association: { id, device: ref },
    node: NODES[0],
    stamp: STAMP,
    ceiling: 1024,
    ttlMs: DAY_MS,
    mark,
    address,
  };
}

function session({ tenant, endpoint }: BenchDevice): StoredSession {
  return { id: randomBytes(32), device: { tenant, endpoint }, sealed: randomBytes(SEALED_BYTES) };
}

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
  const registrationId = makeRegistrationId(shard, randomBytes);
  const associationId = randomBytes(9).toString("base64url");
  return { tenant: "default", endpoint, registrationId, observations, peer, associationId, cid: randomBytes(8) };
}

/** Sweeps and settles what the registrations left in the outbox; per entry. */
async function measureSettling(): Promise<Figure> {
  const meter = await startMeter();
  return { name: "hand over and settle an outbox entry", ...(await meter(await settleAll())) };
}

async function settleAll(): Promise<number> {
  let settled = 0;
  for (let shard = 0; shard < SHARDS; shard++) settled += await settleShard(shard);
  return settled;
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

function register(
  devices: DeviceStore,
  device: BenchDevice,
  securityMode: Registration["securityMode"],
): Promise<unknown> {
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
      securityMode,
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
